from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define

from ..models.task import Task
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.job_attach_config import JobAttachConfig


T = TypeVar("T", bound="JobAttach")


@_attrs_define
class JobAttach:
    """
    Attributes:
        task (Task): What a model does with an image.
        trainer (str | Unset):  Default: 'ultralytics'.
        name (None | str | Unset): Shown in lists; need not be unique
        config (JobAttachConfig | Unset): Fields of the trainer's `config_schema`; the rest has defaults
    """

    task: Task
    trainer: str | Unset = "ultralytics"
    name: None | str | Unset = UNSET
    config: JobAttachConfig | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        task = self.task.value

        trainer = self.trainer

        name: None | str | Unset
        if isinstance(self.name, Unset):
            name = UNSET
        else:
            name = self.name

        config: dict[str, Any] | Unset = UNSET
        if not isinstance(self.config, Unset):
            config = self.config.to_dict()

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "task": task,
            }
        )
        if trainer is not UNSET:
            field_dict["trainer"] = trainer
        if name is not UNSET:
            field_dict["name"] = name
        if config is not UNSET:
            field_dict["config"] = config

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.job_attach_config import JobAttachConfig  # noqa: PLC0415

        d = dict(src_dict)
        task = Task(d.pop("task"))

        trainer = d.pop("trainer", UNSET)

        def _parse_name(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        name = _parse_name(d.pop("name", UNSET))

        _config = d.pop("config", UNSET)
        config: JobAttachConfig | Unset
        if isinstance(_config, Unset):
            config = UNSET
        else:
            config = JobAttachConfig.from_dict(_config)

        job_attach = cls(
            task=task,
            trainer=trainer,
            name=name,
            config=config,
        )

        return job_attach
