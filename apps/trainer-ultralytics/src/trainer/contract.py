"""The training contract: an attempt's environment and its causes of death."""

import json
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, TypedDict


class Cause(StrEnum):
    """Why an attempt ended, as far as a trainer can know."""

    COMPLETED = "completed"
    OUT_OF_MEMORY = "out_of_memory"
    GPU_OUT_OF_MEMORY = "gpu_out_of_memory"
    DATASET_INVALID = "dataset_invalid"
    CONFIG_INVALID = "config_invalid"
    STORAGE_UNAVAILABLE = "storage_unavailable"
    TRAINER_CRASHED = "trainer_crashed"
    PREEMPTED = "preempted"
    STALLED = "stalled"


class AttemptError(Exception):
    """Ends the attempt with `cause`; the message is written for the user."""

    def __init__(self, cause: Cause, message: str) -> None:
        super().__init__(message)
        self.cause = cause
        self.message = message


class ModelMetrics(TypedDict):
    """Metrics of the best model's own validation; None where one is not finite."""

    metrics: dict[str, float | None]


class EpochMetrics(ModelMetrics):
    """Metrics of an epoch, counted from 0."""

    epoch: int


@dataclass(frozen=True)
class Attempt:
    """The contract's environment, typed.

    `stop_grace_s` is the time between a stop and SIGKILL, in seconds. Under a launcher it counts
    when the launcher itself is told to leave; a request to stop brings its own. `gpus` is how many
    the job asks for, 1 where it asks for none: so many processes train together. Of `nodes` machines
    this is number `node`, from 0; their ranks meet at `master`, an address with its port.
    """

    job_id: str
    number: int
    backend_url: str
    token: str = field(repr=False)
    s3_endpoint: str
    s3_access_key: str = field(repr=False)
    s3_secret_key: str = field(repr=False)
    s3_session_token: str | None = field(repr=False)
    s3_keys_expire_at: str | None
    s3_region: str
    datasets_bucket: str
    models_bucket: str
    dataset_id: str
    dataset_sha256: str | None
    dataset_index_sha256: str | None
    weights_name: str | None
    weights_key: str | None
    weights_sha256: str | None
    task: str
    config: dict[str, Any]
    debug_port: int | None
    stop_grace_s: float
    log_limit_bytes: int
    gpus: int
    nodes: int = 1
    node: int = 0
    master: str | None = None

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "Attempt":
        """Read the contract's variables.

        Raises:
            ValueError: a variable is missing or malformed; the message names it.
        """
        nodes = int(_optional(env, "PET_NNODES", r"[1-9][0-9]?") or 1)
        node = int(_optional(env, "PET_NODE_RANK", r"[0-9]{1,2}") or 0)
        address = [
            _optional(env, "PET_MASTER_ADDR", r"[A-Za-z0-9.-]{1,253}"),
            _optional(env, "PET_MASTER_PORT", r"[1-9][0-9]{0,4}"),
        ]
        if nodes > 1 and None in address:
            raise ValueError("Several nodes need PET_MASTER_ADDR and PET_MASTER_PORT to meet.")
        if node >= nodes:
            raise ValueError(f"PET_NODE_RANK is {node}, but PET_NNODES says {nodes}: count from 0.")
        return cls(
            job_id=_matching(env, "JOB_ID", r"[0-9a-f]{12}"),
            number=int(_matching(env, "ATTEMPT", r"[1-9][0-9]{0,5}")),
            backend_url=_matching(env, "BACKEND_URL", r"https?://\S+").rstrip("/"),
            token=_matching(env, "CALLBACK_TOKEN", r"\S+"),
            s3_endpoint=_matching(env, "S3_ENDPOINT", r"https?://\S+"),
            s3_access_key=_matching(env, "AWS_ACCESS_KEY_ID", r"\S+"),
            s3_secret_key=_matching(env, "AWS_SECRET_ACCESS_KEY", r"\S+"),
            s3_session_token=_optional(env, "AWS_SESSION_TOKEN", r"\S+"),
            s3_keys_expire_at=_optional(env, "AWS_CREDENTIAL_EXPIRATION", r"[0-9T:.+ -]+Z?"),
            s3_region=env.get("AWS_REGION") or "us-east-1",
            datasets_bucket=env.get("DATASETS_BUCKET") or "datasets",
            models_bucket=env.get("MODELS_BUCKET") or "models",
            dataset_id=_matching(env, "DATASET_ID", r"[A-Za-z0-9_-]{1,64}"),
            dataset_sha256=_optional(env, "DATASET_SHA256", r"[0-9a-f]{64}"),
            dataset_index_sha256=_optional(env, "DATASET_INDEX_SHA256", r"[0-9a-f]{64}"),
            weights_name=_optional(env, "WEIGHTS_NAME", r"[^\x00-\x1f\x7f]{1,200}"),
            weights_key=_optional(env, "WEIGHTS_KEY", r"[^\x00-\x1f\x7f]{1,1024}"),
            weights_sha256=_optional(env, "WEIGHTS_SHA256", r"[0-9a-f]{64}"),
            task=_matching(env, "TASK", r"detect|segment|classify|pose|obb"),
            config=_config(env),
            debug_port=int(_optional(env, "DEBUG_PORT", r"[0-9]{1,5}") or 0) or None,
            stop_grace_s=float(_optional(env, "STOP_GRACE_S", r"[0-9]+(\.[0-9]+)?") or 10),
            log_limit_bytes=int(_optional(env, "LOG_LIMIT_BYTES", r"[0-9]{1,15}") or 64 << 20),
            gpus=int(_optional(env, "PET_NPROC_PER_NODE", r"[1-9][0-9]?") or 1),
            nodes=nodes,
            node=node,
            master=":".join(map(str, address)) if nodes > 1 else None,
        )


def _matching(env: Mapping[str, str], name: str, pattern: str) -> str:
    value = env.get(name, "")
    if not re.fullmatch(pattern, value):
        raise ValueError(
            f"The environment variable {name} is {'malformed' if value else 'missing'}: "
            "docs/training-contract.md lists the variables of a trainer."
        )
    return value


def _optional(env: Mapping[str, str], name: str, pattern: str) -> str | None:
    return _matching(env, name, pattern) if env.get(name) else None


def _config(env: Mapping[str, str]) -> dict[str, Any]:
    try:
        config = json.loads(env.get("TRAIN_CONFIG") or "{}")
    except ValueError as error:
        raise ValueError(f"The environment variable TRAIN_CONFIG is not JSON: {error}.") from None
    if not isinstance(config, dict):
        raise TypeError("The environment variable TRAIN_CONFIG must hold a JSON object.")
    return config


def trainer_home() -> Path:
    """The folder for the dataset cache and work folders; only this user can enter it.

    Raises:
        PermissionError: the folder exists and belongs to someone else.
    """
    fallback = Path(tempfile.gettempdir()) / f"trainyard-trainer-{os.getuid()}"
    home = Path(os.environ.get("TRAINER_HOME") or fallback).absolute()
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    if home.stat().st_uid != os.getuid():
        raise PermissionError(
            f"{home} belongs to another user: set TRAINER_HOME to your own folder."
        )
    return home
