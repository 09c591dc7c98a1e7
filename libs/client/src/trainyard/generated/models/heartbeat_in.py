from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.heartbeat_in_phase_type_0 import HeartbeatInPhaseType0
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.heartbeat_in_metrics import HeartbeatInMetrics
    from ..models.heartbeat_in_system import HeartbeatInSystem


T = TypeVar("T", bound="HeartbeatIn")


@_attrs_define
class HeartbeatIn:
    """
    Attributes:
        epoch (int | None | Unset): The epoch just finished, counted from 0
        metrics (HeartbeatInMetrics | Unset): The first 200 are kept; NaN and infinity as null
        seq (int | None | Unset): Growing
        phase (HeartbeatInPhaseType0 | None | Unset):
        step (int | None | Unset): Batches trained so far
        progress (float | None | Unset):
        speed (float | None | Unset): Images a second
        transferred (int | None | Unset): Bytes from and to the store since the last heartbeat: they too are progress
        system (HeartbeatInSystem | Unset):
    """

    epoch: int | None | Unset = UNSET
    metrics: HeartbeatInMetrics | Unset = UNSET
    seq: int | None | Unset = UNSET
    phase: HeartbeatInPhaseType0 | None | Unset = UNSET
    step: int | None | Unset = UNSET
    progress: float | None | Unset = UNSET
    speed: float | None | Unset = UNSET
    transferred: int | None | Unset = UNSET
    system: HeartbeatInSystem | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        epoch: int | None | Unset
        if isinstance(self.epoch, Unset):
            epoch = UNSET
        else:
            epoch = self.epoch

        metrics: dict[str, Any] | Unset = UNSET
        if not isinstance(self.metrics, Unset):
            metrics = self.metrics.to_dict()

        seq: int | None | Unset
        if isinstance(self.seq, Unset):
            seq = UNSET
        else:
            seq = self.seq

        phase: None | str | Unset
        if isinstance(self.phase, Unset):
            phase = UNSET
        elif isinstance(self.phase, HeartbeatInPhaseType0):
            phase = self.phase.value
        else:
            phase = self.phase

        step: int | None | Unset
        if isinstance(self.step, Unset):
            step = UNSET
        else:
            step = self.step

        progress: float | None | Unset
        if isinstance(self.progress, Unset):
            progress = UNSET
        else:
            progress = self.progress

        speed: float | None | Unset
        if isinstance(self.speed, Unset):
            speed = UNSET
        else:
            speed = self.speed

        transferred: int | None | Unset
        if isinstance(self.transferred, Unset):
            transferred = UNSET
        else:
            transferred = self.transferred

        system: dict[str, Any] | Unset = UNSET
        if not isinstance(self.system, Unset):
            system = self.system.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if epoch is not UNSET:
            field_dict["epoch"] = epoch
        if metrics is not UNSET:
            field_dict["metrics"] = metrics
        if seq is not UNSET:
            field_dict["seq"] = seq
        if phase is not UNSET:
            field_dict["phase"] = phase
        if step is not UNSET:
            field_dict["step"] = step
        if progress is not UNSET:
            field_dict["progress"] = progress
        if speed is not UNSET:
            field_dict["speed"] = speed
        if transferred is not UNSET:
            field_dict["transferred"] = transferred
        if system is not UNSET:
            field_dict["system"] = system

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.heartbeat_in_metrics import HeartbeatInMetrics  # noqa: PLC0415
        from ..models.heartbeat_in_system import HeartbeatInSystem  # noqa: PLC0415

        d = dict(src_dict)

        def _parse_epoch(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        epoch = _parse_epoch(d.pop("epoch", UNSET))

        _metrics = d.pop("metrics", UNSET)
        metrics: HeartbeatInMetrics | Unset
        if isinstance(_metrics, Unset):
            metrics = UNSET
        else:
            metrics = HeartbeatInMetrics.from_dict(_metrics)

        def _parse_seq(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        seq = _parse_seq(d.pop("seq", UNSET))

        def _parse_phase(data: object) -> HeartbeatInPhaseType0 | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                phase_type_0 = HeartbeatInPhaseType0(data)

                return phase_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(HeartbeatInPhaseType0 | None | Unset, data)

        phase = _parse_phase(d.pop("phase", UNSET))

        def _parse_step(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        step = _parse_step(d.pop("step", UNSET))

        def _parse_progress(data: object) -> float | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(float | None | Unset, data)

        progress = _parse_progress(d.pop("progress", UNSET))

        def _parse_speed(data: object) -> float | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(float | None | Unset, data)

        speed = _parse_speed(d.pop("speed", UNSET))

        def _parse_transferred(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        transferred = _parse_transferred(d.pop("transferred", UNSET))

        _system = d.pop("system", UNSET)
        system: HeartbeatInSystem | Unset
        if isinstance(_system, Unset):
            system = UNSET
        else:
            system = HeartbeatInSystem.from_dict(_system)

        heartbeat_in = cls(
            epoch=epoch,
            metrics=metrics,
            seq=seq,
            phase=phase,
            step=step,
            progress=progress,
            speed=speed,
            transferred=transferred,
            system=system,
        )

        heartbeat_in.additional_properties = d
        return heartbeat_in

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
