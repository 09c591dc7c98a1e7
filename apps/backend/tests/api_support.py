"""The whole backend behind a real HTTP server in this process, and running jobs to call back for."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any, NamedTuple, Self

import httpx
import pytest
import servers
from backend import __main__
from backend.app import create_app
from backend.context import Context
from backend.infra import database
from backend.infra.database import new_id, utcnow
from backend.settings import Settings
from backend.state.datasets import Dataset, DatasetStatus
from backend.state.jobs import Attempt, Job
from backend.state.statuses import JobStatus
from backend.state.tokens import sha256
from fastapi import FastAPI

MANIFEST = {
    "distributed": {"gpus": 8},
    "name": "plain",
    "version": "1",
    "description": "A trainer for tests.",
    "image": "plain:1",
    "command": ["plain"],
    "tasks": ["detect"],
    "config_schema": {
        "type": "object",
        "properties": {
            "epochs": {"type": "integer", "default": 3, "description": "Epochs.", "minimum": 1}
        },
    },
}


class Api(NamedTuple):
    app: FastAPI
    ctx: Context
    http: httpx.AsyncClient
    url: str


class Running(NamedTuple):
    """A job whose first attempt runs, and that attempt's token."""

    job_id: str
    token: str

    @property
    def path(self) -> str:
        return f"/api/v1/jobs/{self.job_id}"

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


def settings(
    database_url: str, folder: Path, store: servers.S3Server | None = None, **changes: Any
) -> Settings:
    """Temporal and the launcher are away, so that jobs stay as they are."""
    (folder / "trainer.json").write_text(json.dumps(MANIFEST))
    return parse(servers.backend_env(database_url, folder, store), **changes)


def parse(environment: Mapping[str, str], **changes: Any) -> Settings:
    """Settings as this environment has them, with changes by field."""
    fields = {name.lower(): value for name, value in environment.items()}
    return Settings.model_validate(fields | changes)


@asynccontextmanager
async def serving(chosen: Settings) -> AsyncIterator[Api]:
    app = create_app(chosen)
    server = __main__.Server(__main__.uvicorn_config(app, "127.0.0.1", 0))
    task = asyncio.create_task(server.serve())
    while not server.started:
        assert not task.done(), "the server did not start"
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    try:
        async with httpx.AsyncClient(base_url=url, timeout=60) as http:
            yield Api(app, app.state.context, http, url)
    finally:
        server.should_exit = True
        await task


def shift_clock(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """This process is on a machine whose clock is ahead (or behind)."""

    class Shifted(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return super().now(tz) + timedelta(seconds=seconds)

    monkeypatch.setattr(database, "datetime", Shifted)
    monkeypatch.setattr(database._Clock, "offset", timedelta())


async def add_dataset(ctx: Context, **columns: Any) -> str:
    name = new_id()
    values: dict[str, Any] = {
        "task": "detect",
        "status": DatasetStatus.READY,
        "size": 1,
        "sha256": "0" * 64,
    }
    values |= {"index_sha256": "1" * 64, "version": 1}
    async with ctx.db.transaction() as session:
        session.add(Dataset(id=name, name=name, **(values | columns)))
    return name


async def add_running(
    ctx: Context, status: JobStatus = JobStatus.PREPARING, **columns: Any
) -> Running:
    """As a launch leaves it: an attempt that nobody has heard of yet."""
    job_id, token = new_id(), secrets.token_urlsafe(32)
    values: dict[str, Any] = {"trainer": "plain", "task": "detect", "dataset_id": new_id()}
    values |= {"config": {}, "resources": {}, "max_attempts": 3, "request_sha256": ""}
    values |= {"attempt": 1, "started_at": utcnow(), "workflow_started": True}
    async with ctx.db.transaction() as session:
        session.add(Job(id=job_id, status=status, **(values | columns)))
        await session.flush()
        session.add(
            Attempt(
                job_id=job_id,
                number=1,
                executor="subprocess",
                token_sha256=sha256(token),
                launched_at=utcnow(),
            )
        )
    return Running(job_id, token)


async def set_attempt(ctx: Context, job_id: str, number: int = 1, **columns: Any) -> None:
    """What callbacks would write."""
    async with ctx.db.transaction() as session:
        attempt = await session.get_one(Attempt, (job_id, number))
        for name, value in columns.items():
            setattr(attempt, name, value)


async def set_job(ctx: Context, job_id: str, **columns: Any) -> None:
    async with ctx.db.transaction() as session:
        job = await session.get_one(Job, job_id)
        for name, value in columns.items():
            setattr(job, name, value)


async def get_attempt(ctx: Context, job_id: str, number: int = 1) -> Attempt:
    async with ctx.db.reading() as session:
        return await session.get_one(Attempt, (job_id, number))


async def get_job(ctx: Context, job_id: str) -> Job:
    async with ctx.db.reading() as session:
        return await session.get_one(Job, job_id)
