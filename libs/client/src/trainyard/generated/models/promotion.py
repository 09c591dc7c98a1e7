from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

from ..models.promotion_split import PromotionSplit
from ..types import UNSET, Unset

T = TypeVar("T", bound="Promotion")


@_attrs_define
class Promotion:
    """Without a dataset it is the way back, to the version that the present one replaced.

    Attributes:
        version (int):
        dataset_id (None | str | Unset): The gate: how it was judged on this
        split (PromotionSplit | Unset):  Default: PromotionSplit.VAL.
        threshold (float | None | Unset): null: what the replaced version has
    """

    version: int
    dataset_id: None | str | Unset = UNSET
    split: PromotionSplit | Unset = PromotionSplit.VAL
    threshold: float | None | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        version = self.version

        dataset_id: None | str | Unset
        if isinstance(self.dataset_id, Unset):
            dataset_id = UNSET
        else:
            dataset_id = self.dataset_id

        split: str | Unset = UNSET
        if not isinstance(self.split, Unset):
            split = self.split.value

        threshold: float | None | Unset
        if isinstance(self.threshold, Unset):
            threshold = UNSET
        else:
            threshold = self.threshold

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "version": version,
            }
        )
        if dataset_id is not UNSET:
            field_dict["dataset_id"] = dataset_id
        if split is not UNSET:
            field_dict["split"] = split
        if threshold is not UNSET:
            field_dict["threshold"] = threshold

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        version = d.pop("version")

        def _parse_dataset_id(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        dataset_id = _parse_dataset_id(d.pop("dataset_id", UNSET))

        _split = d.pop("split", UNSET)
        split: PromotionSplit | Unset
        if isinstance(_split, Unset):
            split = UNSET
        else:
            split = PromotionSplit(_split)

        def _parse_threshold(data: object) -> float | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(float | None | Unset, data)

        threshold = _parse_threshold(d.pop("threshold", UNSET))

        promotion = cls(
            version=version,
            dataset_id=dataset_id,
            split=split,
            threshold=threshold,
        )

        return promotion
