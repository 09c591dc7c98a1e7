from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.heartbeat_accepted_command import HeartbeatAcceptedCommand

T = TypeVar("T", bound="HeartbeatAccepted")


@_attrs_define
class HeartbeatAccepted:
    """
    Attributes:
        command (HeartbeatAcceptedCommand): `finish`: end well after this epoch; `stop`: save and leave, SIGTERM follows
        interval_s (float): Seconds until the next heartbeat; send changes immediately
    """

    command: HeartbeatAcceptedCommand
    interval_s: float
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        command = self.command.value

        interval_s = self.interval_s

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "command": command,
                "interval_s": interval_s,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        command = HeartbeatAcceptedCommand(d.pop("command"))

        interval_s = d.pop("interval_s")

        heartbeat_accepted = cls(
            command=command,
            interval_s=interval_s,
        )

        heartbeat_accepted.additional_properties = d
        return heartbeat_accepted

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
