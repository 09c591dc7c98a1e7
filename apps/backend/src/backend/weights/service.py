"""Weights: files that trainings start from, kept once by their sha256. None is ever loaded here."""

from backend.context import Context
from backend.infra.problems import not_found, wrong_field
from backend.state import object_keys
from backend.state.jobs import Job
from backend.state.transitions import require_unused
from backend.state.weights import Weights
from backend.weights.schemas import MAX_BYTES, WeightsOut, WeightsPut, WeightsUpload


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
        row = await session.get(Weights, sha256, with_for_update=True)
        if row is None:
            raise not_found("Weights", sha256)
        key = object_keys.weights(sha256)
        await require_unused(session, "Weights", Job.weights["key"].as_string() == key)
        # Before the row: what the store did not delete can be deleted again.
        await ctx.store.delete(ctx.settings.models_bucket, key)
        await session.delete(row)
