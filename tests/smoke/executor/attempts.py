"""What tests of the executor share: attempts that are scripts, and what was told of them."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from backend.executors.base import AttemptRef, AttemptSpec, Observation
from backend.executors.kubernetes.executor import KubernetesExecutor
from backend.settings import Settings
from kubernetes.aio.config import kube_config
from trainyard_manifest import Resources

IMAGE = "debian:bookworm-slim"
WITHIN_S = 60


def spec(script: str, **changes: Any) -> AttemptSpec:
    ref = AttemptRef(secrets.token_hex(6), 1)
    asked: dict[str, Any] = {"cpu": 0.05, "memory": "32Mi", "gpu": 0}
    for name in Resources.model_fields.keys() & changes.keys():
        asked[name] = changes.pop(name)
    given = AttemptSpec(
        ref=ref,
        image=IMAGE,
        command=["sh", "-c", script],
        env={
            "JOB_ID": ref.job_id,
            "CALLBACK_TOKEN": "s3cret",
            "DATASET_ID": "d1",
            "TASK": "detect",
        },
        resources=Resources(**asked),
        trainer="ultralytics",
        name="a baseline",
    )
    return replace(given, **changes)


def selector(ref: AttemptRef) -> str:
    return f"trainyard.dev/job={ref.job_id},trainyard.dev/attempt={ref.number}"


class Told:
    """What an executor told of each attempt, in order."""

    def __init__(self) -> None:
        self.of: dict[AttemptRef, list[Observation]] = {}
        self._more = asyncio.Condition()

    async def listen(self, executor: KubernetesExecutor) -> None:
        async for observations in executor.observe():
            async with self._more:
                for seen in observations:
                    self.of.setdefault(seen.ref, []).append(seen)
                self._more.notify_all()

    async def until(
        self, ref: AttemptRef, right: Callable[[Observation], bool], within_s: float = WITHIN_S
    ) -> Observation:
        async with asyncio.timeout(within_s), self._more:
            await self._more.wait_for(lambda: any(map(right, self.of.get(ref, []))))
        return next(seen for seen in self.of[ref] if right(seen))

    async def end(self, ref: AttemptRef, within_s: float = WITHIN_S) -> Observation:
        return await self.until(ref, lambda seen: seen.state == "ended", within_s)


@pytest.fixture
def make(
    template: Path, kubeconfig: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., KubernetesExecutor]:
    monkeypatch.setattr(kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", str(kubeconfig))

    def make(**changes: Any) -> KubernetesExecutor:
        fast = {"stop_grace_s": 2, "unschedulable_after_s": 3, "trainer_job_template": template}
        settings: dict[str, Any] = fast | changes
        return KubernetesExecutor(Settings.model_construct(**settings))

    return make


@asynccontextmanager
async def observing(executor: KubernetesExecutor) -> AsyncIterator[Told]:
    told = Told()
    task = asyncio.create_task(told.listen(executor))
    try:
        yield told
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def executor(make: Callable[..., KubernetesExecutor]) -> KubernetesExecutor:
    return make()


@pytest.fixture
async def told(executor: KubernetesExecutor) -> AsyncIterator[Told]:
    async with observing(executor) as told:
        yield told


async def until(condition: Callable[[], Any], within_s: float = WITHIN_S) -> Any:
    async with asyncio.timeout(within_s):
        while True:
            if value := await asyncio.to_thread(condition):
                return value
            await asyncio.sleep(0.3)
