"""The bodies of the job routes."""

import json
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    field_validator,
)
from pydantic_core import PydanticCustomError, to_jsonable_python
from trainyard_manifest import Resources, Task

from backend.infra.database import Database
from backend.infra.pagination import ListQuery, Page
from backend.infra.schemas import RequestBody, Schema
from backend.infra.text import shown
from backend.orchestration.evaluation import Best
from backend.state import retry_policy
from backend.state.jobs import MAX_NOTES, Attempt, Job
from backend.state.statuses import ACTIVE, JobStatus

ID_SCHEMA = {"type": "string", "pattern": r"^[0-9a-f]{12}$"}
Id = Annotated[str, Field(pattern=ID_SCHEMA["pattern"])]
Name = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")]
_CLEANED = AfterValidator(partial(shown, at_most=MAX_NOTES))
Notes = Annotated[str, Field(max_length=MAX_NOTES), _CLEANED]
_TAG = r"^[a-z0-9][a-z0-9._:/-]{0,39}$"
Tag = Annotated[str, Field(pattern=_TAG, description="At most 40 of a-z 0-9 . _ : / -")]

_EXAMPLE: dict[str, Any] = {"dataset_id": "3f9a1c0b7d2e", "config": {"epochs": 10, "imgsz": 320}}


class _Described(RequestBody):
    trainer: str = Field(default="ultralytics", max_length=40)
    name: Name | None = None
    """Shown in lists; need not be unique"""
    config: dict[str, Any] = Field(default={})
    """Fields of the trainer's `config_schema`; the rest has defaults"""

    @field_validator("config")
    @classmethod
    def _plain_json(cls, config: dict[str, Any]) -> dict[str, Any]:
        try:
            json.dumps(config, allow_nan=False, ensure_ascii=False).encode()
            to_jsonable_python([[[[config]]]])  # in an answer it lies some levels deeper
        except (ValueError, RecursionError):
            raise PydanticCustomError("not_json", "It is too deep, or no JSON holds it.") from None
        return config


class JobAttach(_Described):
    task: Task


class JobAttached(Schema):
    id: str
    token: str
    """What a trainer has in `CALLBACK_TOKEN`; told only here"""


class JobCreate(_Described):
    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    dataset_id: Id
    """A dataset that is ready"""
    weights: str | None = Field(default=None, max_length=300, pattern=r"^[^\x00-\x1f\x7f]+$")
    """What to start from: the name of weights, their `sha256:…`, `job:ID` for that job's best.pt, \
`job:ID/last.pt` for another file of it, `model:NAME@ALIAS` or `model:NAME/VERSION` for a registered \
model, or `none`. Default: the pretrained weights of the chosen model where the platform has or \
fetches them, else none"""
    debug: bool = False
    """Start a debugger in the trainer and wait for it; liveness limits are off"""
    max_attempts: int = Field(default=3, ge=1, le=20)
    """Launches, the first included, before it fails"""
    max_duration_s: int | None = Field(default=None, ge=1, le=31_536_000)
    """Counts from the first launch, waiting for a node or in Kueue's queue included"""
    resources: Resources | None = None
    """What is left out is as the trainer's manifest has it"""


class JobEdit(RequestBody):
    """What is left out stays as it is; null or an empty list takes it away."""

    name: Name | None = None
    notes: Notes | None = None
    tags: list[Tag] = Field(default=[], max_length=20)


class JobWeights(Schema):
    name: str
    sha256: str
    """Empty in a dry run, where they would be fetched first"""


class JobOut(Schema):
    """A job as it stands. Times are UTC."""

    id: str
    name: str | None
    notes: str | None
    tags: Annotated[list[str], BeforeValidator(lambda tags: tags or [])]
    status: JobStatus
    cause: str | None
    """Why the last attempt ended"""
    message: str | None
    """What happened and what to do, for the user"""
    trainer: str
    task: Task
    dataset_id: str
    """Empty: an attached script read data of its own"""
    config: dict[str, Any]
    weights: JobWeights | None
    """null: it starts from scratch"""
    debug: bool
    debug_port: int | None
    resources: Resources
    attempt: int
    """0 before the first"""
    max_attempts: int
    max_duration_s: int | None
    phase: str | None
    epoch: int | None
    """Last finished epoch, counted from 0"""
    step: int | None
    """Batches trained in this attempt"""
    progress: float | None
    """0 to 1 of the whole job"""
    speed: float | None
    """Images a second"""
    metrics: dict[str, float | None]
    """As last sent; at the end the model's own"""
    best: Best | None
    """At the end: its best model, by the main metric"""
    mlflow_run_id: str | None
    """Its run in MLflow"""
    log_size: int
    """Bytes"""
    created_by: str | None
    """The API token that submitted it; null: none"""
    created_at: datetime
    earlier_duration_s: float
    """How long it trained before its last retry"""
    started_at: datetime | None
    """Since its last retry, if it was retried"""
    first_step_at: datetime | None
    """When the latest attempt had its first batch trained"""
    finished_at: datetime | None

    @classmethod
    def of(cls, row: tuple[Job, Attempt | None]) -> Self:
        job, attempt = row
        shared = cls.model_fields.keys() - _OF_ATTEMPT
        told = cls(
            **{name: getattr(job, name) for name in shared},
            **{name: getattr(attempt, name, None) for name in _OF_ATTEMPT},
        )
        if job.status in ACTIVE and Database.is_full():
            told.message = _FULL
        return told


# Said here: no row takes it.
_FULL = (
    "The disk of the platform's database is full. The training goes on, but nothing that it reports "
    "is stored: an administrator must make space."
)
_OF_ATTEMPT = frozenset({"debug_port", "phase", "step", "progress", "speed"})


class JobQuery(ListQuery):
    status: list[JobStatus] = Field(default=[])
    """Any of these; default: all"""
    dataset_id: Annotated[Id | None, WithJsonSchema(ID_SCHEMA)] = None
    tag: Tag | None = None
    q: str | None = Field(default=None, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")
    """Only those whose name or notes have this in them, or whose id begins with it"""


class JobList(Page[JobOut]): ...


class MetricsOut(Schema):
    """The metrics of one epoch; null where the trainer sent no finite number."""

    epoch: int
    """Counted from 0"""
    attempt: int
    values: dict[str, float | None]
    at: datetime


class MetricsList(Schema):
    items: list[MetricsOut]


class AttemptOut(Schema):
    """One launch of a job's trainer. Times are UTC."""

    number: int
    """Counted from 1"""
    executor: str
    """`subprocess`, `kubernetes`, or `attached`: it runs in a script of its user's"""
    cause: str | None
    """Why it ended; null until it has, and that is judged"""
    message: str | None
    """What happened and what to do"""
    exit_code: int | None
    epoch: int | None
    """The last that it finished, counted from 0"""
    system: dict[str, float | None]
    """As its last heartbeat told them"""
    created_at: datetime
    launched_at: datetime | None
    heartbeat_at: datetime | None
    stop_requested_at: datetime | None
    ended_at: datetime | None

    @classmethod
    def of(cls, attempt: Attempt) -> Self:
        told = cls.model_validate(attempt)
        told.message = retry_policy.words_of(attempt) if attempt.cause else None
        return told


class AttemptList(Schema):
    items: list[AttemptOut]
