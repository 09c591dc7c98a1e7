from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

from ..types import UNSET, Unset

T = TypeVar("T", bound="Resources")


@_attrs_define
class Resources:
    """What one attempt may use, on each of its nodes. `memory` is a Kubernetes quantity.

    Attributes:
        cpu (float | Unset): CPU cores Default: 2.0.
        memory (str | Unset):  Default: '4Gi'.
        gpu (int | Unset):  Default: 0.
        nodes (int | Unset): Machines that train together; each gets this much CPU, memory and GPUs Default: 1.
        placement (None | str | Unset): One of the places that the platform offers (`trainer.job.placements`)
        priority (None | str | Unset): Whose turn it is first in Kueue's queues: one of the platform's priorities
            (`trainer.job.kueue.priorities`)
    """

    cpu: float | Unset = 2.0
    memory: str | Unset = "4Gi"
    gpu: int | Unset = 0
    nodes: int | Unset = 1
    placement: None | str | Unset = UNSET
    priority: None | str | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        cpu = self.cpu

        memory = self.memory

        gpu = self.gpu

        nodes = self.nodes

        placement: None | str | Unset
        if isinstance(self.placement, Unset):
            placement = UNSET
        else:
            placement = self.placement

        priority: None | str | Unset
        if isinstance(self.priority, Unset):
            priority = UNSET
        else:
            priority = self.priority

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if cpu is not UNSET:
            field_dict["cpu"] = cpu
        if memory is not UNSET:
            field_dict["memory"] = memory
        if gpu is not UNSET:
            field_dict["gpu"] = gpu
        if nodes is not UNSET:
            field_dict["nodes"] = nodes
        if placement is not UNSET:
            field_dict["placement"] = placement
        if priority is not UNSET:
            field_dict["priority"] = priority

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        cpu = d.pop("cpu", UNSET)

        memory = d.pop("memory", UNSET)

        gpu = d.pop("gpu", UNSET)

        nodes = d.pop("nodes", UNSET)

        def _parse_placement(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        placement = _parse_placement(d.pop("placement", UNSET))

        def _parse_priority(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        priority = _parse_priority(d.pop("priority", UNSET))

        resources = cls(
            cpu=cpu,
            memory=memory,
            gpu=gpu,
            nodes=nodes,
            placement=placement,
            priority=priority,
        )

        return resources
