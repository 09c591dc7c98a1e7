from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.completed_part import CompletedPart
    from ..models.upload_part import UploadPart


T = TypeVar("T", bound="Upload")


@_attrs_define
class Upload:
    """PUT each part of `part_size` bytes (the last may be smaller) to its link within 24 hours.

    Attributes:
        part_size (int):
        parts (list[UploadPart]):
        arrived (list[CompletedPart] | Unset): Parts that are there already
    """

    part_size: int
    parts: list[UploadPart]
    arrived: list[CompletedPart] | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        part_size = self.part_size

        parts = []
        for parts_item_data in self.parts:
            parts_item = parts_item_data.to_dict()
            parts.append(parts_item)

        arrived: list[dict[str, Any]] | Unset = UNSET
        if not isinstance(self.arrived, Unset):
            arrived = []
            for arrived_item_data in self.arrived:
                arrived_item = arrived_item_data.to_dict()
                arrived.append(arrived_item)

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "part_size": part_size,
                "parts": parts,
            }
        )
        if arrived is not UNSET:
            field_dict["arrived"] = arrived

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.completed_part import CompletedPart  # noqa: PLC0415
        from ..models.upload_part import UploadPart  # noqa: PLC0415

        d = dict(src_dict)
        part_size = d.pop("part_size")

        parts = []
        _parts = d.pop("parts")
        for parts_item_data in _parts:
            parts_item = UploadPart.from_dict(parts_item_data)

            parts.append(parts_item)

        _arrived = d.pop("arrived", UNSET)
        arrived: list[CompletedPart] | Unset = UNSET
        if _arrived is not UNSET:
            arrived = []
            for arrived_item_data in _arrived:
                arrived_item = CompletedPart.from_dict(arrived_item_data)

                arrived.append(arrived_item)

        upload = cls(
            part_size=part_size,
            parts=parts,
            arrived=arrived,
        )

        upload.additional_properties = d
        return upload

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
