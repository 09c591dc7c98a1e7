"""`yard dev`'s parts with real processes, without the platform's services."""

import contextlib
import io
import json
import os
import re
import socket
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from conftest import wait_for
from rich.console import Console
from support import stranger
from yard import locations, options, running
from yard.dev import state_folder
from yard.dev.screen import Screen
from yard.dev.service_runner import ServiceRunner
from yard.dev.service_stack import ServiceStack, end_leftovers
from yard.dev.services import Service, environment, plan
from yard.dev.state_folder import ProcessRecord, StateFolder
from yard.errors import YardError


@pytest.fixture
def sleeper() -> Iterator[psutil.Process]:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield psutil.Process(child.pid)
    child.kill()
    child.wait()


def test_only_the_owner_can_look_into_the_state_folder(state: StateFolder) -> None:
    state.store_keys()
    assert state.root.stat().st_mode & 0o777 == 0o700
    assert (state.root / "store-keys.json").stat().st_mode & 0o777 == 0o600
    assert state.store_keys() == StateFolder(state.root).store_keys()


def test_a_port_stays_the_same_until_somebody_has_taken_it(state: StateFolder) -> None:
    first = state.ports(["backend", "s3"], {})
    assert state.ports(["backend", "s3"], {}) == first
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", first["backend"]))
        other.listen()
        moved = state.ports(["backend", "s3"], {})
        assert moved["backend"] != first["backend"]
        assert moved["s3"] == first["s3"]
        with pytest.raises(YardError, match="is taken"):
            state.ports(["backend"], {"backend": first["backend"]})
    assert state.ports(["backend", "s3"], {}) == moved


def test_what_was_left_is_ended_but_never_a_process_that_only_has_its_pid(
    state: StateFolder, sleeper: psutil.Process
) -> None:
    state.write_records([ProcessRecord("backend", sleeper.pid, sleeper.create_time() - 100)])
    assert end_leftovers(state, print) == []
    assert sleeper.is_running()
    state.write_records([ProcessRecord("backend", sleeper.pid, sleeper.create_time())])
    assert end_leftovers(state, print) == ["backend"]
    assert not sleeper.is_running()
    assert state.records() == []


def test_a_state_folder_serves_one_at_a_time(state: StateFolder) -> None:
    with state.locked():
        state.announce("http://127.0.0.1:1")
        with pytest.raises(YardError, match="already runs"), StateFolder(state.root).locked():
            pass
    with StateFolder(state.root).locked():
        pass


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder; the test runs in another one."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    return tmp_path / "user/trainyard/running"


