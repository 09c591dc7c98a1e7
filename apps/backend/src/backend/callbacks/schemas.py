"""The bodies that trainers send (docs/training-contract.md)."""

import math
import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from backend.infra.metrics import UNKNOWN_FIELDS
from backend.infra.schemas import Schema
from backend.infra.text import MAX_MESSAGE
from backend.state.causes import REPORTABLE, Cause

MAX_METRICS = 200
MAX_METRIC_NAME = 100
_LARGE = 2**53  # integers up to here are exact in every JSON parser


def _finite(value: float | None) -> float | None:
    # A diverged training is still a training: what JSON cannot hold is kept as null.
    return value if value is not None and math.isfinite(value) else None


# Without what breaks rows or hides text: control, format and line-separating characters.
_PRINTABLE = r"^[^\x00-\x1f\x7f-\x9f\xad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]*$"
_NAMES = {"minLength": 1, "maxLength": MAX_METRIC_NAME, "pattern": _PRINTABLE}


def _printable(name: str) -> str:
    if not re.fullmatch(_PRINTABLE, name):
        raise PydanticCustomError("unprintable", "A name must hold printable characters only.")
    return name


def _whole(value: Any) -> Any:
    # To JSON Schema 3.0 is an integer.
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _reportable(cause: Cause) -> Cause:
    if cause not in REPORTABLE:
        causes = ", ".join(sorted(REPORTABLE))
        raise PydanticCustomError("not_reportable", f"This must be one of {causes}.")
    return cause


Name = Annotated[
    str, StringConstraints(min_length=1, max_length=MAX_METRIC_NAME), AfterValidator(_printable)
]
Count = Annotated[int, Field(ge=0, le=_LARGE), BeforeValidator(_whole)]
Epoch = Annotated[int, Field(ge=0, le=10**6), BeforeValidator(_whole)]
Number = Annotated[float | None, AfterValidator(_finite)]
Command = Literal["continue", "finish", "stop"]
Numbers = Annotated[dict[Name, Number], Field(json_schema_extra={"propertyNames": _NAMES})]


class _FromTrainer(Schema):
    """What it does not know, a newer trainer has sent: counted and ignored."""

    kind: ClassVar[str]

    @model_validator(mode="before")
    @classmethod
    def _count_unknown(cls, body: Any) -> Any:
        if isinstance(body, dict) and body.keys() - cls.model_fields.keys():
            UNKNOWN_FIELDS.labels(cls.kind).inc()
        return body


class HeartbeatIn(_FromTrainer):
    kind: ClassVar[str] = "heartbeat"
    model_config = ConfigDict(
        strict=True,
        json_schema_extra={
            "examples": [
                {"epoch": 3, "metrics": {"loss": 0.7}},
                {"seq": 12, "phase": "training", "step": 340, "progress": 0.4, "speed": 55.2},
            ]
        },
    )

    epoch: Epoch | None = None
    """The epoch just finished, counted from 0"""
    metrics: Numbers = Field(
        default={}, description=f"The first {MAX_METRICS} are kept; NaN and infinity as null"
    )
    seq: Count | None = None
    """Growing"""
    phase: Literal["preparing", "training", "validating", "uploading"] | None = None
    step: Count | None = None
    """Batches trained so far"""
    progress: Annotated[float, Field(ge=0, le=1)] | None = None
    speed: Annotated[Number, Field(description="Images a second")] = None
    transferred: Count | None = None
    """Bytes from and to the store since the last heartbeat: they too are progress"""
    system: Numbers = Field(default={})


class FinishIn(_FromTrainer):
    kind: ClassVar[str] = "finish"
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"cause": "completed", "message": "best mAP50 0.91"}]}
    )

    cause: Annotated[
        Cause,
        AfterValidator(_reportable),
        WithJsonSchema({"type": "string", "enum": sorted(REPORTABLE)}),
    ]
    message: str | None = Field(default=None, description=f"Kept up to {MAX_MESSAGE} characters")


class LogQuery(Schema):
    offset: int = Field(ge=0, le=_LARGE)
    """Of the first byte sent"""


class CommandOut(Schema):
    command: Command
    """`finish`: end well after this epoch; `stop`: save and leave, SIGTERM follows"""


class HeartbeatAccepted(CommandOut):
    interval_s: float
    """Seconds until the next heartbeat; send changes immediately"""


class LogAccepted(CommandOut):
    next_offset: int
    """Bytes received of this attempt's output"""
    interval_s: float
    """Seconds to gather output before more is sent"""
