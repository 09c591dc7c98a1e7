"""Official weights, fetched from their host on first use and kept like those that are pushed."""

import asyncio
import tempfile

from trainyard_datasets.download import DownloadError, download

from backend.context import Context
from backend.infra.problems import wrong_field
from backend.state import object_keys
from backend.state.weights import Weights
from backend.weights import service

_LOCK = 0x77656967


class NotFetchedError(Exception):
    """These official weights, the only argument, are not kept yet and may be fetched."""


async def fetch(ctx: Context, wanted: Weights) -> None:
    """Fetch and keep the file, once however many jobs and replicas wait for it.

    Raises:
        Problem: 422 when its host does not hand it out, or hands out another file than before.
    """
    settings, store, name = ctx.settings, ctx.store, wanted.name
    bucket, beside = settings.models_bucket, object_keys.asset_sha256(name)
    url = f"{settings.weights_download.rstrip('/')}/{name}"
    with tempfile.TemporaryFile() as file:
        async with ctx.db.advisory_lock(_LOCK):
            async with ctx.db.reading() as session:
                if await service.find(session, name):
                    return  # another job was faster
            known = settings.weights_sha256.get(name)
            if known is None and await store.head(bucket, beside):
                known = (await store.read(bucket, beside)).decode()
            try:
                wanted.size, wanted.sha256 = await asyncio.to_thread(
                    download, url, file, sha256=known, max_bytes=2**30, within_s=1800
                )
            except DownloadError as error:
                detail = (
                    f"{name} cannot be fetched (WEIGHTS_DOWNLOAD): {error}. `yard weights push "
                    f"{name}` puts it there, `none` starts from scratch, or name other weights."
                )
                raise wrong_field("Weights not fetched", "weights", detail) from error
            await store.put(bucket, object_keys.weights(wanted.sha256), file)
            await store.put(bucket, beside, wanted.sha256.encode())
            async with ctx.db.transaction() as session:
                await session.merge(wanted)
