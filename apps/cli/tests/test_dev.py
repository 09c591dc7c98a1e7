"""`yard dev` as users run it, with every real service."""

import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import time
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import strangers
from yard import locations
from yard.dev.state_folder import StateFolder

YARD = Path(sys.executable).with_name("yard")
ENV = {"PATH": "/usr/bin:/bin", "WEIGHTS_DOWNLOAD": ""}

# Each starts the whole platform, some of them twice, and beside another test that does.
pytestmark = pytest.mark.timeout(600)


def _start(folder: Path) -> tuple[subprocess.Popen[str], str]:
    """Start in this folder, as a shell does; return the process and its address once it is ready."""
    child = subprocess.Popen(
        [YARD, "dev"], cwd=folder, env=ENV, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, process_group=0,
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


def _refuse_strangers(state: StateFolder, url: str) -> None:
    """The launcher has a socket, the backend a token; page and user try all other ports."""
    told = strangers.documented()
    named = {
        port: name for name, port in json.loads((state.root / "ports.json").read_text()).items()
    }
    for record in state.records():
        process = record.process()
        assert process
        ports = strangers.listening(process)
        assert Counter(named.get(port, "") for port in ports) == told[record.service], record
        for path in map(Path, strangers.sockets(process)):
            assert path.parent == state.root or path.stat().st_mode & 0o077 == 0, record
        if record.service in ("store", "temporal"):
            assert not {port: tries for port in ports if (tries := strangers.granted(port))}
            assert record.service == "temporal" or not any(map(strangers.takes_grpc, ports))
    assert not strangers.granted_by_api(url)
    address = state.root / locations.ADDRESS_FILE
    assert address.stat().st_mode & 0o777 == 0o600
    token = json.loads(address.read_text())["token"]
    assert not [one for one in _processes(state) if token in f"{one.cmdline()} {one.environ()}"]
    again = _run(Path("/"), "job", "list", "--url", url.replace("127.0.0.1", "localhost"))
    assert again.stdout.startswith("no jobs yet"), "a URL that is named has its token"


def _make_and_revoke_a_token(folder: Path) -> None:
    made = _run(folder, "token", "create", "ci", "--read-only", "--expires", "1h")
    assert made.stdout.startswith("yard_"), made.stderr
    assert _run(folder, "token", "revoke", "ci").stdout == "revoked token ci\n"
    listed = _run(folder, "token", "list").stdout
    assert re.search(r"^ci +read +yard dev .* revoked \S+ s ago$", listed, re.MULTILINE)
    assert made.stdout.strip() not in listed


def _wait_for_store(dev: subprocess.Popen[str]) -> None:
    """Read until it says that its store, which ended, is ready again."""
    assert dev.stdout
    assert dev.stdout.readline().startswith("store ended; starting it again")
    # Meanwhile the backend may say that it waits for it.
    while not (said := dev.stdout.readline()).startswith("store ready after"):
        assert said.startswith("backend: store: "), said


def _processes(state: StateFolder) -> list[psutil.Process]:
    found = [record.process() for record in state.records()]
    return [process for process in found if process]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(ENV, "XDG_STATE_HOME", str(tmp_path / "user"))
    (tmp_path / "below").mkdir()
    return tmp_path


def test_life_of_a_yard_dev(folder: Path) -> None:
    state = StateFolder(folder / ".trainyard")
    first, url = _start(folder)
    try:
        assert _run(folder / "below", "job", "list").stdout.startswith("no jobs yet")

        found = _run(Path("/"), "job", "list")
        assert found.stdout.startswith("no jobs yet"), "from elsewhere, too"
        assert f"the `yard dev` on {state.root}" in found.stderr

        second = _run(folder, "dev")
        assert second.returncode == 2
        assert str(first.pid) in second.stderr
        assert url in second.stderr

        store = next(record.process() for record in state.records() if record.service == "store")
        assert store
        store.kill()
        _wait_for_store(first)

        services = _processes(state)
        assert len(services) in (4, 5), "with the web page where it is built"
        listening = {
            connection.laddr.ip
            for service in services
            for connection in service.net_connections("inet")
            if connection.status == psutil.CONN_LISTEN
        }
        assert listening == {"127.0.0.1"}

        _refuse_strangers(state, url)
        _make_and_revoke_a_token(folder)
    finally:
        first.send_signal(signal.SIGKILL)
        first.wait()

    assert all(service.is_running() for service in services)
    assert _run(folder, "job", "list").stdout.startswith("no jobs yet"), "its backend still serves"

    further = folder / "further"
    (further / "other").mkdir(parents=True)
    manifest = json.loads(
        (locations.checkout() / "apps/trainer-ultralytics/trainer.json").read_text()
    )
    (further / "other/trainer.json").write_text(json.dumps(manifest | {"name": "other"}))
    (further / "wrong.json").write_text(json.dumps(manifest | {"name": "wrong", "tasks": []}))
    with socket.socket() as other:
        backend = next(service for service in services if "backend" in service.cmdline())
        backend.kill()
        backend.wait()
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", int(url.rsplit(":", 1)[1])))
        other.listen()
        script = (
            f'test "$YARD_URL" != {url} && {YARD} job list && {YARD} trainer show other'
            ' && test -n "$YARD_TOKEN" && exit 7'
        )
        third = _run(folder, "dev", "--trainers", str(further), "--", "sh", "-c", script)
    assert third.returncode == 7, third.stdout + third.stderr
    assert "(TRAINERS_DIR): Left out: " in third.stdout, (
        "a wrong manifest is told beside the right ones"
    )
    lines = third.stdout.splitlines()
    assert lines[0].startswith("ending what an earlier `yard dev` left running: ")
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
        or not StateFolder(folder / ".trainyard").records()
    )


