"""A context over a real database and store, the data's routes over HTTP, and uploads."""

import json
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, cast

import api_support
import httpx
import servers
from backend.artifacts.routes import router as models
from backend.catalog import TrainerCatalog
from backend.context import Context
from backend.datasets.routes import router as datasets
from backend.infra import problem_handlers
from backend.infra.database import Database, new_id
from backend.infra.mlflow import Mlflow
from backend.infra.object_store import ObjectStore
from backend.infra.wakeups import WakeupBus
from backend.settings import Settings
from backend.trainers.routes import router as trainers
from fastapi import FastAPI
from trainyard_manifest import Manifest

Served = tuple[Context, httpx.AsyncClient]
MANIFEST = Manifest.model_validate(api_support.MANIFEST)
_manifests = tempfile.TemporaryDirectory()


@dataclass
class Workflows:
    """Stands in for Temporal: what was asked of it, and an outage."""

    started: list[str] = field(default_factory=list)
    down: bool = False

    async def start_check(self, dataset_id: str) -> bool:
        if not self.down:
            self.started.append(dataset_id)
        return not self.down


def settings(server: servers.S3Server, **changes: Any) -> Settings:
    environment = servers.backend_env("sqlite+aiosqlite://", Path("unused"), server)
    return api_support.parse(environment, **changes)


def catalog(*manifests: Manifest) -> TrainerCatalog:
    folder = Path(_manifests.name) / new_id()
    folder.mkdir()
    for manifest in manifests:
        (folder / f"{manifest.name}.json").write_text(manifest.model_dump_json())
    return TrainerCatalog(folder)


@cache
def shared_store(server: servers.S3Server) -> ObjectStore:
    """One for all tests: building S3 clients takes longer than most of them."""
    return ObjectStore(settings(server))


@asynccontextmanager
async def running(database_url: str, server: servers.S3Server) -> AsyncIterator[Served]:
    """The context and a client of the datasets', artifacts' and trainers' routes."""
    chosen = settings(server, database_url=database_url)
    ctx = Context(
        settings=chosen,
        db=Database(database_url),
        store=shared_store(server),
        bus=WakeupBus(None),
        mlflow=Mlflow(None),
        trainers=catalog(MANIFEST),
        executor=cast("Any", None),
        temporal=cast("Any", Workflows()),
    )
    await ctx.store.ensure_buckets()
    app = FastAPI()
    app.state.context = ctx
    for router in (datasets, models, trainers):
        app.include_router(router)
    problem_handlers.install(app)
    transport = httpx.ASGITransport(app)
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://backend") as client:
            yield ctx, client
    finally:
        await ctx.db.close()


async def announce(client: httpx.AsyncClient, data: bytes, **fields: Any) -> dict[str, Any]:
    body = {"name": "set", "task": "detect", "size": len(data), **fields}
    reply = await client.post("/api/v1/datasets", json=body)
    assert reply.status_code in {200, 201}, reply.text
    return cast("dict[str, Any]", reply.json())


async def put_parts(upload: dict[str, Any], data: bytes) -> list[dict[str, Any]]:
    """Upload to the presigned links; what `complete` wants to hear."""
    size, done = upload["part_size"], []
    async with httpx.AsyncClient() as client:
        for part in upload["parts"]:
            start = (part["number"] - 1) * size
            reply = await client.put(part["url"], content=data[start : start + size])
            assert reply.status_code == 200, reply.text
            done.append({"number": part["number"], "etag": reply.headers["etag"]})
    return done


async def push(client: httpx.AsyncClient, data: bytes, **fields: Any) -> str:
    """Upload and complete; the id of a dataset that waits for its check."""
    dataset = await announce(client, data, **fields)
    parts = await put_parts(dataset["upload"], data)
    reply = await client.post(f"/api/v1/datasets/{dataset['id']}/complete", json={"parts": parts})
    assert reply.status_code == 202, reply.text
    return str(dataset["id"])


async def get(client: httpx.AsyncClient, id_: str) -> dict[str, Any]:
    reply = await client.get(f"/api/v1/datasets/{id_}")
    assert reply.status_code == 200, reply.text
    return cast("dict[str, Any]", reply.json())


def problem_text(dataset: dict[str, Any]) -> str:
    return json.dumps(dataset["report"]["problems"], ensure_ascii=False)


async def complete(
    client: httpx.AsyncClient, id_: str, parts: list[dict[str, Any]]
) -> httpx.Response:
    return await client.post(f"/api/v1/datasets/{id_}/complete", json={"parts": parts})
