"""A server of the launcher's protocol that runs real processes, without torch and supervisors."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any


class FakeLauncher:
    def __init__(self) -> None:
        self.launched: list[tuple[str, int]] = []
        self.gpus: list[int | None] = []
        self.env: dict[tuple[str, int], dict[str, str]] = {}
        self.processes: dict[tuple[str, int], asyncio.subprocess.Process] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = await reader.readline()
        if line:
            try:
                reply = {"ok": True, **await self.perform(json.loads(line))}
            except KeyError as error:
                reply = {"ok": False, "error": f"no attempt {error}"}
            with suppress(ConnectionError):
                writer.write(json.dumps(reply).encode() + b"\n")
                await writer.drain()
        writer.close()

    async def perform(self, request: dict[str, Any]) -> dict[str, Any]:
        key = (request.get("job_id", ""), request.get("attempt", 0))
        match request["op"]:
            case "ping":
                return {"gpus": 2}
            case "launch" if key not in self.processes:
                self.launched.append(key)
                self.gpus.append(request["gpus"])
                self.env[key] = request["env"]
                self.processes[key] = await asyncio.create_subprocess_exec(
                    *request["command"], env={**os.environ, **request["env"]}, process_group=0
                )
            case "list":
                return {"attempts": [self.listing(*key) for key in self.processes]}
            case "stop":
                self.signal(key, signal.SIGTERM)
                asyncio.get_running_loop().call_later(
                    request["grace_s"], self.signal, key, signal.SIGKILL
                )
            case "forget":
                self.processes.pop(key, None)
        return {}

    def listing(self, job_id: str, attempt: int) -> dict[str, Any]:
        process = self.processes[job_id, attempt]
        code = process.returncode
        return {
            "job_id": job_id,
            "attempt": attempt,
            "state": "running" if code is None else "ended",
            "pid": process.pid,
            "exit_code": code if code is not None and code >= 0 else None,
            "signal": -code if code is not None and code < 0 else None,
            "cause": None,
            "message": "",
        }

    def signal(self, key: tuple[str, int], number: signal.Signals) -> None:
        if key in self.processes and self.processes[key].returncode is None:
            os.killpg(self.processes[key].pid, number)


@asynccontextmanager
async def fake_launcher(socket: Path) -> AsyncIterator[FakeLauncher]:
    launcher = FakeLauncher()
    server = await asyncio.start_unix_server(launcher.serve, socket, limit=2**24)
    try:
        yield launcher
    finally:
        server.close()
        for key in list(launcher.processes):
            launcher.signal(key, signal.SIGKILL)
        for process in launcher.processes.values():
            await process.wait()
