"""The workflows. They are stateless: every decision reads the database.

A workflow that is started again, because Temporal lost its state or a user retries the job,
therefore continues from where the job stands.
"""

import contextlib
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy

# What makes activities fail mostly passes (a database, store or launcher that is down), whereas a
# workflow that gave up would leave its job hanging. The activities themselves know the bound.
FOREVER = RetryPolicy(
    initial_interval=timedelta(milliseconds=200), maximum_interval=timedelta(seconds=5)
)
# An activity whose worker was killed is repeated after this time; live workers send heartbeats.
ACTIVITY_HEARTBEAT_TIMEOUT = timedelta(seconds=5)


@dataclass
class Launched:
    number: int
    ended: bool


@dataclass
class Settled:
    """What follows from an attempt: `delay_s` until the next, or `final`; neither: it still runs."""

    delay_s: float | None = None
    final: bool = False


def checks_queue(task_queue: str) -> str:
    """Where checks of datasets wait: many of them take no job's turn."""
    return f"{task_queue}-checks"


@workflow.defn(name="training")
class TrainingWorkflow:
    """Launches attempts of one job until one is the last."""

    def __init__(self) -> None:
        self._ended = 0
        self._cancelled = False

    @workflow.signal(name="attempt_ended")
    def attempt_ended(self, number: int) -> None:
        self._ended = max(self._ended, number)

    @workflow.signal(name="cancelled")
    def cancelled(self) -> None:
        """The job was cancelled between two attempts: end the delay."""
        self._cancelled = True

    @workflow.run
    async def run(self, job_id: str) -> None:
        while launched := await _activity("launch", job_id, result=Launched):
            settled = await self._settle(job_id, launched)
            if settled.final:
                await _activity("finalize", job_id, launched.number, within=timedelta(minutes=10))
                return
            with contextlib.suppress(TimeoutError):
                await workflow.wait_condition(lambda: self._cancelled, timeout=settled.delay_s)

    async def _settle(self, job_id: str, launched: Launched) -> Settled:
        ended = launched.ended
        while True:
            if not ended:
                # The repairs repeat the signal for as long as an ended attempt is not settled.
                await workflow.wait_condition(lambda: self._ended >= launched.number)
            settled: Settled = await _activity("settle", job_id, launched.number, result=Settled)
            if settled.final or settled.delay_s is not None:
                return settled
            ended = False


# Temporal knows the check by the name that running workflows were started with.
@workflow.defn(name="preflight")
class CheckWorkflow:
    """Checks one uploaded dataset."""

    @workflow.run
    async def run(self, dataset_id: str) -> None:
        queue = checks_queue(workflow.info().task_queue)
        await _activity("preflight", dataset_id, within=timedelta(hours=6), queue=queue)


async def _activity(
    name: str,
    *args: object,
    result: type | None = None,
    within: timedelta = timedelta(minutes=2),
    queue: str | None = None,
) -> Any:
    return await workflow.execute_activity(
        name,
        args=args,
        task_queue=queue,
        result_type=result,
        start_to_close_timeout=within,
        heartbeat_timeout=ACTIVITY_HEARTBEAT_TIMEOUT,
        retry_policy=FOREVER,
    )
