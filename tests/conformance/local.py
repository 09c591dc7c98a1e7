"""The platform as plain processes, for the subprocess executor."""

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import httpx
import psutil
import servers
from support.manifests import write_manifests
from support.waiting import wait_for

from conformance.base import SETTINGS

ROOT = Path(__file__).parents[2]
BACKEND = ROOT / "apps/backend/.venv/bin"
TRAINER = ROOT / "apps/trainer-ultralytics/.venv/bin"
# What the launcher gives out, whatever the machine has.
MACHINE_CPUS = 8


class LocalPlatform:
    """Backend, launcher, Temporal, S3 server and a database; `url` is the backend's."""

    def __init__(self, folder: Path, database_url: str, store: servers.S3Server) -> None:
        self.folder = folder
        self.store = store
        self.stall_timeout_s = SETTINGS["STALL_TIMEOUT_S"]
        self.port = servers.free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.socket = folder / "launcher.sock"
        self.temporal_port = servers.free_port()
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        trainers = folder / "trainers"
        write_manifests(trainers)
        shutil.copy(ROOT / "apps/trainer-ultralytics/trainer.json", trainers / "ultralytics.json")
        self._env = os.environ | servers.backend_env(database_url, trainers, store)
        self._env |= {name: str(value) for name, value in SETTINGS.items()}
        self._env |= {
            "BACKEND_URL": self.url,
            "TEMPORAL_ADDRESS": f"127.0.0.1:{self.temporal_port}",
            "LAUNCHER_SOCKET": str(self.socket),
        }

    def trainers_url(self) -> AbstractContextManager[str]:
        return nullcontext(self.url)

    def start(self, service: str) -> None:
        command, env = getattr(self, f"_{service}")()
        with (self.folder / f"{service}.log").open("ab") as log:
            self._running[service] = subprocess.Popen(command, env=env, stdout=log, stderr=log)

    def kill(self, service: str) -> None:
        child = self._running.pop(service)
        child.kill()
        child.wait()

    def stop(self, service: str) -> None:
        """SIGTERM; nothing where a test left the service killed."""
        if child := self._running.pop(service, None):
            child.terminate()
            child.wait(20)

    def wait_ready(self) -> None:
        def ready() -> bool:
            # The backend itself waits 10 s for a launcher that still imports.
            checks = httpx.get(f"{self.url}/readyz", timeout=15).json()["checks"]
            return all(state == "ok" for state in checks.values())

        wait_for(ready, 120, lambda: self.log("backend")[-3000:], catch=httpx.HTTPError)

    def log(self, service: str) -> str:
        return (self.folder / f"{service}.log").read_text(errors="replace")

    def processes(self, job_id: str) -> list[psutil.Process]:
        """Every process of the job's attempt: supervisor, trainer and all that they started."""
        supervisors = [a["pid"] for a in self._attempts() if a["job_id"] == job_id]
        found: list[psutil.Process] = []
        for pid in supervisors:
            try:
                process = psutil.Process(pid)
                found += [process, *process.children(recursive=True)]
            except psutil.NoSuchProcess:
                continue
        return found

    def _attempts(self) -> list[dict[str, Any]]:
        """The launcher's running attempts."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self.socket))
            connection.sendall(b'{"op": "list"}\n')
            reply = json.loads(connection.makefile().readline())
        return [a for a in reply["attempts"] if a["state"] == "running"]

    def kill_trainer(self, job_id: str) -> None:
        """SIGKILL to the training process, not to its supervisor."""
        running = next(a for a in self._attempts() if a["job_id"] == job_id)
        for child in psutil.Process(running["pid"]).children():
            child.kill()

    def _temporal(self) -> tuple[list[str], dict[str, str]]:
        command = [str(servers.SCRIPTS / "temporal"), "server", "start-dev", "--headless"]
        command += ["--port", str(self.temporal_port), "--http-port", str(servers.free_port())]
        command += ["--metrics-port", str(servers.free_port()), "--log-level", "error"]
        command += ["--db-filename", str(self.folder / "temporal.sqlite3")]
        return command, dict(os.environ)

    def _launcher(self) -> tuple[list[str], dict[str, str]]:
        env = os.environ | {
            "TRAINER_HOME": str(self.folder / "trainer"),
            "LAUNCHER_CPUS": str(MACHINE_CPUS),
            # As in the image, `python` is the trainer's.
            "PATH": f"{TRAINER}:{os.environ['PATH']}",
        }
        command = [str(TRAINER / "python"), "-m", "trainer", "launcher"]
        command += ["--socket", str(self.socket), "--state", str(self.folder / "launcher")]
        return command, env

    def _backend(self) -> tuple[list[str], dict[str, str]]:
        command = [str(BACKEND / "python"), "-m", "backend", "serve"]
        return [*command, "--host", "127.0.0.1", "--port", str(self.port)], self._env

    def migrate(self) -> None:
        subprocess.run([BACKEND / "python", "-m", "backend", "migrate"], env=self._env, check=True)


@contextmanager
def local_platform(
    folder: Path, database_url: str, store: servers.S3Server
) -> Iterator[LocalPlatform]:
    platform = LocalPlatform(folder, database_url, store)
    platform.migrate()
    with ExitStack() as stack:
        for service in ("temporal", "launcher", "backend"):
            platform.start(service)
            stack.callback(platform.stop, service)
        platform.wait_ready()
        yield platform
