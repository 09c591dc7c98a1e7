"""The grammar of the command line: old names, help, misspelt words, completion."""

import re
import sys
import threading
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from conftest import Request, Server, Yard, answer, dataset, job, page
from forks import ForkServer


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("datasets", "dataset list"),
        ("jobs --limit 1", "job list --limit 1"),
        ("job 0123456789ab", "job show 0123456789ab"),
        ("job --json 0123456789ab", "job show --json 0123456789ab"),
        ("cancel 0123456789ab", "job cancel 0123456789ab"),
        ("retry 0123456789ab", "job retry 0123456789ab"),
        ("models pull 0123456789ab --out m", "model pull 0123456789ab --out m"),
        ("predict none.png --weights none.pt", "model predict none.png --weights none.pt"),
        ("trainers", "trainer list"),
        ("trainers ultralytics", "trainer show ultralytics"),
        ("train digits --no-follow", "job submit digits --no-follow"),
        ("logs 0123456789ab", "job logs 0123456789ab"),
        ("watch 0123456789ab", "job watch 0123456789ab"),
    ],
)
def test_old_names_and_shortcuts_do_the_same(
    server: Server, yard: Yard, old: str, new: str
) -> None:
    item = answer(200, job())
    artifact = {"name": "a", "size": 1, "sha256": None, "url": f"{server.url}/a"}
    artifact["media_type"] = "text/plain"
    trainer = {"name": "t", "version": "1", "tasks": ["detect"], "description": "d"}
    for route, respond in {
        "GET /datasets": answer(200, page(dataset())),
        "GET /jobs": answer(200, page(job(), job())),
        "GET /jobs/0123456789ab": item,
        "POST /jobs": item,
        "POST /jobs/0123456789ab/cancel": item,
        "POST /jobs/0123456789ab/retry": item,
        "GET /jobs/0123456789ab/artifacts": answer(200, {"items": [artifact]}),
        "GET /a": answer(200, b"x"),
        "GET /jobs/0123456789ab/logs": answer(200, b""),
        "GET /jobs/0123456789ab/events": answer(
            200, b"event: end\ndata: {}\n\n", Content_Type="text/event-stream"
        ),
        "GET /datasets/ba9876543210": answer(200, dataset()),
        "GET /trainers": answer(200, page(trainer)),
        "GET /trainers/ultralytics": answer(200, trainer | {"config_schema": {}}),
    }.items():
        server.on(route, respond)
    outcomes = []
    for words in (old, new):
        server.requests.clear()
        done = yard(*words.split())
        calls = [(request.method, request.path) for request in server.requests]
        said = re.sub(r"\S+ \S+( \S+ min)? ago", "… ago", done.stdout)
        outcomes.append((done.returncode, said, done.stderr, calls))
    assert outcomes[0] == outcomes[1]
    assert outcomes[0][0] == (3 if "predict" in old else 0), outcomes


def test_help_lists_nouns_and_shortcuts_but_no_old_name(yard: Yard) -> None:
    listed = re.findall(r"^│ (\w+) ", yard("--help").stdout, re.MULTILINE)
    assert listed == [
        "dev",
        "train",
        "watch",
        "logs",
        "login",
        "dataset",
        "job",
        "model",
        "trainer",
        "weights",
        "token",
        "context",
    ]


@pytest.mark.parametrize("words", ["", "job", "job list", "train", "dev", "models pull", "login"])
def test_h_is_help_everywhere(yard: Yard, words: str) -> None:
    done = yard(*words.split(), "-h")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == yard(*words.split(), "--help").stdout


def test_the_version_is_that_of_the_package(yard: Yard) -> None:
    assert yard("--version").stdout == f"{version('trainyard-cli')}\n"


@pytest.mark.parametrize(
    ("typo", "said"),
    [("modle", "Did you mean 'model'?"), ("datasest", "'dataset'?"), ("canel", "command 'canel'.")],
)
def test_a_misspelt_command_is_told_no_old_name(yard: Yard, typo: str, said: str) -> None:
    done = yard(typo)
    assert (done.returncode, said in done.stderr) == (2, True), done.stderr


Complete = Callable[..., list[str]]


@pytest.fixture
def complete(yards: ForkServer, tmp_path: Path) -> Complete:
    def run(*words: str, url: str = "http://127.0.0.1:9", shell: str = "bash") -> list[str]:
        line = " ".join(["yard", *words])
        env = {"HOME": str(tmp_path), "_YARD_COMPLETE": f"complete_{shell}", "YARD_URL": url}
        env |= {"COMP_WORDS": line, "COMP_CWORD": str(len(words)), "_TYPER_COMPLETE_ARGS": line}
        done = yards.run([Path(sys.executable).with_name("yard")], env=env)
        assert done.stderr == ""
        return done.stdout.split()

    return run


def test_the_shell_completes_verbs(complete: Complete) -> None:
    assert complete("job", "re") == ["results", "retry"]


def test_the_shell_completes_what_the_server_knows(server: Server, complete: Complete) -> None:
    """As typed: a job by its id where its name is another's, too, or a shell would read it."""
    names = ("night", "same", "same", r"x\$(touch/x)", "n;`reboot`", "--yes", None)
    known: dict[str, list[dict[str, Any]]] = {
        "jobs": [job(id=f"{number:012x}", name=name) for number, name in enumerate(names)],
        "datasets": [dataset(name="digits", version=2), dataset(name="dice", version=1)],
        "models": [{"name": "digits", "aliases": {}}],
        "trainers": [{"name": "own", "description": "d"}],
        "weights": [{"name": "yolo11n.pt", "task": "detect"}, {"name": "-$x", "task": None}],
    }
    for path, found in known.items():
        server.on(f"GET /{path}", answer(200, page(*found)))
    ids = [f"{number:012x}" for number in range(1, 7)]
    for words, offered in {
        ("job", "show", ""): ["night", *ids],
        ("job", "cancel", "n"): ["night"],
        ("job", "list", "--status", "c"): ["cancelling", "cancelled"],
        ("train", "di"): ["digits", "dice"],
        ("dataset", "delete", "digits@"): ["digits@2"],
        ("train", "digits", "--weights", ""): ["yolo11n.pt"],
        ("trainer", "show", ""): ["own"],
        ("model", "promote", "d"): ["digits"],
    }.items():
        assert complete(*words, url=server.url) == offered, words
    # zsh evaluates what stands beside an offer.
    beside = " ".join(complete("job", "show", "", url=server.url, shell="zsh"))
    assert "xtouchx · succeeded" in beside
    assert not set(beside) & set("$`\\;")
    assert complete("val", "x") == []
    assert {"limit": "100", "q": "n"} in [request.query for request in server.requests]


def test_the_shell_completes_nothing_where_nobody_answers(
    server: Server, complete: Complete
) -> None:
    assert complete("job", "show", "") == []
    silent = threading.Event()

    def hold(_request: Request) -> None:
        silent.wait(60)

    server.on("GET /jobs", hold)
    began = time.monotonic()
    assert complete("job", "show", "", url=server.url) == []
    silent.set()
    assert time.monotonic() - began < 45, "a Tab is not held up as long as a command would be"
