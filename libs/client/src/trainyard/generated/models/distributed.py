from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

from ..types import UNSET, Unset

T = TypeVar("T", bound="Distributed")


@_attrs_define
class Distributed:
    """How far one attempt of the trainer can spread.

    Attributes:
        gpus (int | Unset): The most GPUs that it uses on a node, a rank each Default: 1.
        nodes (int | Unset): The most nodes that it uses Default: 1.
        ranks (None | str | Unset): The config field for ranks on CPUs
        shared (None | str | Unset): The config field, a number, that ranks share out evenly
    """

    gpus: int | Unset = 1
    nodes: int | Unset = 1
    ranks: None | str | Unset = UNSET
    shared: None | str | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        gpus = self.gpus

        nodes = self.nodes

        ranks: None | str | Unset
        if isinstance(self.ranks, Unset):
            ranks = UNSET
        else:
            ranks = self.ranks

        shared: None | str | Unset
        if isinstance(self.shared, Unset):
            shared = UNSET
        else:
            shared = self.shared

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if gpus is not UNSET:
            field_dict["gpus"] = gpus
        if nodes is not UNSET:
            field_dict["nodes"] = nodes
        if ranks is not UNSET:
            field_dict["ranks"] = ranks
        if shared is not UNSET:
            field_dict["shared"] = shared

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        gpus = d.pop("gpus", UNSET)

        nodes = d.pop("nodes", UNSET)

        def _parse_ranks(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        ranks = _parse_ranks(d.pop("ranks", UNSET))

        def _parse_shared(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        shared = _parse_shared(d.pop("shared", UNSET))

        distributed = cls(
            gpus=gpus,
            nodes=nodes,
            ranks=ranks,
            shared=shared,
        )

        return distributed
