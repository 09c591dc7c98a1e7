from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.job_status import JobStatus
from ..models.task import Task

if TYPE_CHECKING:
    from ..models.best import Best
    from ..models.job_out_config import JobOutConfig
    from ..models.job_out_metrics import JobOutMetrics
    from ..models.job_weights import JobWeights
    from ..models.resources import Resources


T = TypeVar("T", bound="JobOut")


@_attrs_define
class JobOut:
    """A job as it stands. Times are UTC.

    Attributes:
        id (str):
        name (None | str):
        notes (None | str):
        tags (list[str]):
        status (JobStatus):
        cause (None | str): Why the last attempt ended
        message (None | str): What happened and what to do, for the user
        trainer (str):
        task (Task): What a model does with an image.
        dataset_id (str): Empty: an attached script read data of its own
        config (JobOutConfig):
        weights (JobWeights | None): null: it starts from scratch
        debug (bool):
        debug_port (int | None):
        resources (Resources): What one attempt may use, on each of its nodes. `memory` is a Kubernetes quantity.
        attempt (int): 0 before the first
        max_attempts (int):
        max_duration_s (int | None):
        phase (None | str):
        epoch (int | None): Last finished epoch, counted from 0
        step (int | None): Batches trained in this attempt
        progress (float | None): 0 to 1 of the whole job
        speed (float | None): Images a second
        metrics (JobOutMetrics): As last sent; at the end the model's own
        best (Best | None): At the end: its best model, by the main metric
        mlflow_run_id (None | str): Its run in MLflow
        log_size (int): Bytes
        created_by (None | str): The API token that submitted it; null: none
        created_at (datetime.datetime):
        earlier_duration_s (float): How long it trained before its last retry
        started_at (datetime.datetime | None): Since its last retry, if it was retried
        first_step_at (datetime.datetime | None): When the latest attempt had its first batch trained
        finished_at (datetime.datetime | None):
    """

    id: str
    name: None | str
    notes: None | str
    tags: list[str]
    status: JobStatus
    cause: None | str
    message: None | str
    trainer: str
    task: Task
    dataset_id: str
    config: JobOutConfig
    weights: JobWeights | None
    debug: bool
    debug_port: int | None
    resources: Resources
    attempt: int
    max_attempts: int
    max_duration_s: int | None
    phase: None | str
    epoch: int | None
    step: int | None
    progress: float | None
    speed: float | None
    metrics: JobOutMetrics
    best: Best | None
    mlflow_run_id: None | str
    log_size: int
    created_by: None | str
    created_at: datetime.datetime
    earlier_duration_s: float
    started_at: datetime.datetime | None
    first_step_at: datetime.datetime | None
    finished_at: datetime.datetime | None
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.best import Best  # noqa: PLC0415
        from ..models.job_weights import JobWeights  # noqa: PLC0415

        id = self.id

        name: None | str
        name = self.name

        notes: None | str
        notes = self.notes

        tags = self.tags

        status = self.status.value

        cause: None | str
        cause = self.cause

        message: None | str
        message = self.message

        trainer = self.trainer

        task = self.task.value

        dataset_id = self.dataset_id

        config = self.config.to_dict()

        weights: dict[str, Any] | None
        if isinstance(self.weights, JobWeights):
            weights = self.weights.to_dict()
        else:
            weights = self.weights

        debug = self.debug

        debug_port: int | None
        debug_port = self.debug_port

        resources = self.resources.to_dict()

        attempt = self.attempt

        max_attempts = self.max_attempts

        max_duration_s: int | None
        max_duration_s = self.max_duration_s

        phase: None | str
        phase = self.phase

        epoch: int | None
        epoch = self.epoch

        step: int | None
        step = self.step

        progress: float | None
        progress = self.progress

        speed: float | None
        speed = self.speed

        metrics = self.metrics.to_dict()

        best: dict[str, Any] | None
        if isinstance(self.best, Best):
            best = self.best.to_dict()
        else:
            best = self.best

        mlflow_run_id: None | str
        mlflow_run_id = self.mlflow_run_id

        log_size = self.log_size

        created_by: None | str
        created_by = self.created_by

        created_at = self.created_at.isoformat()

        earlier_duration_s = self.earlier_duration_s

        started_at: None | str
        if isinstance(self.started_at, datetime.datetime):
            started_at = self.started_at.isoformat()
        else:
            started_at = self.started_at

        first_step_at: None | str
        if isinstance(self.first_step_at, datetime.datetime):
            first_step_at = self.first_step_at.isoformat()
        else:
            first_step_at = self.first_step_at

        finished_at: None | str
        if isinstance(self.finished_at, datetime.datetime):
            finished_at = self.finished_at.isoformat()
        else:
            finished_at = self.finished_at

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "name": name,
                "notes": notes,
                "tags": tags,
                "status": status,
                "cause": cause,
                "message": message,
                "trainer": trainer,
                "task": task,
                "dataset_id": dataset_id,
                "config": config,
                "weights": weights,
                "debug": debug,
                "debug_port": debug_port,
                "resources": resources,
                "attempt": attempt,
                "max_attempts": max_attempts,
                "max_duration_s": max_duration_s,
                "phase": phase,
                "epoch": epoch,
                "step": step,
                "progress": progress,
                "speed": speed,
                "metrics": metrics,
                "best": best,
                "mlflow_run_id": mlflow_run_id,
                "log_size": log_size,
                "created_by": created_by,
                "created_at": created_at,
                "earlier_duration_s": earlier_duration_s,
                "started_at": started_at,
                "first_step_at": first_step_at,
                "finished_at": finished_at,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.best import Best  # noqa: PLC0415
        from ..models.job_out_config import JobOutConfig  # noqa: PLC0415
        from ..models.job_out_metrics import JobOutMetrics  # noqa: PLC0415
        from ..models.job_weights import JobWeights  # noqa: PLC0415
        from ..models.resources import Resources  # noqa: PLC0415

        d = dict(src_dict)
        id = d.pop("id")

        def _parse_name(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        name = _parse_name(d.pop("name"))

        def _parse_notes(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        notes = _parse_notes(d.pop("notes"))

        tags = cast(list[str], d.pop("tags"))

        status = JobStatus(d.pop("status"))

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

        trainer = d.pop("trainer")

        task = Task(d.pop("task"))

        dataset_id = d.pop("dataset_id")

        config = JobOutConfig.from_dict(d.pop("config"))

        def _parse_weights(data: object) -> JobWeights | None:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                weights_type_0 = JobWeights.from_dict(data)

                return weights_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(JobWeights | None, data)

        weights = _parse_weights(d.pop("weights"))

        debug = d.pop("debug")

        def _parse_debug_port(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        debug_port = _parse_debug_port(d.pop("debug_port"))

        resources = Resources.from_dict(d.pop("resources"))

        attempt = d.pop("attempt")

        max_attempts = d.pop("max_attempts")

        def _parse_max_duration_s(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        max_duration_s = _parse_max_duration_s(d.pop("max_duration_s"))

        def _parse_phase(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        phase = _parse_phase(d.pop("phase"))

        def _parse_epoch(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        epoch = _parse_epoch(d.pop("epoch"))

        def _parse_step(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        step = _parse_step(d.pop("step"))

        def _parse_progress(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        progress = _parse_progress(d.pop("progress"))

        def _parse_speed(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        speed = _parse_speed(d.pop("speed"))

        metrics = JobOutMetrics.from_dict(d.pop("metrics"))

        def _parse_best(data: object) -> Best | None:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                best_type_0 = Best.from_dict(data)

                return best_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(Best | None, data)

        best = _parse_best(d.pop("best"))

        def _parse_mlflow_run_id(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        mlflow_run_id = _parse_mlflow_run_id(d.pop("mlflow_run_id"))

        log_size = d.pop("log_size")

        def _parse_created_by(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        created_by = _parse_created_by(d.pop("created_by"))

        created_at = datetime.datetime.fromisoformat(d.pop("created_at"))

        earlier_duration_s = d.pop("earlier_duration_s")

        def _parse_started_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                started_at_type_0 = datetime.datetime.fromisoformat(data)

                return started_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        started_at = _parse_started_at(d.pop("started_at"))

        def _parse_first_step_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                first_step_at_type_0 = datetime.datetime.fromisoformat(data)

                return first_step_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        first_step_at = _parse_first_step_at(d.pop("first_step_at"))

        def _parse_finished_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                finished_at_type_0 = datetime.datetime.fromisoformat(data)

                return finished_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        finished_at = _parse_finished_at(d.pop("finished_at"))

        job_out = cls(
            id=id,
            name=name,
            notes=notes,
            tags=tags,
            status=status,
            cause=cause,
            message=message,
            trainer=trainer,
            task=task,
            dataset_id=dataset_id,
            config=config,
            weights=weights,
            debug=debug,
            debug_port=debug_port,
            resources=resources,
            attempt=attempt,
            max_attempts=max_attempts,
            max_duration_s=max_duration_s,
            phase=phase,
            epoch=epoch,
            step=step,
            progress=progress,
            speed=speed,
            metrics=metrics,
            best=best,
            mlflow_run_id=mlflow_run_id,
            log_size=log_size,
            created_by=created_by,
            created_at=created_at,
            earlier_duration_s=earlier_duration_s,
            started_at=started_at,
            first_step_at=first_step_at,
            finished_at=finished_at,
        )

        job_out.additional_properties = d
        return job_out

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