@pytest.mark.usefixtures("interruptible")
def test_a_training_goes_on_after_ctrl_c(folder: Path) -> None:
    _write_dataset(folder / "set")
    child, _ = _start(folder)
    services = _processes(StateFolder(folder / ".trainyard"))
    # As with `yolo train`: the folder of this data.yaml is pushed first.
    words = ["data=set/data.yaml", "model=yolo11n.yaml", "imgsz=32", "epochs=5000", "mosaic=0"]
    started = _run(folder, "train", *words, "--no-follow", "--json")
    assert started.returncode == 0, started.stderr
    job = json.loads(started.stdout)["id"]
    _wait(lambda: (_job(folder, job)["epoch"] or 0) >= 1)
    mine = _train_with_own(folder)
    _wait(lambda: (_job(folder, mine)["epoch"] or 0) >= 1)
    assert _job(folder, job)["attempt"] == 1, "a trainer is added beside a training"
    slow = _validate_for_long(folder, job)
    epoch, own_epoch = _job(folder, job)["epoch"], _job(folder, mine)["epoch"]
    os.killpg(child.pid, signal.SIGINT)
    assert child.stdout
    said = child.stdout.read()
    assert child.wait(timeout=30) == 0, said
    assert "stopping 3 training(s)" in said
    assert not any(service.is_running() for service in services)
    assert not _mentioning(str(folder))

    child, _ = _start(folder)
    _wait(lambda: _job(folder, slow)["attempt"] == 2)  # of one that it may use
    assert _run(folder, "job", "cancel", slow).returncode == 0
    _wait(lambda: _job(folder, job)["attempt"] == 2 and _job(folder, job)["epoch"] > epoch)
    assert _run(folder, "job", "cancel", job).returncode == 0
    _wait(lambda: _job(folder, job)["status"] == "cancelled")
    _wait(lambda: _job(folder, mine)["epoch"] > own_epoch)
    _finish_own(folder, mine)
    # Whoever read its words has gone: it stops everything all the same.
    assert child.stdout
    child.stdout.close()
    child.terminate()
    child.wait(timeout=30)
    assert not _mentioning(str(folder))


def _validate_for_long(folder: Path, job: str) -> str:
    """Start a job on the dataset of `job` with one attempt, and wait until its first epoch validates."""
    at = json.loads((folder / ".trainyard" / locations.ADDRESS_FILE).read_text())
    config = {"model": "yolo11n", "imgsz": 640, "epochs": 5000}
    wanted = {"dataset_id": _job(folder, job)["dataset_id"], "config": config, "max_attempts": 1}
    headers = {"Authorization": f"Bearer {at['token']}"}
    made = httpx.post(f"{at['url']}/api/v1/jobs", json=wanted, headers=headers)
    assert made.status_code == httpx.codes.CREATED, made.text
    slow = str(made.json()["id"])
    _wait(lambda: _job(folder, slow)["phase"] == "validating", 120)
    assert _job(folder, slow)["epoch"] is None
    return slow


