"""A real launcher in a process of its own, running a copy of the trainer that tests may edit."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from forks import Fork, ForkServer

SOURCE = Path(__file__).parents[1]
OWN_COMMAND = ["python", "-m", "trainer", "run"]


def wait_until(condition: Any, timeout: float = 180) -> Any:
    """The first truthy value of `condition()`; fails when there is none in time."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError("the condition did not come true in time")


class Launcher:
    def __init__(
        self, folder: Path, home: Path, forks: ForkServer | None = None, **env: str
    ) -> None:
        self.folder = folder
        self.env = env
        self.home = home
        self.socket = folder / "launcher.sock"
        self.source = folder / "src"
        self.process: Fork | subprocess.Popen[bytes] | None = None
        self._forks = forks
        shutil.copytree(SOURCE / "src" / "trainer", self.source / "trainer")

    def start(self) -> None:
        command = ["-m", "trainer", "launcher"]
        command += ["--socket", str(self.socket), "--state", str(self.folder / "state")]
        env = os.environ | {"TRAINER_HOME": str(self.home), "PYTHONPATH": str(self.source)}
        env |= self.env
        with (self.folder / "launcher.log").open("ab") as log:
            if self._forks:
                self.process = self._forks.start(command, env=env, stdout=log, stderr=log)
            else:
                command = [sys.executable, *command]
                self.process = subprocess.Popen(command, env=env, stdout=log, stderr=log)
        wait_until(self._answers)

    def _answers(self) -> bool:
        try:
            return bool(self.ask("ping")["ok"])
        except OSError:
            return False

    def kill(self) -> None:
        assert self.process
        self.process.kill()
        self.process.wait(10)

    def end(self) -> None:
        assert self.process
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(10) == 0

    def connect(self) -> socket.socket:
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(60)
        client.connect(str(self.socket))
        return client

    def ask(self, op: str, **fields: Any) -> dict[str, Any]:
        with self.connect() as client:
            client.sendall(json.dumps({"op": op, **fields}).encode() + b"\n")
            reply: dict[str, Any] = json.loads(client.makefile().readline())
            return reply

    def launch(
        self,
        env: dict[str, str],
        command: list[str] = OWN_COMMAND,
        memory: int | None = None,
        **asked: float,
    ) -> dict[str, Any]:
        return self.ask(
            "launch",
            job_id=env["JOB_ID"],
            attempt=int(env["ATTEMPT"]),
            command=command,
            env=env,
            memory_bytes=memory,
            **asked,
        )

    def stop(self, env: dict[str, str], grace_s: float) -> dict[str, Any]:
        return self.ask("stop", job_id=env["JOB_ID"], attempt=int(env["ATTEMPT"]), grace_s=grace_s)

    def attempts(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask("list")["attempts"]
        return found

    def attempt(self, job_id: str, attempt: int = 1) -> dict[str, Any]:
        key = (job_id, attempt)
        [found] = [known for known in self.attempts() if (known["job_id"], known["attempt"]) == key]
        return found

    def wait_ended(self, job_id: str, attempt: int = 1) -> dict[str, Any]:
        def ended() -> dict[str, Any] | None:
            found = self.attempt(job_id, attempt)
            return found if found["state"] == "ended" else None

        found: dict[str, Any] = wait_until(ended)
        return found
