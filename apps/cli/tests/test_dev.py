"""`yard dev` as users run it, with every real service."""

import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from yard.dev.state import State

YARD = Path(sys.executable).with_name("yard")
ENV = {"PATH": "/usr/bin:/bin"}


def _start(folder: Path) -> tuple[subprocess.Popen[str], str]:
    """Start in this folder; return the process and its address once it is ready."""
    child = subprocess.Popen(
        [YARD, "dev"], cwd=folder, env=ENV, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert child.stdout
    said = ""
    for line in child.stdout:
        said += line
        if found := re.match(r"Trainyard is ready at (\S+)", line):
            return child, found[1]
    raise AssertionError(said)


def _run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [YARD, *words], cwd=folder, env=ENV, capture_output=True, text=True, check=False
    )


def _processes(state: State) -> list[psutil.Process]:
    found = [record.process() for record in state.records()]
    return [process for process in found if process]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "below").mkdir()
    return tmp_path


def test_life_of_a_yard_dev(folder: Path) -> None:
    state = State(folder / ".trainyard")
    first, url = _start(folder)
    try:
        assert _run(folder / "below", "jobs").stdout.startswith("no jobs yet")

        second = _run(folder, "dev")
        assert second.returncode == 2
        assert str(first.pid) in second.stderr
        assert url in second.stderr

        store = next(record.process() for record in state.records() if record.service == "store")
        assert store
        store.kill()
        assert first.stdout
        assert first.stdout.readline().startswith("store ended; starting it again")
        assert first.stdout.readline().startswith("store ready after")

        services = _processes(state)
        assert len(services) == 4
        listening = {
            connection.laddr.ip
            for service in services
            for connection in service.net_connections("inet")
            if connection.status == psutil.CONN_LISTEN
        }
        assert listening == {"127.0.0.1"}
    finally:
        first.send_signal(signal.SIGKILL)
        first.wait()

    assert all(service.is_running() for service in services)
    assert "no answer from http://localhost:30080" in _run(folder, "jobs").stderr

    with socket.socket() as other:
        backend = next(service for service in services if "backend" in service.cmdline())
        backend.kill()
        backend.wait()
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", int(url.rsplit(":", 1)[1])))
        other.listen()
        script = f'test "$YARD_URL" != {url} && {YARD} jobs && exit 7'
        third = _run(folder, "dev", "--", "sh", "-c", script)
    assert third.returncode == 7, third.stdout + third.stderr
    lines = third.stdout.splitlines()
    assert lines[0].startswith("ended what an earlier `yard dev` had left running: ")
    assert lines[-1] == "stopped; nothing is left running"
    assert not psutil.wait_procs(services, timeout=5)[1]
    assert not _processes(state)
    assert not _mentioning(str(state.root))


def test_a_part_that_is_not_there_is_named_before_anything_starts(folder: Path) -> None:
    done = subprocess.run(
        [YARD, "dev"], cwd=folder, capture_output=True, text=True, check=False,
        env=ENV | {"YARD_TRAINER_PYTHON": "/nowhere/python"},
    )  # fmt: skip
    assert done.returncode == 2
    assert "the trainer's environment is not installed" in done.stderr
    assert (
        not (folder / ".trainyard/processes.json").exists()
        or not State(folder / ".trainyard").records()
    )


def test_sigterm_stops_everything(folder: Path) -> None:
    child, _ = _start(folder)
    services = _processes(State(folder / ".trainyard"))
    child.terminate()
    assert child.wait(timeout=30) == 0
    assert not any(service.is_running() for service in services)


def _mentioning(text: str) -> list[psutil.Process]:
    every = psutil.process_iter(["cmdline"])
    return [p for p in every if any(text in word for word in p.info["cmdline"] or [])]