def test_a_yard_dev_is_found_from_every_folder(
    state: StateFolder, user: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert options.client(None).url == locations.DEFAULT_URL
    state.announce("http://127.0.0.1:1")
    [note] = user.iterdir()
    assert (user.stat().st_mode & 0o777, note.stat().st_mode & 0o777) == (0o700, 0o600)
    killed = running.Running("http://127.0.0.1:2", "/gone", os.getpid(), 0.0)
    (user / note.name.replace(str(os.getpid()), "7")).write_text(json.dumps(vars(killed)))
    (user / note.name.replace(str(os.getpid()), "8")).write_text("{}")
    assert options.client(None).url == "http://127.0.0.1:1"
    assert f"asking http://127.0.0.1:1, the `yard dev` on {state.root}" in capsys.readouterr().err
    assert list(user.iterdir()) == [note], "the notes of those that were killed are swept"
    assert options.client("http://named/").url == "http://named"
    assert running.token("http://localhost:1") == state.token
    assert running.state_folder("http://localhost:1") == state.root
    assert running.token("http://named") is None
    assert not capsys.readouterr().err
    state.withdraw()
    assert not list(user.iterdir())


def test_a_folder_that_another_user_put_there_is_not_asked(
    user: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = StateFolder(Path(locations.STATE_DIR))
    here.announce("http://127.0.0.1:1")
    assert (locations.dev_url(), locations.dev_token("http://127.0.0.1:1")) == (
        "http://127.0.0.1:1",
        here.token,
    )
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    assert locations.dev_url() is None
    assert locations.dev_token("http://127.0.0.1:1") is None


def test_several_yard_dev_are_told_apart(
    state: StateFolder, user: Path, sleeper: psutil.Process, capsys: pytest.CaptureFixture[str]
) -> None:
    state.announce("http://127.0.0.1:1")
    other = ("http://127.0.0.1:2", "/other", sleeper.pid, sleeper.create_time())
    running.enter(running.Running(*other))
    with pytest.raises(YardError, match="2 `yard dev` run") as raised:
        options.client(None)
    assert f"http://127.0.0.1:1 on {state.root}" in raised.value.why
    assert "http://127.0.0.1:2 on /other" in raised.value.why
    here = StateFolder(Path(locations.STATE_DIR))
    here.announce("http://127.0.0.1:1")
    assert options.client(None).url == "http://127.0.0.1:1"
    assert "of this folder; others run on /other" in capsys.readouterr().err


def test_a_backend_that_gets_another_port_says_so(
    state: StateFolder, user: Path, sleeper: psutil.Process
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        (state.root / "ports.json").write_text(json.dumps({"backend": port}))
        taken = state.ports(["backend"], {})["backend"]
        assert state.moved == f"another program has port {port}; the backend takes {taken}"
        there = (f"http://127.0.0.1:{port}", "/other", sleeper.pid, sleeper.create_time())
        running.enter(running.Running(*there))
        (state.root / "ports.json").write_text(json.dumps({"backend": port}))
        state.ports(["backend"], {})
    assert state.moved.startswith(f"the `yard dev` on /other has port {port}; the backend takes ")


def test_the_screen_shows_the_url_and_why_it_is_another_one(
    state: StateFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        expected = other.getsockname()[1]
        monkeypatch.setitem(state_folder.PREFERRED_PORTS, "backend", expected)
        services = plan(state, port=None, mlflow=False)
    url = services[-1].address
    assert url != f"http://127.0.0.1:{expected}"
    stack = ServiceStack(state, services, print)
    screen = Console(width=150, record=True, file=io.StringIO())
    screen.print(Screen(stack, url, str(state.root), state.moved))
    shown = screen.export_text()
    assert f"Trainyard  starting at {url} …" in shown
    assert (
        f"another program has port {expected}; the backend takes {url.rpartition(':')[2]}" in shown
    )
    assert re.search(rf"backend +starting +{url} ", shown)


def _runner(state: StateFolder, code: str, ready: Callable[[], str]) -> ServiceRunner:
    service = Service("web", [sys.executable, "-c", code], ready)
    return ServiceRunner(
        service, state.log("web"), lambda record: state.write_records([record]), print
    )


def test_a_service_that_dies_is_started_again_and_ends_with_its_children(
    state: StateFolder,
) -> None:
    runner = _runner(
        state,
        "import subprocess, sys; subprocess.run([sys.executable, '-c', 'input()'],"
        " stdin=subprocess.Popen(['cat'], stdin=subprocess.PIPE, stdout=subprocess.PIPE).stdout)",
        lambda: "",
    )
    runner.start()
    wait_for(lambda: runner.state == "ready")
    first = runner.process
    assert first
    first.kill()
    wait_for(lambda: runner.restarts == 1 and runner.state == "ready")
    second = runner.process
    assert second
    assert second.pid != first.pid
    assert [record.pid for record in state.records()] == [second.pid]
    wait_for(lambda: len(second.children(recursive=True)) == 2)
    family = second.children(recursive=True)
    runner.stop(5)
    assert runner.state == "stopped"
    assert not psutil.wait_procs([second, *family], timeout=5)[1]


def test_a_service_that_never_serves_is_given_up_with_its_last_words(
    state: StateFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("yard.dev.service_runner._BACKOFF_S", (0.01,))
    runner = _runner(state, "print('no such table'); raise SystemExit(3)", lambda: "starting")
    runner.start()
    wait_for(lambda: runner.state == "failed")
    assert "ended 5 times" in runner.note
    assert runner.last_lines(1) == ["no such table"]


def test_a_service_whose_port_another_program_has_is_not_taken_for_ready(
    state: StateFolder,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        binds = f"import socket, time; time.sleep(0.3); socket.create_server(('127.0.0.1', {port}))"
        service = Service("web", [sys.executable, "-c", binds], lambda: "", port=port)
        told: list[str] = []
        runner = ServiceRunner(service, state.log("web"), lambda _: None, told.append)
        runner.start()
        wait_for(lambda: runner.state == "failed")
    assert told == [
        f"web cannot start: another program listens on its port {port}; start again for another"
    ]
    assert "Address already in use" in runner.last_lines(1)[0]
    assert runner.restarts == 0


def test_a_service_that_would_end_the_same_again_is_not_started_again(state: StateFolder) -> None:
    words = [sys.executable, "-c", "print('a wrong setting'); raise SystemExit(2)"]
    service = Service("web", words, lambda: "starting", hopeless=2)
    runner = ServiceRunner(service, state.log("web"), lambda _: None, print)
    runner.start()
    wait_for(lambda: runner.state == "failed")
    assert (runner.restarts, runner.last_lines(1)) == (0, ["a wrong setting"])


def test_a_backend_says_that_its_database_is_of_a_newer_version(state: StateFolder) -> None:
    with contextlib.closing(sqlite3.connect(state.data / "backend.db")) as newer:
        newer.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        newer.execute("INSERT INTO alembic_version VALUES ('9999')")
        newer.commit()
    service = plan(state, port=None, mlflow=False)[-1]
    runner = ServiceRunner(service, state.log("backend"), lambda _: None, print)
    runner.start()
    wait_for(lambda: runner.state == "failed", 60)
    assert runner.restarts == 0
    said = "\n".join(runner.last_lines(8))
    assert "A newer version of Trainyard made it" in said
    assert "Traceback" not in said


def test_a_folder_without_a_trainer_is_wrong_usage(state: StateFolder, tmp_path: Path) -> None:
    with pytest.raises(YardError, match="there is no trainer in") as raised:
        plan(state, port=None, mlflow=False, trainers=tmp_path)
    assert raised.value.code == 2


@pytest.mark.parametrize(
    ("told", "gpu_hour"),
    [("2.50 EUR", {"price": 2.5, "currency": "EUR"}), ("0 EUR", None), ("0.00 EUR", None)],
)
def test_the_page_is_told_a_price_above_0(
    state: StateFolder, monkeypatch: pytest.MonkeyPatch, told: str, gpu_hour: object
) -> None:
    monkeypatch.setenv("GPU_HOUR_PRICE", told)
    monkeypatch.setattr("yard.dev.services.page_missing", str)  # a test needs no built page
    page = next(one for one in plan(state, port=None, mlflow=False) if one.name == "page")
    assert json.loads(page.command[-1]).get("gpuHour") == gpu_hour


def test_mlflow_answers_its_own_user_alone(state: StateFolder) -> None:
    service = next(one for one in plan(state, port=None, mlflow=True) if one.name == "mlflow")
    assert service.port
    with state.log("mlflow").open("wb") as log:
        server = subprocess.Popen(service.command, env=environment(service), stdout=log, stderr=log)
    try:
        wait_for(lambda: not service.ready(), 90)
        asked = (
            f"GET /health HTTP/1.1\r\nHost: 127.0.0.1:{service.port}\r\nConnection: close\r\n\r\n"
        )
        if os.geteuid() == 0:  # only root can act as another user
            assert stranger.talk(service.port, asked.encode()) == b""
        assert not service.ready(), "its owner is still answered"
    finally:
        server.terminate()
        server.wait()


def test_a_state_folder_that_cannot_be_made_is_wrong_usage(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(YardError, match="cannot keep anything") as raised:
        StateFolder(tmp_path / "file")
    assert raised.value.code == 2


def test_what_a_service_waits_for_later_is_told_once(
    state: StateFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("yard.dev.service_runner._PROBE_S", 0.05)
    notes = ["", "a moment", "", "no disk", "no disk", "no disk", "", "", ""]
    told: list[str] = []
    # It would run for ten minutes: the test stops it.
    service = Service(
        "web",
        [sys.executable, "-c", "import time; time.sleep(600)"],
        lambda: notes.pop(0) if notes else "",
    )
    runner = ServiceRunner(service, state.log("web"), lambda _: None, told.append)
    runner.start()
    wait_for(lambda: not notes)
    runner.stop(5)
    assert told[1:] == ["web: no disk", "web ready again"]


def test_a_service_without_a_log_cannot_start(state: StateFolder) -> None:
    state.logs.rmdir()
    runner = _runner(state, "input()", lambda: "")
    runner.start()
    wait_for(lambda: runner.state == "failed", 60)
    assert f"No such file or directory: '{runner.log}'" in runner.note


def test_a_port_that_another_yard_dev_chose_is_not_chosen_before_it_listens(
    state: StateFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor while its service starts again."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    running._reservations.cache_clear()
    child = "from yard import running; print(running.reserve(int(input()))); input()"
    with subprocess.Popen(
        [sys.executable, "-c", child], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    ) as other:  # fmt: skip
        assert other.stdin is not None
        assert other.stdout is not None
        port = next(state_folder._any_free())
        (state.root / "ports.json").write_text(json.dumps({"backend": port}))
        other.stdin.write(f"{port}\n")
        other.stdin.flush()
        assert other.stdout.readline() == "True\n"
        assert state.ports(["backend"], {})["backend"] != port
        with pytest.raises(YardError, match=f"port {port} is taken"):
            state.ports(["backend"], {"backend": port})
        other.communicate("\n", timeout=60)
    assert state.ports(["backend"], {"backend": port}) == {"backend": port}


def test_without_a_place_for_reservations_it_starts_all_the_same(
    state: StateFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    running._reservations.cache_clear()
    assert len(set(state.ports(["backend", "s3"], {}).values())) == 2
