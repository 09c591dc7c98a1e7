"""Artifacts: the files that a job left in the store."""

import asyncio
import logging
import mimetypes
import re
from collections import defaultdict

from backend.artifacts import repository
from backend.artifacts.schemas import ArtifactOut, ArtifactPut
from backend.context import Context
from backend.infra.database import existing
from backend.infra.object_store import ObjectStoreError, StoredObject
from backend.infra.problems import Problem
from backend.state import object_keys
from backend.state.artifacts import Artifact
from backend.state.jobs import ATTACHED, Attempt, Job
from backend.state.statuses import FINISHED

logger = logging.getLogger(__name__)

ARTIFACT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ()\[\]{}@+=,._-]{0,127}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
MAX_ARTIFACTS = 1000
# These come first where there are more.
_WANTED = re.compile(r"best\.pt|last\.pt|results.*|evaluation.*")
_NAMED_IN_NOTE = 5
# Python's own table: the system's differs by machine.
_MEDIA_TYPES = mimetypes.MimeTypes()


async def register_artifacts(ctx: Context, job_id: str) -> dict[str, str]:
    """Record what the last attempt that left anything left, and the log of each attempt's nodes.

    The same however often called.

    Returns:
        By reason, for the user, what is not taken.

    Raises:
        ObjectStoreError: nothing was changed.
    """
    artifacts, left_out = await _stored(ctx, job_id)
    async with ctx.db.transaction() as session:
        await repository.replace(session, job_id, artifacts)
    return {text: _named(keys) for text, keys in left_out.items() if keys}


def _named(keys: list[str]) -> str:
    named = ", ".join(repr(key[:200]) for key in keys[:_NAMED_IN_NOTE])
    more = len(keys) - _NAMED_IN_NOTE
    return f"{named} and {more} more." if more > 0 else f"{named}."


async def _stored(ctx: Context, job_id: str) -> tuple[list[Artifact], dict[str, list[str]]]:
    """What the store has of the job now, by name, and by reason the keys that are no artifacts."""
    bucket = ctx.settings.models_bucket
    # Keys are the trainer's choice: what is not a plain name of an attempt that was launched is
    # not shown.
    async with ctx.db.reading() as session:
        launched = {str(number): number for number in await repository.attempts(session, job_id)}
    by_attempt: dict[int, list[StoredObject]] = defaultdict(list, {0: []})
    unnamed = []
    for item in await ctx.store.list(bucket, object_keys.job(job_id)):
        match item.key.split("/"):
            case [_, at, "artifacts", name] if at in launched and ARTIFACT_NAME.fullmatch(name):
                # Those of a further node's log, of whichever attempt, are under 0.
                is_log = re.fullmatch(rf"attempt-{at}\.node-\d+\.log", name)
                by_attempt[0 if is_log else launched[at]].append(item)
            case [_, _, "checkpoint"]:
                pass
            case [_, *inside]:
                unnamed.append("/".join(inside))
    by_name = {_name(item): item for item in by_attempt[max(by_attempt)] + by_attempt[0]}
    left = sorted(by_name.values(), key=lambda item: _WANTED.fullmatch(_name(item)) is None)
    heads = await asyncio.gather(*(ctx.store.head(bucket, one.key) for one in left[:MAX_ARTIFACTS]))
    artifacts = [_artifact(job_id, head) for head in heads if head is not None]
    beyond = [item.key.partition("/")[2] for item in left[MAX_ARTIFACTS:]]
    left_out = {
        "Not listed as artifacts, because of their names:": unnamed,
        f"Not listed, beyond {MAX_ARTIFACTS} artifacts:": beyond,
    }
    return sorted(artifacts, key=lambda one: one.name), left_out


def _artifact(job_id: str, head: StoredObject) -> Artifact:
    attempt = int(head.key.split("/")[1])
    told = _SHA256.fullmatch(head.metadata.get("sha256", ""))
    sha256 = told[0] if told else None
    return Artifact(job_id=job_id, name=_name(head), attempt=attempt, size=head.size, sha256=sha256)


def _name(item: StoredObject) -> str:
    return item.key.rsplit("/", 1)[1]


async def drop_checkpoints(ctx: Context, job_id: str, last: int) -> None:
    """Delete the checkpoints of a job that succeeded; what fails to be deleted goes with the job."""
    try:
        for number in range(1, last + 1):
            prefix = object_keys.checkpoint(job_id, number)
            await ctx.store.delete_prefix(ctx.settings.models_bucket, prefix)
    except ObjectStoreError as error:
        logger.warning("job %s: its checkpoints stay in the store: %s", job_id, error)


async def artifacts(ctx: Context, job_id: str) -> list[ArtifactOut]:
    """The job's artifacts with their links: those so far if it goes on, or was cancelled before a retry.

    Raises:
        Problem: 404, there is no such job.
        ObjectStoreError: those that are not recorded could not be listed.
    """
    async with ctx.db.reading() as session:
        job = await existing(session, Job, job_id)
        rows = await repository.of_job(session, job_id)
    if job.status not in FINISHED or not rows:
        rows, _ = await _stored(ctx, job_id)
    return [await _shown(ctx, row) for row in rows]


async def upload_link(ctx: Context, job_id: str, file: ArtifactPut) -> str:
    """Raise a Problem (409) unless it is an attached job that goes on."""
    async with ctx.db.reading() as session:
        attempt = await session.get(Attempt, (job_id, 1))
    if attempt is None or attempt.executor != ATTACHED or attempt.ended_at:
        raise Problem(409, "Job not attached", f"Job {job_id} is no script that goes on.")
    bucket, key = ctx.settings.models_bucket, object_keys.artifact(job_id, 1, file.name)
    return await ctx.store.presign_put(bucket, key, file.size, Metadata={"sha256": file.sha256})


async def _shown(ctx: Context, row: Artifact) -> ArtifactOut:
    media_type = _MEDIA_TYPES.guess_type(row.name)[0] or "application/octet-stream"
    key = object_keys.artifact(row.job_id, row.attempt, row.name)
    served = {"filename": row.name, "media_type": media_type}
    url = await ctx.store.presign_get(ctx.settings.models_bucket, key, **served)
    return ArtifactOut(
        name=row.name, size=row.size, sha256=row.sha256, media_type=media_type, url=url
    )
