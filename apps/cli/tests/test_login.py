"""`yard login` and `yard context` against a stand-in for the server; `test_dev.py` has the real one."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Request, Respond, Server, answer, hang_up, page

SECRET = "yard_of-the-cluster"
Run = Callable[..., subprocess.CompletedProcess[str]]


def asks_for_a_token(request: Request) -> None:
    if request.headers.get("Authorization") == f"Bearer {SECRET}":
        request.reply(200, page())
    else:
        request.reply(401, {"title": "Unauthorized", "detail": "It needs an API token."})


@pytest.fixture
def run(server: Server, tmp_path: Path) -> Run:
    """Run the real command with no server named but what it has stored."""
    server.on("GET /jobs", asks_for_a_token)

    def command(*words: str, stdin: Any = "", **env: str) -> subprocess.CompletedProcess[str]:
        given = {"stdin": stdin} if isinstance(stdin, int) else {"input": stdin}
        return subprocess.run(
            [Path(sys.executable).with_name("yard"), *words], capture_output=True, text=True,
            check=False, cwd=tmp_path, timeout=60,
            env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)} | env, **given,
        )  # fmt: skip

    return command


def stored(folder: Path) -> Path:
    return folder / ".config/trainyard/servers.json"


def test_a_login_is_tried_stored_for_its_owner_alone_and_used(
    server: Server, run: Run, tmp_path: Path
) -> None:
    refused = run("login", server.url, stdin="yard_wrong\n")
    assert (refused.returncode, stored(tmp_path).exists()) == (4, False), refused.stdout
    assert "does not know this token; nothing was stored" in refused.stderr
    done = run("login", f"{server.url}/", "--name", "prod", stdin=f"{SECRET}\n")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"logged in to {server.url} as context prod; its token is in ")
    assert stored(tmp_path).stat().st_mode & 0o777 == 0o600
    assert stored(tmp_path).parent.stat().st_mode & 0o777 == 0o700
    listed = run("job", "list")
    assert (listed.returncode, listed.stderr) == (0, "")
    assert run("job", "list", YARD_TOKEN="yard_wrong").returncode == 4, "the variable comes first"
    said = [done, refused, listed, run("context", "list"), run("context", "list", "--json")]
    assert all(SECRET not in one.stdout + one.stderr for one in said)
    warned = run("login", server.url, "--name", "prod", stdin=SECRET, YARD_TOKEN="x").stderr
    assert "YARD_TOKEN is set, and counts before" in warned


def test_a_token_typed_on_a_terminal_is_not_shown(server: Server, tmp_path: Path, run: Run) -> None:
    shown = b""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(tmp_path)
        command = str(Path(sys.executable).with_name("yard"))
        os.execve(command, ["yard", "login", server.url], {"HOME": str(tmp_path), "TERM": "dumb"})
    while b"not shown" not in shown:
        shown += os.read(terminal, 1000)
    os.write(terminal, f"{SECRET}\n".encode())
    while True:
        try:
            shown += os.read(terminal, 1000)
        except OSError:  # its end
            break
    assert os.waitpid(child, 0)[1] == 0, shown
    assert SECRET.encode() not in shown
    assert b"logged in to" in shown
    assert run("job", "list").returncode == 0
    os.close(terminal)


def test_contexts_are_listed_chosen_and_deleted(server: Server, run: Run, tmp_path: Path) -> None:
    assert "no contexts yet" in run("context", "list").stdout
    assert run("login", server.url, stdin=SECRET).returncode == 0
    host = server.url.removeprefix("http://")
    taken = run("login", "http://127.0.0.1:1", "--name", host, stdin=SECRET)
    assert (taken.returncode, f"context {host} is {server.url}" in taken.stderr) == (2, True)
    server.on("GET /jobs", answer(200, page()))
    opened = run("login", server.url, "--name", "open")
    assert "it asks for no token" in opened.stdout
    # Of two for one server, the token of the one in use is sent, and no other's.
    run("job", "list")
    assert "Authorization" not in server.requests[-1].headers
    assert run("context", "use", "nothing").returncode == 3
    assert run("context", "use", host).stdout == f"using {host}: {server.url}\n"
    run("job", "list")
    assert server.requests[-1].headers["Authorization"] == f"Bearer {SECRET}"
    _, *rows = run("context", "list").stdout.splitlines()
    assert [row.split() for row in rows] == [
        ["*", host, server.url, "stored"], ["open", server.url, "none"],
    ]  # fmt: skip
    assert json.loads(run("context", "list", "--json").stdout)[1] == {
        "name": "open", "url": server.url, "token_stored": False, "in_use": False,
    }  # fmt: skip
    assert "ends its token" in run("context", "delete", host).stdout
    assert SECRET not in stored(tmp_path).read_text()
    assert json.loads(stored(tmp_path).read_text())["current"] is None
    assert "*" not in run("context", "list").stdout
    assert run("context", "delete", "open").stdout == f"forgot open: {server.url}\n"


@pytest.mark.parametrize(
    "url", ["https://u:p@host", "https://host/#token=yard_x", "ftp://host", "http://h:x", "a b", ""]
)
def test_an_address_that_is_none_is_not_asked(run: Run, server: Server, url: str) -> None:
    done = run("login", url, stdin=SECRET)
    assert (done.returncode, server.requests) == (2, [])
    assert "not the address of a server" in done.stderr
    assert "yard_x" not in done.stderr


@pytest.mark.parametrize("token", ["", "\n", "two words", "ä", "x\ny", "x" * 5000])
def test_a_token_that_is_none_is_not_sent(run: Run, server: Server, token: str) -> None:
    done = run("login", server.url, stdin=token)
    assert done.returncode == 2
    assert [request.headers.get("Authorization") for request in server.requests] == [None]


@pytest.mark.parametrize(
    "respond",
    [
        answer(200, b"<html>"), answer(401, b"<html>"), answer(200, {"other": 1}), answer(404),
        answer(301, Location="https://there"), answer(503, {"title": "Away"}), hang_up,
    ],
)  # fmt: skip
def test_a_token_is_sent_to_no_stranger(
    run: Run, server: Server, respond: Respond, tmp_path: Path
) -> None:
    server.on("GET /jobs", respond)
    done = run("login", server.url, stdin=SECRET)
    assert (done.returncode, stored(tmp_path).exists()) == (5, False), done.stderr
    assert {request.headers.get("Authorization") for request in server.requests} == {None}


def test_a_damaged_file_is_told_and_kept(run: Run, server: Server, tmp_path: Path) -> None:
    stored(tmp_path).parent.mkdir(parents=True)
    stored(tmp_path).write_text("{tokens")
    done = run("login", server.url, stdin=SECRET)
    assert (done.returncode, "log in again" in done.stderr) == (6, True)
    assert stored(tmp_path).read_text() == "{tokens"
