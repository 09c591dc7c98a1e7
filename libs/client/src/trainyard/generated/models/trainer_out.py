from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define

from ..models.task import Task
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.distributed import Distributed
    from ..models.resources import Resources
    from ..models.trainer_out_accepts import TrainerOutAccepts
    from ..models.trainer_out_assets import TrainerOutAssets
    from ..models.trainer_out_config_schema import TrainerOutConfigSchema
    from ..models.trainer_out_metrics import TrainerOutMetrics
    from ..models.trainer_out_pretrained import TrainerOutPretrained


T = TypeVar("T", bound="TrainerOut")


@_attrs_define
class TrainerOut:
    """
    Attributes:
        name (str):
        version (str):
        description (str):
        tasks (list[Task]):
        image (str):
        command (list[str]):
        config_schema (TrainerOutConfigSchema): JSON Schema 2020-12 of a job's `config`
        accepts (TrainerOutAccepts): What each field of `config_schema` may be, in words
        resources (Resources | Unset): What one attempt may use, on each of its nodes. `memory` is a Kubernetes
            quantity.
        distributed (Distributed | Unset): How far one attempt of the trainer can spread.
        metrics (TrainerOutMetrics | Unset): By task; which model is best
        pretrained (TrainerOutPretrained | Unset): By task, the weights that a job starts from where the platform has
            them, with `{model}` for the config's; a trainer that takes no weights by name has none
        assets (TrainerOutAssets | Unset): By name, official weights that the platform may fetch
        needs_weights_of (None | str | Unset): The trainer whose weights every job works on, e.g. to evaluate or export
            them
    """

    name: str
    version: str
    description: str
    tasks: list[Task]
    image: str
    command: list[str]
    config_schema: TrainerOutConfigSchema
    accepts: TrainerOutAccepts
    resources: Resources | Unset = UNSET
    distributed: Distributed | Unset = UNSET
    metrics: TrainerOutMetrics | Unset = UNSET
    pretrained: TrainerOutPretrained | Unset = UNSET
    assets: TrainerOutAssets | Unset = UNSET
    needs_weights_of: None | str | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        name = self.name

        version = self.version

        description = self.description

        tasks = []
        for tasks_item_data in self.tasks:
            tasks_item = tasks_item_data.value
            tasks.append(tasks_item)

        image = self.image

        command = self.command

        config_schema = self.config_schema.to_dict()

        accepts = self.accepts.to_dict()

        resources: dict[str, Any] | Unset = UNSET
        if not isinstance(self.resources, Unset):
            resources = self.resources.to_dict()

        distributed: dict[str, Any] | Unset = UNSET
        if not isinstance(self.distributed, Unset):
            distributed = self.distributed.to_dict()

        metrics: dict[str, Any] | Unset = UNSET
        if not isinstance(self.metrics, Unset):
            metrics = self.metrics.to_dict()

        pretrained: dict[str, Any] | Unset = UNSET
        if not isinstance(self.pretrained, Unset):
            pretrained = self.pretrained.to_dict()

        assets: dict[str, Any] | Unset = UNSET
        if not isinstance(self.assets, Unset):
            assets = self.assets.to_dict()

        needs_weights_of: None | str | Unset
        if isinstance(self.needs_weights_of, Unset):
            needs_weights_of = UNSET
        else:
            needs_weights_of = self.needs_weights_of

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "name": name,
                "version": version,
                "description": description,
                "tasks": tasks,
                "image": image,
                "command": command,
                "config_schema": config_schema,
                "accepts": accepts,
            }
        )
        if resources is not UNSET:
            field_dict["resources"] = resources
        if distributed is not UNSET:
            field_dict["distributed"] = distributed
        if metrics is not UNSET:
            field_dict["metrics"] = metrics
        if pretrained is not UNSET:
            field_dict["pretrained"] = pretrained
        if assets is not UNSET:
            field_dict["assets"] = assets
        if needs_weights_of is not UNSET:
            field_dict["needs_weights_of"] = needs_weights_of

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.distributed import Distributed  # noqa: PLC0415
        from ..models.resources import Resources  # noqa: PLC0415
        from ..models.trainer_out_accepts import TrainerOutAccepts  # noqa: PLC0415
        from ..models.trainer_out_assets import TrainerOutAssets  # noqa: PLC0415
        from ..models.trainer_out_config_schema import TrainerOutConfigSchema  # noqa: PLC0415
        from ..models.trainer_out_metrics import TrainerOutMetrics  # noqa: PLC0415
        from ..models.trainer_out_pretrained import TrainerOutPretrained  # noqa: PLC0415

        d = dict(src_dict)
        name = d.pop("name")

        version = d.pop("version")

        description = d.pop("description")

        tasks = []
        _tasks = d.pop("tasks")
        for tasks_item_data in _tasks:
            tasks_item = Task(tasks_item_data)

            tasks.append(tasks_item)

        image = d.pop("image")

        command = cast(list[str], d.pop("command"))

        config_schema = TrainerOutConfigSchema.from_dict(d.pop("config_schema"))

        accepts = TrainerOutAccepts.from_dict(d.pop("accepts"))

        _resources = d.pop("resources", UNSET)
        resources: Resources | Unset
        if isinstance(_resources, Unset):
            resources = UNSET
        else:
            resources = Resources.from_dict(_resources)

        _distributed = d.pop("distributed", UNSET)
        distributed: Distributed | Unset
        if isinstance(_distributed, Unset):
            distributed = UNSET
        else:
            distributed = Distributed.from_dict(_distributed)

        _metrics = d.pop("metrics", UNSET)
        metrics: TrainerOutMetrics | Unset
        if isinstance(_metrics, Unset):
            metrics = UNSET
        else:
            metrics = TrainerOutMetrics.from_dict(_metrics)

        _pretrained = d.pop("pretrained", UNSET)
        pretrained: TrainerOutPretrained | Unset
        if isinstance(_pretrained, Unset):
            pretrained = UNSET
        else:
            pretrained = TrainerOutPretrained.from_dict(_pretrained)

        _assets = d.pop("assets", UNSET)
        assets: TrainerOutAssets | Unset
        if isinstance(_assets, Unset):
            assets = UNSET
        else:
            assets = TrainerOutAssets.from_dict(_assets)

        def _parse_needs_weights_of(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        needs_weights_of = _parse_needs_weights_of(d.pop("needs_weights_of", UNSET))

        trainer_out = cls(
            name=name,
            version=version,
            description=description,
            tasks=tasks,
            image=image,
            command=command,
            config_schema=config_schema,
            accepts=accepts,
            resources=resources,
            distributed=distributed,
            metrics=metrics,
            pretrained=pretrained,
            assets=assets,
            needs_weights_of=needs_weights_of,
        )

        return trainer_out
