"""The launcher's socket against clients that err."""

import contextlib
import json
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from launching import Launcher

GOOD = {"op": "launch", "job_id": "0123456789ab", "attempt": 1, "command": ["x"], "env": {}}
BAD = [
    (b"garbage", "not JSON"),
    (b"\xff\xfe", "not JSON"),
    (b"[]", "one JSON object"),
    (b'{"op": "dance"}', "unknown op 'dance'"),
    (b'{"op": "stop", "job_id": "none", "attempt": 1}', "no such attempt"),
    (b'{"op": "stop", "job_id": [], "attempt": 1}', "no such attempt"),
    (b'{"op": "stop", "job_id": "none", "attempt": 1, "grace_s": "soon"}', "grace_s"),
    (b'{"op": "launch"}', "launch needs job_id"),
    (
        json.dumps(GOOD | {"job_id": "../../etc"}).encode(),
        "job_id: 12 lower-case hexadecimal digits",
    ),
    (json.dumps(GOOD | {"attempt": 0}).encode(), "attempt: an integer that counts from 1"),
    (json.dumps(GOOD | {"attempt": True}).encode(), "attempt: an integer that counts from 1"),
    (json.dumps(GOOD | {"command": []}).encode(), "command: a list of strings, at least one"),
    (json.dumps(GOOD | {"command": ["x", 1]}).encode(), "command: a list of strings"),
    (json.dumps(GOOD | {"env": {"A": 1}}).encode(), "env: an object that maps names to strings"),
    (json.dumps(GOOD | {"env": {"A=B": ""}}).encode(), "env: an object that maps names to strings"),
    (
        json.dumps(GOOD | {"memory_bytes": "1Gi"}).encode(),
        "memory_bytes: a number of bytes, or null",
    ),
    (json.dumps(GOOD | {"gpus": True}).encode(), "gpus: a number of GPUs, or null"),
    (json.dumps(GOOD | {"cpus": -1}).encode(), "cpus: a number of CPUs, or null"),
    (json.dumps(GOOD | {"queued_at": []}).encode(), "queued_at: a time in seconds, or null"),
    (b"[" * 100_000, ""),
    (b"x" * (2 << 20), "at most"),
]


@pytest.mark.parametrize(("line", "words"), BAD, ids=[str(i) for i in range(len(BAD))])
def test_bad_requests_are_answered(line: bytes, words: str, launcher: Launcher) -> None:
    with launcher.connect() as client:
        with contextlib.suppress(BrokenPipeError):  # refused before its end
            client.sendall(line + b"\n")
        reply = json.loads(client.makefile().readline())
    assert reply["ok"] is False
    assert words in reply["error"]
    assert launcher.ask("ping")["ok"]
    assert launcher.attempts() == []


def test_slow_clients_block_nobody(launcher: Launcher) -> None:
    idle = [launcher.connect() for _ in range(20)]
    idle[0].sendall(b'{"op": ')
    gpus = len(list(Path("/proc/driver/nvidia/gpus").glob("*"))) if torch.version.cuda else 0
    expected = {"ok": True, "pid": 0, "warm": True, "gpus": gpus}
    assert launcher.ask("ping") | {"pid": 0} == expected
    idle[0].sendall(b'"ping"}\n')
    assert json.loads(idle[0].makefile().readline())["ok"] is True
    assert idle[1].recv(1) == b""  # dropped in the end
    for client in idle:
        client.close()


def test_socket_is_private_and_the_state_folder_taken(launcher: Launcher) -> None:
    assert stat.S_IMODE(launcher.socket.stat().st_mode) == 0o600
    assert stat.S_IMODE((launcher.folder / "state").stat().st_mode) == 0o700
    command = [sys.executable, "-m", "trainer", "launcher", "--socket"]
    command += [str(launcher.folder / "other"), "--state", str(launcher.folder / "state")]
    second = subprocess.run(command, stderr=subprocess.PIPE, check=False)
    assert second.returncode == 1
    assert b"Another launcher uses" in second.stderr
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(launcher.socket))
