"""Temporal's client and worker. Nothing here is needed to accept a job: the row waits for it."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.client import Client, WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import KeepAliveConfig, RPCError, RPCStatusCode
from temporalio.worker import Worker

from backend.infra.retry import every, forever
from backend.settings import Settings
from backend.temporal.workflows import (
    ACTIVITY_HEARTBEAT_TIMEOUT,
    CheckWorkflow,
    TrainingWorkflow,
    checks_queue,
)

logger = logging.getLogger(__name__)

# Also to connect: with an address that has died the kernel would go on for two minutes.
RPC_TIMEOUT_S = 2.0
# A connection and the first call on it.
CONNECT_S = 5.0
# Temporal closes connections that ping more often than every 10 s.
KEEP_ALIVE = KeepAliveConfig(interval_millis=12_000, timeout_millis=4_000)
# How often the connection is tried out.
CHECK_S = 2.0
# A workflow is kept between two of its tasks so as not to be replayed; most only wait for hours.
CACHED_WORKFLOWS = 500
# Of this replica; further ones wait in Temporal.
CHECKS_AT_ONCE = 2
# How long a workflow's next task waits for the worker that has it cached and may be dead.
STICKY_TIMEOUT = timedelta(seconds=2)


class TemporalUnavailableError(Exception):
    """Temporal cannot be reached; the text names the setting."""


class Temporal:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client: Client | None = None

    async def start_training(self, job_id: str) -> bool:
        """Start the job's workflow unless it runs; False: Temporal is away, `start_workflows` tries again."""
        return await self._start(TrainingWorkflow.run, job_id)

    async def start_check(self, dataset_id: str) -> bool:
        """Start the dataset's check unless it runs; False as above."""
        return await self._start(CheckWorkflow.run, dataset_id)

    async def attempt_ended(self, job_id: str, number: int) -> bool:
        """Tell the job's workflow, starting one if it has none; False: Temporal is away."""
        signal = {"start_signal": "attempt_ended", "start_signal_args": [number]}
        return await self._start(TrainingWorkflow.run, job_id, **signal)

    async def cancelled(self, job_id: str) -> None:
        """Wake a workflow that waits for the next attempt; harmless where there is none."""
        try:
            async with self._answering() as client:
                handle: WorkflowHandle[Any, Any] = client.get_workflow_handle(job_id)
                await handle.signal("cancelled")
        except TemporalUnavailableError:
            logger.debug("no workflow of job %s to wake", job_id)

    async def check(self) -> None:
        """Raise TemporalUnavailableError unless Temporal answers."""
        async with self._answering() as client:
            await client.service_client.check_health()

    async def run_worker(self, activities: Sequence[Callable[..., Any]]) -> None:
        """Connect, however long it takes, and work off workflows and activities for ever."""
        away = f"Temporal at {self._settings.temporal_address} (TEMPORAL_ADDRESS) is away"
        await forever(away, Exception, self._work, activities)

    async def _work(self, activities: Sequence[Callable[..., Any]]) -> None:
        self._client = client = await self._connect()
        training = Worker(
            client,
            task_queue=self._settings.temporal_task_queue,
            workflows=[TrainingWorkflow, CheckWorkflow],
            # With the checks: those that an older version began are in this queue.
            activities=activities,
            # One that an older version began and this version's code does not fit would stand still
            # for ever. Failed, it is started again, and goes on from where its row stands.
            workflow_failure_exception_types=[workflow.NondeterminismError],
            max_cached_workflows=CACHED_WORKFLOWS,
            sticky_queue_schedule_to_start_timeout=STICKY_TIMEOUT,
            max_heartbeat_throttle_interval=ACTIVITY_HEARTBEAT_TIMEOUT / 4,
        )
        checks = Worker(
            client,
            task_queue=checks_queue(self._settings.temporal_task_queue),
            activities=activities,
            max_concurrent_activities=CHECKS_AT_ONCE,
            max_heartbeat_throttle_interval=ACTIVITY_HEARTBEAT_TIMEOUT / 4,
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(training.run())
            group.create_task(checks.run())
            group.create_task(every(CHECK_S, self._keep_connected, training, checks))

    async def _keep_connected(self, *workers: Worker) -> None:
        """Give up a connection that leads nowhere, or to another server: it would do so for ever."""
        try:
            await self.check()
        except TemporalUnavailableError as error:
            logger.warning("reconnecting: %s", error)
            with contextlib.suppress(RuntimeError, RPCError, TimeoutError):
                self._client = await self._connect()
                for worker in workers:
                    worker.client = self._client

    async def _connect(self) -> Client:
        """Raise RuntimeError, RPCError or TimeoutError while Temporal is away."""
        # The client's own timeout ends with the connection, on which a server may say nothing.
        async with asyncio.timeout(CONNECT_S):
            return await Client.connect(
                self._settings.temporal_address,
                namespace=self._settings.temporal_namespace,
                connect_timeout=timedelta(seconds=RPC_TIMEOUT_S),
                keep_alive_config=KEEP_ALIVE,
            )

    async def _start(self, run: Callable[..., Any], id_: str, **options: Any) -> bool:
        workflow_id = f"preflight-{id_}" if run == CheckWorkflow.run else id_
        try:
            async with self._answering() as client:
                await client.start_workflow(
                    run,
                    args=[id_],
                    id=workflow_id,
                    task_queue=self._settings.temporal_task_queue,
                    id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                    # The server hands the first task to this process' worker in its very reply.
                    request_eager_start=not options,
                    **options,
                )
        except WorkflowAlreadyStartedError:
            return True
        except TemporalUnavailableError as error:
            refusal = getattr(error.__cause__, "status", None)
            if refusal == RPCStatusCode.INVALID_ARGUMENT and "start_signal" in options:
                # It takes no signal any more: Temporal's limit is 10,000. It holds no state that
                # the rows lack: a new one sees the end by itself.
                anew = WorkflowIDConflictPolicy.TERMINATE_EXISTING
                return await self._start(run, id_, id_conflict_policy=anew)
            logger.warning("workflow %s not started yet: %r", workflow_id, error)
            return False
        return True

    @contextlib.asynccontextmanager
    async def _answering(self) -> AsyncIterator[Client]:
        """The client, for one call: it raises TemporalUnavailableError where that fails or takes too long.

        The client's own timeout knows nothing of connecting, and repeats.
        """
        if self._client is None:
            raise self._unavailable("not connected yet")
        try:
            async with asyncio.timeout(RPC_TIMEOUT_S):
                yield self._client
        except RPCError as error:
            raise self._unavailable(str(error)) from error
        except TimeoutError as error:
            raise self._unavailable(f"nothing came back within {RPC_TIMEOUT_S:g} s") from error

    def _unavailable(self, reason: str) -> TemporalUnavailableError:
        told = f"Temporal at {self._settings.temporal_address} (TEMPORAL_ADDRESS) does not answer: {reason}."
        return TemporalUnavailableError(f"{told} Jobs wait in the queue and start when it is back.")
