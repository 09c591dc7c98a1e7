"""`python -m backend`, as a process of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import api_support
import httpx
import pytest
import servers
from backend import __main__
from backend.infra import log_format
from backend.settings import Settings


def environment_of(database_url: str, folder: Path) -> dict[str, str]:
    (folder / "trainer.json").write_text(json.dumps(api_support.MANIFEST))
    environment = servers.backend_env(database_url, folder)
    return {**os.environ, **environment, "AWS_SECRET_ACCESS_KEY": "very-secret", "API_AUTH": "on"}


@pytest.fixture
def environment(database_url: str, tmp_path: Path) -> dict[str, str]:
    return environment_of(database_url, tmp_path)


def run(environment: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "backend", *arguments]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=50, check=False
    )


def test_every_setting_is_described() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


@contextmanager
def serve(
    environment: dict[str, str], log: Path
) -> Iterator["tuple[str, subprocess.Popen[bytes]]"]:
    port = servers.free_port()
    command = [sys.executable, "-m", "backend", "serve", "--port", str(port)]
    with log.open("wb") as output:
        child = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
    try:
        servers.wait_for_port(port, child, log, 60)
        yield f"http://127.0.0.1:{port}", child
    finally:
        child.kill()
        child.wait()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"DATABASE_URL": None}, "DATABASE_URL: Field required"),
        ({"MINIO_ENDPOINT": None}, "MINIO_ENDPOINT and R2_ENDPOINT"),
        ({"LAUNCHER_SOCKET": None}, "needs LAUNCHER_SOCKET"),
        ({"HEARTBEAT_TIMEOUT_S": "soon"}, "HEARTBEAT_TIMEOUT_S"),
        ({"API_AUTH": "maybe"}, "API_AUTH"),
        ({"TRAINERS_DIR": "/nowhere"}, "TRAINERS_DIR"),
        ({"TRAINING_MODE": "magic"}, "TRAINING_MODE"),
        ({"PUBLIC_PORT": "8000"}, "PUBLIC_PORT is 8000, as --port, "),
    ],
)
def test_wrong_setting_is_named(
    tmp_path: Path,
    changes: dict[str, str | None],
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in environment_of("sqlite+aiosqlite:///none", tmp_path).items():
        monkeypatch.setenv(name, value)
    for name, changed in changes.items():
        monkeypatch.setenv(name, changed) if changed is not None else monkeypatch.delenv(name)
    monkeypatch.setattr(sys, "argv", ["backend", "serve"])
    monkeypatch.setattr(log_format, "configure", lambda: None)  # the tests have their own
    assert __main__.main() == 2
    said = capsys.readouterr().err
    assert words in said
    assert "very-secret" not in said


@pytest.mark.databases("postgresql")
def test_token_opens_the_api_and_sigterm_ends_it(
    environment: dict[str, str], tmp_path: Path
) -> None:
    database = {**os.environ, "DATABASE_URL": environment["DATABASE_URL"]}  # they need no more
    assert run(database, "migrate").returncode == 0
    token = run(database, "token", "create", "ci").stdout.strip()
    again = run(database, "token", "create", "ci")
    assert (again.returncode, "Choose another name" in again.stderr) == (2, True)
    with serve(environment, tmp_path / "log") as (url, child):
        headers = {"Authorization": f"Bearer {token}"}
        assert httpx.get(f"{url}/api/v1/jobs", headers=headers).json()["items"] == []
        assert httpx.get(f"{url}/api/v1/jobs").status_code == 401
        began = time.monotonic()
        child.send_signal(signal.SIGTERM)
        child.wait(5)
        assert time.monotonic() - began < 3
    log = (tmp_path / "log").read_text()
    assert "GET /api/v1/jobs 200" in log
    assert token not in log


def test_a_token_needs_the_schema(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"sqlite+aiosqlite:///{tmp_path}/bare")
    monkeypatch.setattr(sys, "argv", ["backend", "token", "create", "ci"])
    monkeypatch.setattr(log_format, "configure", lambda: None)  # the tests have their own
    assert __main__.main() == 2
    said = capsys.readouterr().err
    assert "python -m backend migrate" in said
    assert "Traceback" not in said


def test_database_is_waited_for_with_words(tmp_path: Path) -> None:
    port = servers.free_port()
    away = environment_of("", tmp_path) | {
        "DATABASE_URL": f"postgresql+asyncpg://x@127.0.0.1:{port}/x"
    }
    failed = run(away, "migrate")
    assert (failed.returncode, "DATABASE_URL" in failed.stderr) == (2, True)
    with serve(away | {"API_AUTH": "off"}, tmp_path / "log") as (url, child):
        assert httpx.get(f"{url}/healthz").status_code == 200
        ready = httpx.get(f"{url}/readyz", timeout=10)
        assert (ready.status_code, "DATABASE_URL" in ready.json()["checks"]["database"]) == (
            503,
            True,
        )
        jobs = httpx.get(f"{url}/api/v1/jobs")
        assert (jobs.status_code, jobs.json()["title"]) == (503, "Database unavailable")
        assert child.poll() is None
    assert "waiting for the database (DATABASE_URL)" in (tmp_path / "log").read_text()
