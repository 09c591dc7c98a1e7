"""What an attempt may do in the store: read what it was given, and write below its own prefix."""

from collections.abc import Mapping
from typing import Any

from backend.infra.object_store import ObjectStore
from backend.settings import Settings
from backend.state import object_keys
from backend.state.jobs import Job


async def attempt_keys(
    store: ObjectStore, settings: Settings, job: Job, number: int
) -> Mapping[str, str]:
    """The variables with the store's keys for the attempt; raises ObjectStoreError."""
    datasets, models = settings.datasets_bucket, settings.models_bucket
    readable = [
        f"{datasets}/{object_keys.dataset(job.dataset_id)}",
        f"{datasets}/{object_keys.dataset_index(job.dataset_id)}",
        f"{models}/{object_keys.job(job.id)}*",
        *([f"{models}/{job.weights['key']}"] if job.weights else []),
    ]
    own = f"{models}/{object_keys.attempt(job.id, number)}*"
    return await store.session_keys(
        f"{job.id}-{number}",
        _allow(["s3:GetObject"], *readable),
        _allow(["s3:PutObject", "s3:AbortMultipartUpload"], own),
        _allow(["s3:ListBucket"], models)
        | {"Condition": {"StringLike": {"s3:prefix": f"{object_keys.job(job.id)}*"}}},
    )


def _allow(actions: list[str], *resources: str) -> dict[str, Any]:
    arns = [f"arn:aws:s3:::{resource}" for resource in resources]
    return {"Effect": "Allow", "Action": actions, "Resource": arns}
