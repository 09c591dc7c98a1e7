"""Weights: files that trainings start from, kept once by their sha256. None is ever loaded here."""

from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.context import Context
from backend.infra.database import existing
from backend.infra.problems import wrong_field
from backend.state import object_keys
from backend.state.jobs import Job
from backend.state.transitions import require_unused
from backend.state.weights import Weights
from backend.weights.schemas import MAX_BYTES, WeightsOut, WeightsPut, WeightsUpload


async def find(session: AsyncSession, reference: str) -> dict[str, Any] | None:
    """As `artifacts.service.left_by_a_job`, by name or `sha256:…`; held against deletion."""
    meant = or_(Weights.name == reference, Weights.sha256 == reference.removeprefix("sha256:"))
    latest = select(Weights).where(meant).order_by(Weights.created_at.desc(), Weights.sha256)
    if (row := await session.scalar(latest.limit(1).with_for_update(read=True))) is None:
        return None
    file = {"name": row.name, "key": object_keys.weights(row.sha256), "sha256": row.sha256}
    return file | {"task": row.task, "model": row.model}


async def is_kept(session: AsyncSession, file: dict[str, str]) -> bool:
    """Whether a file that a job starts from, as in its `weights`, is not deleted; held against that."""
    pushed = select(Weights.sha256).where(Weights.sha256 == file["sha256"])
    left = select(Job.id).where(Job.id == file["key"].partition("/")[0], ~Job.deleting)
    of_a_job = file["key"] != object_keys.weights(file["sha256"])
    kept = (left if of_a_job else pushed).with_for_update(read=True)
    return await session.scalar(kept) is not None


async def put(ctx: Context, sha256: str, body: WeightsPut) -> WeightsOut | WeightsUpload:
    """Record the uploaded file, or say where to upload it.

    Raises:
        Problem: 422 when another file was uploaded.
    """
    bucket, key = ctx.settings.models_bucket, object_keys.weights(sha256)
    there = await ctx.store.head(bucket, key)
    if there is None:
        return WeightsUpload(upload=await ctx.store.presign_put(bucket, key, body.size))
    if there.size > MAX_BYTES or await ctx.store.sha256(bucket, key) != sha256:
        await ctx.store.delete(bucket, key)
        detail = f"What was uploaded is not the file with the sha256 {sha256}. Push it again."
        raise wrong_field("Weights damaged", "sha256", detail)
    columns = body.model_dump() | {"sha256": sha256, "size": there.size}
    async with ctx.db.transaction() as session:
        row = await session.merge(Weights(**columns))
    return WeightsOut.model_validate(row)


async def delete(ctx: Context, sha256: str) -> None:
    """Raise a Problem: 404, or 409 while jobs that start from them are not finished."""
    async with ctx.db.transaction() as session:
        row = await existing(session, Weights, sha256, lock=True)
        key = object_keys.weights(sha256)
        await require_unused(session, "Weights", Job.weights["key"].as_string() == key)
        # Before the row: what the store did not delete can be deleted again.
        await ctx.store.delete(ctx.settings.models_bucket, key)
        await session.delete(row)