def _train_with_own(folder: Path) -> str:
    """Write a trainer, add it, and start a job of it that does not end by itself."""
    for command in ("new", "add"):
        done = _run(folder, "trainer", command, "mine")
        assert done.returncode == 0, done.stderr
    for part, shade in (("train", 0), ("val", 9)):
        for name, grey in (("dark", 40), ("light", 200)):
            (folder / "greys" / part / name).mkdir(parents=True)
            for number in range(3):
                picture = folder / "greys" / part / name / f"{number}.png"
                _write_png(picture, grey + shade + number, square=grey)
    assert _run(folder, "dataset", "push", "greys").returncode == 0
    words = ["--trainer", "mine", "--set", "epochs=100000", "--set", "imgsz=8"]
    started = _run(folder, "train", "greys", "--no-follow", "--json", *words)
    assert started.returncode == 0, started.stderr
    return str(json.loads(started.stdout)["id"])


def _finish_own(folder: Path, job: str) -> None:
    """End it after an epoch, and see what its second attempt leaves."""
    _wait(lambda: _job(folder, job)["metrics"]["metrics/accuracy_top1"] == 1)
    assert _run(folder, "job", "finish", job).returncode == 0
    words = ("job", "show", job, "--json")
    _wait(lambda: json.loads(_run(folder, *words).stdout)["status"] == "succeeded")
    told = json.loads(_run(folder, *words).stdout)
    assert (told["attempt"], told["metrics"]["metrics/accuracy_top1"]) == (2, 1)
    assert "goes on after epoch" in _run(folder, "logs", job).stdout
    pulled = _run(folder, "model", "pull", job, "--out", "pulled")
    assert pulled.returncode == 0, pulled.stderr
    assert (folder / "pulled/best.pt").is_file()
    results = json.loads((folder / "pulled/evaluation.json").read_text())
    assert [one["name"] for one in results["classes"]] == ["dark", "light"]
    assert (results["interim"], results["data"]["images"]) == (False, 6)
    schema = locations.checkout() / "docs/evaluation.schema.json"
    check = (
        "import json, sys, jsonschema as j; j.validate(*(json.load(open(f)) for f in sys.argv[1:]))"
    )
    files = [folder / "pulled/evaluation.json", schema]
    subprocess.run([locations.trainer_python(), "-c", check, *files], check=True)
    assert "goes on after epoch" in _run(folder, "logs", job).stdout


@pytest.mark.timeout(600)  # some twenty commands, two trainings among them
def test_the_page_shows_what_the_commands_print() -> None:
    done = subprocess.run(
        [sys.executable, locations.checkout() / "ci/cli_docs.py", "--check"],
        stdout=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def _job(folder: Path, job: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_run(folder, "job", "show", job, "--json").stdout)
    assert found["status"] not in ("failed", "succeeded"), found
    return found


def _wait(condition: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.2)


def _write_dataset(folder: Path) -> None:
    """Grey pictures with a dark square in each: four to train with, and a hundred to validate with."""
    for part, count in (("train", 4), ("val", 100)):
        (folder / "images" / part).mkdir(parents=True)
        (folder / "labels" / part).mkdir(parents=True)
        for number in range(count):
            _write_png(folder / "images" / part / f"{number}.png", 100 + number, square=20)
            (folder / "labels" / part / f"{number}.txt").write_text("0 0.5 0.5 0.5 0.5\n")
    (folder / "data.yaml").write_text("train: images/train\nval: images/val\nnames: [square]\n")


def _write_png(path: Path, grey: int, *, square: int) -> None:
    """Write a grey picture of 32 x 32 with a square of another grey in its middle, as plain PNG."""
    rows = [
        bytes(square if 8 <= x < 24 and 8 <= y < 24 else grey for x in range(32)) for y in range(32)
    ]
    picture = zlib.compress(b"".join(b"\0" + row for row in rows))
    header = struct.pack(">IIBBBBB", 32, 32, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", picture), (b"IEND", b"")]
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
            for kind, data in chunks
        )
    )


def _mentioning(text: str) -> list[psutil.Process]:
    every = psutil.process_iter(["cmdline"])
    return [p for p in every if any(text in word for word in p.info["cmdline"] or [])]
