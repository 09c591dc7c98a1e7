from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.attempt_out_system import AttemptOutSystem


T = TypeVar("T", bound="AttemptOut")


@_attrs_define
class AttemptOut:
    """One launch of a job's trainer. Times are UTC.

    Attributes:
        number (int): Counted from 1
        executor (str): `subprocess`, `kubernetes`, or `attached`: it runs in a script of its user's
        cause (None | str): Why it ended; null until it has, and that is judged
        message (None | str): What happened and what to do
        exit_code (int | None):
        epoch (int | None): The last that it finished, counted from 0
        system (AttemptOutSystem): As its last heartbeat told them
        created_at (datetime.datetime):
        launched_at (datetime.datetime | None):
        heartbeat_at (datetime.datetime | None):
        stop_requested_at (datetime.datetime | None):
        ended_at (datetime.datetime | None):
    """

    number: int
    executor: str
    cause: None | str
    message: None | str
    exit_code: int | None
    epoch: int | None
    system: AttemptOutSystem
    created_at: datetime.datetime
    launched_at: datetime.datetime | None
    heartbeat_at: datetime.datetime | None
    stop_requested_at: datetime.datetime | None
    ended_at: datetime.datetime | None
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        number = self.number

        executor = self.executor

        cause: None | str
        cause = self.cause

        message: None | str
        message = self.message

        exit_code: int | None
        exit_code = self.exit_code

        epoch: int | None
        epoch = self.epoch

        system = self.system.to_dict()

        created_at = self.created_at.isoformat()

        launched_at: None | str
        if isinstance(self.launched_at, datetime.datetime):
            launched_at = self.launched_at.isoformat()
        else:
            launched_at = self.launched_at

        heartbeat_at: None | str
        if isinstance(self.heartbeat_at, datetime.datetime):
            heartbeat_at = self.heartbeat_at.isoformat()
        else:
            heartbeat_at = self.heartbeat_at

        stop_requested_at: None | str
        if isinstance(self.stop_requested_at, datetime.datetime):
            stop_requested_at = self.stop_requested_at.isoformat()
        else:
            stop_requested_at = self.stop_requested_at

        ended_at: None | str
        if isinstance(self.ended_at, datetime.datetime):
            ended_at = self.ended_at.isoformat()
        else:
            ended_at = self.ended_at

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "number": number,
                "executor": executor,
                "cause": cause,
                "message": message,
                "exit_code": exit_code,
                "epoch": epoch,
                "system": system,
                "created_at": created_at,
                "launched_at": launched_at,
                "heartbeat_at": heartbeat_at,
                "stop_requested_at": stop_requested_at,
                "ended_at": ended_at,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.attempt_out_system import AttemptOutSystem  # noqa: PLC0415

        d = dict(src_dict)
        number = d.pop("number")

        executor = d.pop("executor")

        def _parse_cause(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        cause = _parse_cause(d.pop("cause"))

        def _parse_message(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        message = _parse_message(d.pop("message"))

        def _parse_exit_code(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        exit_code = _parse_exit_code(d.pop("exit_code"))

        def _parse_epoch(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        epoch = _parse_epoch(d.pop("epoch"))

        system = AttemptOutSystem.from_dict(d.pop("system"))

        created_at = datetime.datetime.fromisoformat(d.pop("created_at"))

        def _parse_launched_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                launched_at_type_0 = datetime.datetime.fromisoformat(data)

                return launched_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        launched_at = _parse_launched_at(d.pop("launched_at"))

        def _parse_heartbeat_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                heartbeat_at_type_0 = datetime.datetime.fromisoformat(data)

                return heartbeat_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        heartbeat_at = _parse_heartbeat_at(d.pop("heartbeat_at"))

        def _parse_stop_requested_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                stop_requested_at_type_0 = datetime.datetime.fromisoformat(data)

                return stop_requested_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        stop_requested_at = _parse_stop_requested_at(d.pop("stop_requested_at"))

        def _parse_ended_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                ended_at_type_0 = datetime.datetime.fromisoformat(data)

                return ended_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        ended_at = _parse_ended_at(d.pop("ended_at"))

        attempt_out = cls(
            number=number,
            executor=executor,
            cause=cause,
            message=message,
            exit_code=exit_code,
            epoch=epoch,
            system=system,
            created_at=created_at,
            launched_at=launched_at,
            heartbeat_at=heartbeat_at,
            stop_requested_at=stop_requested_at,
            ended_at=ended_at,
        )

        attempt_out.additional_properties = d
        return attempt_out

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
