"""The environment of an attempt, as docs/training-contract.json lists it."""

import json
import socket

from backend.settings import Settings
from backend.state.datasets import Dataset
from backend.state.jobs import Attempt, Job


def attempt_env(
    settings: Settings, job: Job, attempt: Attempt, dataset: Dataset | None, token: str
) -> dict[str, str]:
    """What the backend sets beside the store's keys; `dataset` is None once it is deleted."""
    env = {
        "JOB_ID": job.id,
        "ATTEMPT": str(attempt.number),
        "BACKEND_URL": settings.backend_url.rstrip("/"),
        "CALLBACK_TOKEN": token,
        "S3_ENDPOINT": settings.s3_endpoint,
        "AWS_REGION": settings.aws_region,
        "AWS_DEFAULT_REGION": settings.aws_region,  # the one that boto3 reads
        "DATASETS_BUCKET": settings.datasets_bucket,
        "MODELS_BUCKET": settings.models_bucket,
        "DATASET_ID": job.dataset_id,
        "TASK": job.task,
        "TRAIN_CONFIG": json.dumps(job.config),
        "STOP_GRACE_S": f"{settings.stop_grace_s:g}",
        "LOG_LIMIT_BYTES": str(settings.log_limit_bytes),
        "PET_NPROC_PER_NODE": str(max(1, job.resources.get("gpu", 0))),
    }
    if_there = {
        "DATASET_SHA256": dataset and dataset.sha256,
        "DATASET_INDEX_SHA256": dataset and dataset.index_sha256,
        "DEBUG_PORT": attempt.debug_port,
        **{f"WEIGHTS_{part.upper()}": value for part, value in (job.weights or {}).items()},
    }
    return env | {name: str(value) for name, value in if_there.items() if value is not None}


def free_port() -> int:
    """A port on which an attempt's debugger may listen."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
