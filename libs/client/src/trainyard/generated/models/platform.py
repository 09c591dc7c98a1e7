from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.platform_training_mode import PlatformTrainingMode

if TYPE_CHECKING:
    from ..models.platform_jobs import PlatformJobs


T = TypeVar("T", bound="Platform")


@_attrs_define
class Platform:
    """What runs here, and how busy it is.

    Attributes:
        training_mode (PlatformTrainingMode): Trainings are processes beside the backend, or Kubernetes Jobs
        gpus (int | None): Of the machine that trains; null: a scheduler finds one, or none can tell now
        jobs (PlatformJobs): How many are in each state that goes on
        placements (list[str]):
        priorities (list[str]): That jobs may ask for in their `resources`, as `placements`
    """

    training_mode: PlatformTrainingMode
    gpus: int | None
    jobs: PlatformJobs
    placements: list[str]
    priorities: list[str]
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        training_mode = self.training_mode.value

        gpus: int | None
        gpus = self.gpus

        jobs = self.jobs.to_dict()

        placements = self.placements

        priorities = self.priorities

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "training_mode": training_mode,
                "gpus": gpus,
                "jobs": jobs,
                "placements": placements,
                "priorities": priorities,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.platform_jobs import PlatformJobs  # noqa: PLC0415

        d = dict(src_dict)
        training_mode = PlatformTrainingMode(d.pop("training_mode"))

        def _parse_gpus(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        gpus = _parse_gpus(d.pop("gpus"))

        jobs = PlatformJobs.from_dict(d.pop("jobs"))

        placements = cast(list[str], d.pop("placements"))

        priorities = cast(list[str], d.pop("priorities"))

        platform = cls(
            training_mode=training_mode,
            gpus=gpus,
            jobs=jobs,
            placements=placements,
            priorities=priorities,
        )

        platform.additional_properties = d
        return platform

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
