"""Weights: files that trainings start from, kept once by their sha256. None is ever loaded here.

A process of its own reads what they name, and what they are for (`trainyard_datasets.weights`).
"""

import asyncio
import tempfile

from trainyard_datasets.download import DownloadError, download
from trainyard_datasets.limits import WEIGHTS_LINK_S
from trainyard_datasets.process import judge_weights

from backend.context import Context
from backend.infra.database import existing
from backend.infra.problems import Problem, wrong_fields
from backend.state import object_keys
from backend.state.jobs import Job
from backend.state.transitions import require_unused
from backend.state.weights import Weights
from backend.weights import repository
from backend.weights.schemas import WeightsOut, WeightsPut, WeightsUpload

# One for all names: who holds it keeps one of the pool's few connections, for up to half an hour.
_FETCH_LOCK = 0x77656967


class NotFetchedError(Exception):
    """These official weights, the only argument, are not kept yet and may be fetched."""


async def fetch(ctx: Context, wanted: Weights) -> str:
    """Fetch and keep the file, once however many jobs and replicas wait for it.

    Returns:
        What it is kept by: its name, or `sha256:…` where somebody has pushed it by another.

    Raises:
        Problem: 422 when its host does not hand it out, hands out another file than before, or one
            that is not safe to load.
    """
    settings, store, name = ctx.settings, ctx.store, wanted.name
    bucket, beside = settings.models_bucket, object_keys.asset_sha256(name)
    url = f"{settings.weights_download.rstrip('/')}/{name}"
    with tempfile.TemporaryFile() as file:
        async with ctx.db.advisory_lock(_FETCH_LOCK):
            known = settings.weights_sha256.get(name)
            if known is None and await store.head(bucket, beside):
                known = (await store.read(bucket, beside)).decode()
            async with ctx.db.reading() as session:
                for kept in (name, f"sha256:{known}"):
                    if await repository.find(session, kept):
                        return kept  # another job was faster, or somebody pushed it
            try:
                wanted.size, wanted.sha256 = await asyncio.to_thread(
                    download, url, file, sha256=known, max_bytes=2**30, within_s=1800
                )
            except DownloadError as error:
                detail = (
                    f"{name} cannot be fetched (WEIGHTS_DOWNLOAD): {error}. `yard weights push "
                    f"{name}` puts it there, `none` starts from scratch, or name other weights."
                )
                raise wrong_fields("Weights not fetched", {"weights": detail}) from error
            kept = f"sha256:{wanted.sha256}"
            async with ctx.db.reading() as session:
                there = await repository.find(session, kept)
            if there is None:
                await store.put(bucket, object_keys.weights(wanted.sha256), file)
                await _keep(ctx, wanted)
            await store.put(bucket, beside, wanted.sha256.encode())
            return kept


async def put(ctx: Context, sha256: str, body: WeightsPut) -> WeightsOut | WeightsUpload:
    """Judge and record the uploaded file, or say where to upload it.

    Raises:
        Problem: 422 when another file was uploaded, or one that is not safe to load or for another
            task or model; 409 when it is kept by another name.
    """
    bucket, key = ctx.settings.models_bucket, object_keys.weights(sha256)
    there = await ctx.store.head(bucket, key)
    if there is None:
        return WeightsUpload(upload=await ctx.store.presign_put(bucket, key, body.size))
    columns = body.model_dump() | {"sha256": sha256, "size": there.size}
    return WeightsOut.model_validate(await _keep(ctx, Weights(**columns)))


async def _keep(ctx: Context, wanted: Weights) -> Weights:
    bucket, key = ctx.settings.models_bucket, object_keys.weights(wanted.sha256)
    url = await ctx.store.presign_internal_get(bucket, key, lifetime_s=WEIGHTS_LINK_S)
    found = await judge_weights(url, wanted.size, wanted.sha256, wanted.task, wanted.model)
    async with ctx.db.transaction() as session:
        kept = await session.get(Weights, wanted.sha256, with_for_update=True)
        if not found["damaged"] and kept and kept.name != wanted.name:
            detail = f"This file is kept as {kept.name}. Name it so, or delete that first."
            raise Problem(409, "Weights kept already", detail)
        if found["problem"] is None:
            wanted.task, wanted.model = found["task"], found["model"]
            return await session.merge(wanted)
    if found["damaged"] or not (found["sound"] or kept):
        await ctx.store.delete(bucket, key)
    detail = f"{wanted.name} is refused: {found['problem']}. Nothing of it was run."
    raise wrong_fields("Weights refused", {"weights": detail})


async def delete(ctx: Context, sha256: str) -> None:
    """Raise a Problem: 404, or 409 while jobs that start from them are not finished."""
    async with ctx.db.transaction() as session:
        row = await existing(session, Weights, sha256, lock=True)
        key = object_keys.weights(sha256)
        await require_unused(session, "Weights", Job.weights["key"].as_string() == key)
        # Before the row: what the store did not delete can be deleted again.
        await ctx.store.delete(ctx.settings.models_bucket, key)
        await session.delete(row)
