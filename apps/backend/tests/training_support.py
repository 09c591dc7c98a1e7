"""What the tests of training share: a backend without its routes, and a scripted executor."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import data_support
import httpx
import servers
from api_support import add_dataset, get_job
from backend.callbacks import log_repository
from backend.context import Context
from backend.executors.base import (
    AttemptRef,
    AttemptSpec,
    Executor,
    ExecutorUnavailableError,
    Observation,
)
from backend.infra.database import Database, new_id
from backend.infra.mlflow import Mlflow
from backend.infra.object_store import ObjectStore
from backend.infra.retry import always
from backend.infra.wakeups import WakeupBus
from backend.orchestration.background import background
from backend.settings import Settings
from backend.state.causes import Cause
from backend.state.jobs import Attempt, Job
from backend.state.statuses import JobStatus
from backend.temporal.client import Temporal
from trainyard_manifest import Manifest


def script(text: str) -> Manifest:
    """The manifest of a trainer that is this shell script."""
    return Manifest(
        name="script",
        version="1",
        description="Does as it is told.",
        image="script:1",
        command=["sh", "-c", text],
        tasks=["detect"],
        config_schema={"type": "object", "properties": {}},
    )


MANIFEST = script("exit 0")


class ScriptedExecutor:
    """Runs nothing: tests say how attempts end, and when the executor is away."""

    def __init__(self, name: str = "subprocess") -> None:
        self.name = name
        self.service = "launcher" if name == "subprocess" else "kubernetes"
        self.echoes_logs = name == "subprocess"
        self.specs: list[AttemptSpec] = []
        self.stops: list[tuple[AttemptRef, float]] = []
        self.attempts: dict[AttemptRef, Observation] = {}
        self.outputs: dict[AttemptRef, bytes] = {}
        self.on_launch: Callable[[AttemptSpec], Awaitable[None]] | None = None
        self.obedient = True
        self.away = False
        # Of these, a call gets no answer.
        self.deaf: set[AttemptRef] = set()
        self._changed = asyncio.Event()

    async def launch(self, spec: AttemptSpec) -> None:
        self._answer()
        if spec.ref not in self.attempts:
            self.specs.append(spec)
            self.attempts[spec.ref] = Observation(spec.ref, "running")
        if self.on_launch is not None:
            await self.on_launch(spec)

    def finish(
        self, ref: AttemptRef, exit_code: int | None = 0, cause: Cause | None = None
    ) -> None:
        self.tell(Observation(ref, "ended", exit_code=exit_code, cause=cause))

    def tell(self, seen: Observation) -> None:
        self.attempts[seen.ref] = seen
        self._changed.set()

    async def stop(self, ref: AttemptRef, grace_s: float) -> None:
        self._answer()
        if ref in self.deaf:
            await asyncio.Event().wait()
        self.stops.append((ref, grace_s))
        if self.obedient and ref in self.attempts:
            self.finish(ref, 143)

    async def list(self) -> Sequence[Observation]:
        self._answer()
        return [*self.attempts.values()]

    async def gpus(self) -> None:
        return None

    async def check(self) -> None:
        self._answer()

    async def observe(self) -> AsyncGenerator[Sequence[Observation]]:
        while True:
            yield [*self.attempts.values()]
            self._changed.clear()
            await self._changed.wait()

    async def log(
        self, ref: AttemptRef, since: str | None, last_lines: int | None = None
    ) -> AsyncGenerator[Sequence[tuple[str, bytes]]]:
        lines = self.outputs.get(ref, b"").splitlines(keepends=True)
        if lines and since is None:
            yield [("2026-01-01T00:00:00Z", line) for line in lines]

    async def forget(self, ref: AttemptRef) -> None:
        self._answer()
        self.attempts.pop(ref, None)

    def _answer(self) -> None:
        if self.away:
            raise ExecutorUnavailableError("The launcher does not answer.")


def settings(database_url: str, store: servers.S3Server, temporal: str, **changes: Any) -> Settings:
    return data_support.settings(
        store,
        database_url=database_url,
        temporal_address=temporal,
        # Each test has a queue of its own on the one server.
        temporal_task_queue=new_id(),
        stop_grace_s=2,
        **changes,
    )


def mlflow_settings(url: str) -> dict[str, str]:
    """The settings for an MLflow at `http://USER:PASSWORD@…`."""
    login = httpx.URL(url)
    return {
        "mlflow_tracking_uri": str(login.copy_with(userinfo=b"")),
        "mlflow_tracking_username": login.username,
        "mlflow_tracking_password": login.password,
    }


async def make_context(settings: Settings, executor: Executor, *manifests: Manifest) -> Context:
    store = ObjectStore(settings)
    await store.ensure_buckets()
    return Context(
        settings=settings,
        db=Database(settings.database_url),
        store=store,
        bus=WakeupBus(),
        mlflow=Mlflow(settings.mlflow_tracking_uri, settings.mlflow_login),
        trainers=data_support.catalog(*(manifests or [MANIFEST])),
        executor=executor,
        temporal=Temporal(settings),
    )


@asynccontextmanager
async def running(ctx: Context, *only: str) -> AsyncIterator[list[asyncio.Task[None]]]:
    """The background tasks (or only those named), restarted as the lifespan does."""
    tasks = [
        asyncio.create_task(always(name, task))
        for name, task in background(ctx).items()
        if not only or name in only
    ]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def add_job(ctx: Context, **columns: Any) -> str:
    """A queued job as the API leaves it."""
    dataset_id = columns.pop("dataset_id", None) or await add_dataset(ctx)
    values = {"max_attempts": 3, "config": {"epochs": 2}, "resources": {}, **columns}
    job = Job(trainer="script", task="detect", dataset_id=dataset_id, request_sha256="", **values)
    async with ctx.db.transaction() as session:
        session.add(job)
    return job.id


async def until(condition: Callable[[], Awaitable[bool]], what: str, seconds: float = 60) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while True:
                if await condition():
                    return
                await asyncio.sleep(0.02)
    raise AssertionError(f"not in {seconds} s: {what}")


async def until_status(ctx: Context, job_id: str, *statuses: JobStatus, seconds: float = 60) -> Job:
    async def reached() -> bool:
        return (await get_job(ctx, job_id)).status in statuses

    try:
        await until(reached, f"status {statuses}", seconds)
    except AssertionError:
        job = await get_job(ctx, job_id)
        raise AssertionError(f"{job.status} {job.cause} {job.message}, not {statuses}") from None
    return await get_job(ctx, job_id)


async def until_running(ctx: Context, ref: AttemptRef, seconds: float = 60) -> None:
    """The attempt was launched, and that is recorded."""

    async def launched() -> bool:
        async with ctx.db.reading() as session:
            attempt = await session.get(Attempt, ref)
            return attempt is not None and attempt.launched_at is not None

    await until(launched, f"{ref} launched", seconds)


async def log_of(ctx: Context, ref: AttemptRef) -> bytes:
    """What is stored of an attempt's output; its job has no later one."""
    async with ctx.db.reading() as session:
        job = await session.get_one(Job, ref.job_id)
        attempt = await session.get_one(Attempt, ref)
        return (await log_repository.read(session, job, attempt.log_base, 2**23)).data
