"""Attempts as processes that the launcher forks (docs/training-contract.md, the launcher's socket)."""

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any

from backend.executors.base import (
    AttemptRef,
    AttemptSpec,
    ExecutorUnavailableError,
    LaunchError,
    Observation,
)
from backend.infra.wakeups import wait_and_clear
from backend.state.causes import Cause

logger = logging.getLogger(__name__)

REPLY_TIMEOUT_S = 10
REPLY_LIMIT = 16 * 2**20
POLL_S = 0.25
IDLE_POLL_S = 1.0


class SubprocessExecutor:
    name = "subprocess"
    service = "launcher"
    echoes_logs = True

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._launched = asyncio.Event()

    async def launch(self, spec: AttemptSpec) -> None:
        asked = spec.resources
        if asked.nodes > 1:  # submitted before TRAINING_MODE was changed
            told = f"One machine trains here; the job asks for {asked.nodes} nodes."
            raise LaunchError(told, Cause.UNSCHEDULABLE)
        await self._call(
            "launch",
            **_named(spec.ref),
            command=list(spec.command),
            env=dict(spec.env),
            memory_bytes=asked.memory_bytes,
            cpus=asked.cpu,
            gpus=asked.gpu if "gpu" in asked.model_fields_set else None,
            queued_at=spec.queued_at,
        )
        self._launched.set()

    async def stop(self, ref: AttemptRef, grace_s: float) -> None:
        await self._tell("stop", **_named(ref), grace_s=grace_s)

    async def list(self) -> Sequence[Observation]:
        try:
            reply = await self._call("list")
        except LaunchError as error:
            raise ExecutorUnavailableError(str(error)) from error
        return [_observation(attempt) for attempt in reply["attempts"]]

    async def check(self) -> None:
        await self._call("ping")

    async def gpus(self) -> int:
        return int((await self._call("ping"))["gpus"])

    async def observe(self) -> AsyncGenerator[Sequence[Observation]]:
        seen: dict[AttemptRef, Observation] | None = None
        away = False
        while True:
            try:
                observations = await self.list()
            except ExecutorUnavailableError as error:
                if not away:
                    logger.warning("%s", error)
                away = True
            else:
                away = False
                changed = [one for one in observations if (seen or {}).get(one.ref) != one]
                if changed or seen is None:
                    yield changed
                seen = {one.ref: one for one in observations}
            busy = any(one.state == "running" for one in (seen or {}).values())
            await wait_and_clear(self._launched, POLL_S if busy else IDLE_POLL_S)

    async def log(
        self, ref: AttemptRef, since: str | None, last_lines: int | None = None
    ) -> AsyncGenerator[Sequence[tuple[str, bytes]]]:
        # The launcher's supervisor sends it, for trainers without one of their own too.
        return
        yield

    async def forget(self, ref: AttemptRef) -> None:
        await self._tell("forget", **_named(ref))

    async def _call(self, op: str, **arguments: Any) -> dict[str, Any]:
        """The launcher's answer; raise LaunchError where it refuses."""
        request = json.dumps({"op": op, **arguments}).encode() + b"\n"
        try:
            async with asyncio.timeout(REPLY_TIMEOUT_S):
                line = await self._exchange(request)
            reply: dict[str, Any] = json.loads(line)
        except (OSError, ValueError) as error:
            why = str(error) or type(error).__name__
            told = f"The launcher at {self._socket} (LAUNCHER_SOCKET) does not answer ({why})."
            raise ExecutorUnavailableError(f"{told} Check that it runs.") from error
        if not reply.get("ok"):
            cause = Cause(reply.get("cause") or Cause.LAUNCH_FAILED)
            raise LaunchError(f"The launcher refused to {op}: {reply.get('error')}", cause)
        return reply

    async def _tell(self, op: str, **arguments: Any) -> None:
        try:
            await self._call(op, **arguments)
        except LaunchError as error:
            # It knows no such attempt, so there is nothing left to do.
            logger.debug("%s", error)

    async def _exchange(self, request: bytes) -> bytes:
        reader, writer = await asyncio.open_unix_connection(self._socket, limit=REPLY_LIMIT)
        try:
            writer.write(request)
            await writer.drain()
            return await reader.readline()
        finally:
            writer.close()


def _named(ref: AttemptRef) -> dict[str, Any]:
    return {"job_id": ref.job_id, "attempt": ref.number}


def _observation(attempt: dict[str, Any]) -> Observation:
    exit_code = attempt.get("exit_code")
    if exit_code is None and attempt.get("signal") is not None:
        exit_code = 128 + attempt["signal"]
    cause = attempt.get("cause")
    return Observation(
        ref=AttemptRef(attempt["job_id"], attempt["attempt"]),
        state=attempt["state"],
        exit_code=exit_code,
        cause=Cause(cause) if cause else None,
        message=attempt.get("message") or None,
    )
