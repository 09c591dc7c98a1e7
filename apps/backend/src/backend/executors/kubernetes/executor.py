"""Attempts as Kubernetes Jobs: one Job, a pod for each node, and one Secret each.

A Job's Secret is made right after it, because its owner must be there first; the pods start after
both. Should the backend die in between, they wait for a Secret that never comes, which ends
the attempt as `launch_failed`, and the next one follows. What lets several nodes reach each other is
made before the Secret: none of them runs without it.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from typing import Literal

from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_exponential

from backend.executors.base import (
    AttemptRef,
    AttemptSpec,
    ExecutorUnavailableError,
    LaunchError,
    Observation,
)
from backend.executors.kubernetes import diagnosis, kueue, objects
from backend.executors.kubernetes.client import KubernetesApi, KubernetesRefusedError, Object
from backend.executors.kubernetes.diagnosis import Pending
from backend.executors.kubernetes.log_lines import TimedLines
from backend.executors.kubernetes.objects import END_RECORDED, JOB, job_name, ref_of
from backend.executors.kubernetes.watch import AttemptWatch
from backend.infra.wakeups import wait_and_clear
from backend.settings import Settings
from backend.state.causes import Cause

logger = logging.getLogger(__name__)

# An API server that starts again is waited for: half a launch is worth less than a late one.
LAUNCH_S = 60
TICK_S = 1.0
# Logs read at once: as many connections, of the client's 100.
LOGS_AT_ONCE = 50


class KubernetesExecutor:
    """See the module. `STOP_GRACE_S` is every pod's: it cannot be changed once the pod is there."""

    name = "kubernetes"
    service = "kubernetes"
    echoes_logs = False

    def __init__(self, settings: Settings) -> None:
        """Raise ValueError, with a text for the user, for a wrong template."""
        assert settings.trainer_job_template is not None  # noqa: S101 - the settings have seen to it
        self._settings = settings
        self._template = objects.load_template(settings.trainer_job_template)
        self._api = KubernetesApi(self._template["metadata"]["namespace"])
        self._watched = AttemptWatch(self._api, with_kueue=settings.kueue)
        # What was told of each attempt: ends for as long as nobody has said that they are recorded.
        self._told: dict[AttemptRef, Observation] = {}
        self._forgotten: set[AttemptRef] = set()
        self._waiting: dict[AttemptRef, tuple[Cause | None, float]] = {}
        self._logs = asyncio.Semaphore(LOGS_AT_ONCE)

    async def launch(self, spec: AttemptSpec) -> None:
        patiently = AsyncRetrying(
            retry=retry_if_exception_type(ExecutorUnavailableError),
            wait=wait_exponential(multiplier=0.1, max=1),
            stop=stop_after_delay(LAUNCH_S),
            reraise=True,
        )
        try:
            await patiently(self._create, spec)
        except KubernetesRefusedError as error:
            await self._delete(spec.ref)
            raise LaunchError(f"Kubernetes refused its Job: {error}") from error

    async def stop(self, ref: AttemptRef, grace_s: float) -> None:
        await self._delete(ref)

    async def list(self) -> Sequence[Observation]:
        if not self._watched.listed:
            # A pod may outlive its Job by its grace period.
            raise ExecutorUnavailableError("The pods of all attempts are not listed yet.")
        listed: dict[AttemptRef, Literal["running", "ended"]] = {}
        with _refused_as_away():
            async for page in self._api.pages("jobs", labelSelector=f"{JOB},!{END_RECORDED}"):
                for job in page.items:
                    ref = ref_of(job["metadata"]["labels"])
                    listed[ref] = "ended" if diagnosis.job_has_finished(job) else "running"
        seen = (self._told.keys() | self._watched.refs()) - self._forgotten
        for ref in seen - listed.keys():
            listed[ref] = "running"  # its Job is gone, and its end not told yet
        return [self._told.get(ref, Observation(ref, state)) for ref, state in listed.items()]

    async def gpus(self) -> None:
        return None

    async def check(self) -> None:
        with _refused_as_away():
            await self._api.call("GET", "jobs", query={"limit": "1"})

    async def observe(self) -> AsyncGenerator[Sequence[Observation]]:
        watched = self._watched
        following = asyncio.create_task(watched.follow())
        following.add_done_callback(lambda _: watched.woken.set())
        first = True
        try:
            while not following.done():
                await wait_and_clear(watched.woken, TICK_S if self._waiting else None)
                if not watched.listed:
                    continue
                due = watched.changed | self._waiting.keys()
                watched.changed = set()
                changed = self._look(due)
                if first:
                    changed = [self._told[ref] for ref in self._told.keys() - self._forgotten]
                if changed or first:
                    yield changed
                first = False
            await following
        finally:
            following.cancel()
            await asyncio.wait({following})
            await self._api.close()

    async def forget(self, ref: AttemptRef) -> None:
        seen = self._watched.seen(ref)
        if seen is not None and not diagnosis.has_finished(seen):
            # It would never finish, and so never meet its TTL.
            await self._delete(ref)
        else:
            patch: Object = {"metadata": {"labels": {END_RECORDED: "true"}}}
            with _refused_as_away(but=HTTPStatus.NOT_FOUND):
                await self._api.call("PATCH", "jobs", job_name(ref), body=patch)
        self._forgotten.add(ref)
        self._drop_gone(ref)

    async def log(
        self, ref: AttemptRef, since: str | None, last_lines: int | None = None
    ) -> AsyncGenerator[Sequence[tuple[str, bytes]]]:
        seen = self._watched.seen(ref)
        pod = seen.pods.get(0) if seen else None
        if pod is None or not diagnosis.has_started(pod):
            raise ExecutorUnavailableError("It has no pod that has started.")
        query = {"follow": "true", "timestamps": "true"}
        query |= {"sinceTime": since} if since is not None else {}
        query |= {"tailLines": str(last_lines)} if last_lines is not None else {}
        lines = TimedLines()
        with _refused_as_away():
            async with self._logs:
                async for part in self._api.log(pod["metadata"]["name"], **query):
                    if read := lines.read(part):
                        yield read
        if rest := lines.read(b"", last=True):
            yield rest

    async def _create(self, spec: AttemptSpec) -> None:
        wanted = objects.build_job(self._template, spec, self._settings)
        try:
            job = await self._api.call("POST", "jobs", body=wanted)
        except KubernetesRefusedError as error:
            # It may be there already: a quota refuses a second one before its name does.
            try:
                job = await self._api.call("GET", "jobs", job_name(spec.ref))
            except KubernetesRefusedError:
                raise error from None
        if spec.resources.nodes > 1:
            await self._add("networkpolicies", objects.build_network_policy(spec, job))
        await self._add("secrets", objects.build_secret(spec, job))

    async def _add(self, kind: str, item: Object) -> None:
        try:
            await self._api.call("POST", kind, body=item)
        except KubernetesRefusedError as error:
            if error.status != HTTPStatus.CONFLICT:
                raise

    async def _delete(self, ref: AttemptRef) -> None:
        with _refused_as_away(but=HTTPStatus.NOT_FOUND):
            # Foreground: the Job stays until its pod has left.
            query = {"propagationPolicy": "Foreground"}
            await self._api.call("DELETE", "jobs", job_name(ref), query=query)

    def _look(self, refs: Iterable[AttemptRef]) -> Sequence[Observation]:
        """New observations of these attempts since the last report."""
        watched, changed = self._watched, []
        for ref in refs:
            seen = watched.seen(ref)
            if seen is None:
                self._waiting.pop(ref, None)
                continue
            told = self._told.get(ref)
            if told is None or told.state == "running":
                judged = kueue.diagnose(ref, seen, watched.workloads, watched.places.get(ref))
                self._told[ref] = self._wait_for(ref, judged)
            if watched.recorded(ref):
                self._forgotten.add(ref)
            elif self._told[ref] != told:
                changed.append(self._told[ref])
            self._drop_gone(ref)
        return changed

    def _drop_gone(self, ref: AttemptRef) -> None:
        """Drop what is known of an attempt once its end is recorded and nothing is left of it."""
        if ref in self._forgotten and self._watched.drop_gone(ref):
            self._told.pop(ref, None)
            self._forgotten.discard(ref)

    def _wait_for(self, ref: AttemptRef, judged: Observation | Pending) -> Observation:
        if isinstance(judged, Observation):
            self._waiting.pop(ref, None)
            return judged
        cause, since = self._waiting.get(ref, (None, None))
        if since is None or cause != judged.cause:
            since = time.monotonic()
            self._waiting[ref] = (judged.cause, since)
        most = judged.patience_s
        patience = self._settings.unschedulable_after_s if most is None else most
        if time.monotonic() - since < patience:
            return Observation(ref, "running", message=judged.message)
        return Observation(ref, "ended", judged.exit_code, judged.cause, judged.message)


@contextmanager
def _refused_as_away(*, but: HTTPStatus | None = None) -> Iterator[None]:
    """Have a refusal tried again later; one with the status `but` is no matter."""
    try:
        yield
    except KubernetesRefusedError as error:
        if error.status != but:
            raise ExecutorUnavailableError(str(error)) from error
