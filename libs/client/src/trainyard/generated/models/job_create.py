from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.job_create_config import JobCreateConfig
    from ..models.resources import Resources


T = TypeVar("T", bound="JobCreate")


@_attrs_define
class JobCreate:
    """
    Attributes:
        dataset_id (str): A dataset that is ready
        trainer (str | Unset):  Default: 'ultralytics'.
        name (None | str | Unset): Shown in lists; need not be unique
        config (JobCreateConfig | Unset): Fields of the trainer's `config_schema`; the rest has defaults
        weights (None | str | Unset): What to start from: the name of weights, their `sha256:…`, `job:ID` for that job's
            best.pt, `job:ID/last.pt` for another file of it, `model:NAME@ALIAS` or `model:NAME/VERSION` for a registered
            model, or `none`. Default: the pretrained weights of the chosen model where the platform has or fetches them,
            else none
        debug (bool | Unset): Start a debugger in the trainer and wait for it; liveness limits are off Default: False.
        max_attempts (int | Unset): Launches, the first included, before it fails Default: 3.
        max_duration_s (int | None | Unset): Counts from the first launch, waiting for a node or in Kueue's queue
            included
        resources (None | Resources | Unset): What is left out is as the trainer's manifest has it
    """

    dataset_id: str
    trainer: str | Unset = "ultralytics"
    name: None | str | Unset = UNSET
    config: JobCreateConfig | Unset = UNSET
    weights: None | str | Unset = UNSET
    debug: bool | Unset = False
    max_attempts: int | Unset = 3
    max_duration_s: int | None | Unset = UNSET
    resources: None | Resources | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        from ..models.resources import Resources  # noqa: PLC0415

        dataset_id = self.dataset_id

        trainer = self.trainer

        name: None | str | Unset
        if isinstance(self.name, Unset):
            name = UNSET
        else:
            name = self.name

        config: dict[str, Any] | Unset = UNSET
        if not isinstance(self.config, Unset):
            config = self.config.to_dict()

        weights: None | str | Unset
        if isinstance(self.weights, Unset):
            weights = UNSET
        else:
            weights = self.weights

        debug = self.debug

        max_attempts = self.max_attempts

        max_duration_s: int | None | Unset
        if isinstance(self.max_duration_s, Unset):
            max_duration_s = UNSET
        else:
            max_duration_s = self.max_duration_s

        resources: dict[str, Any] | None | Unset
        if isinstance(self.resources, Unset):
            resources = UNSET
        elif isinstance(self.resources, Resources):
            resources = self.resources.to_dict()
        else:
            resources = self.resources

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "dataset_id": dataset_id,
            }
        )
        if trainer is not UNSET:
            field_dict["trainer"] = trainer
        if name is not UNSET:
            field_dict["name"] = name
        if config is not UNSET:
            field_dict["config"] = config
        if weights is not UNSET:
            field_dict["weights"] = weights
        if debug is not UNSET:
            field_dict["debug"] = debug
        if max_attempts is not UNSET:
            field_dict["max_attempts"] = max_attempts
        if max_duration_s is not UNSET:
            field_dict["max_duration_s"] = max_duration_s
        if resources is not UNSET:
            field_dict["resources"] = resources

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.job_create_config import JobCreateConfig  # noqa: PLC0415
        from ..models.resources import Resources  # noqa: PLC0415

        d = dict(src_dict)
        dataset_id = d.pop("dataset_id")

        trainer = d.pop("trainer", UNSET)

        def _parse_name(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        name = _parse_name(d.pop("name", UNSET))

        _config = d.pop("config", UNSET)
        config: JobCreateConfig | Unset
        if isinstance(_config, Unset):
            config = UNSET
        else:
            config = JobCreateConfig.from_dict(_config)

        def _parse_weights(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        weights = _parse_weights(d.pop("weights", UNSET))

        debug = d.pop("debug", UNSET)

        max_attempts = d.pop("max_attempts", UNSET)

        def _parse_max_duration_s(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        max_duration_s = _parse_max_duration_s(d.pop("max_duration_s", UNSET))

        def _parse_resources(data: object) -> None | Resources | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                resources_type_0 = Resources.from_dict(data)

                return resources_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | Resources | Unset, data)

        resources = _parse_resources(d.pop("resources", UNSET))

        job_create = cls(
            dataset_id=dataset_id,
            trainer=trainer,
            name=name,
            config=config,
            weights=weights,
            debug=debug,
            max_attempts=max_attempts,
            max_duration_s=max_duration_s,
            resources=resources,
        )

        return job_create
