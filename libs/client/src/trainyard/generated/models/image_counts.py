from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="ImageCounts")


@_attrs_define
class ImageCounts:
    """
    Attributes:
        train (int | Unset):  Default: 0.
        val (int | Unset):  Default: 0.
        test (int | Unset):  Default: 0.
    """

    train: int | Unset = 0
    val: int | Unset = 0
    test: int | Unset = 0
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        train = self.train

        val = self.val

        test = self.test

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if train is not UNSET:
            field_dict["train"] = train
        if val is not UNSET:
            field_dict["val"] = val
        if test is not UNSET:
            field_dict["test"] = test

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        train = d.pop("train", UNSET)

        val = d.pop("val", UNSET)

        test = d.pop("test", UNSET)

        image_counts = cls(
            train=train,
            val=val,
            test=test,
        )

        image_counts.additional_properties = d
        return image_counts

    @property
    def additional_keys(self) -> list[str]:
        return list(self.additional_properties.keys())

    def __getitem__(self, key: str) -> Any:
        return self.additional_properties[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.additional_properties[key] = value

    def __delitem__(self, key: str) -> None:
        del self.additional_properties[key]

    def __contains__(self, key: str) -> bool:
        return key in self.additional_properties
