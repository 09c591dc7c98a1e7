from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define

from ..types import UNSET, Unset

T = TypeVar("T", bound="Distributed")


@_attrs_define
class Distributed:
    """How far one attempt of the trainer can spread.

    Attributes:
        gpus (int | Unset): The most GPUs that it uses Default: 1.
    """

    gpus: int | Unset = 1

    def to_dict(self) -> dict[str, Any]:
        gpus = self.gpus

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if gpus is not UNSET:
            field_dict["gpus"] = gpus

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        gpus = d.pop("gpus", UNSET)

        distributed = cls(
            gpus=gpus,
        )

        return distributed
