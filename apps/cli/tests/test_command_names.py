"""The grammar of the command line: old names, help, misspelt words, completion."""

import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from conftest import Server, Yard, answer, dataset, job, page


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


def test_the_shell_completes_verbs(server: Server, tmp_path: Path) -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("yard")], capture_output=True, text=True, check=False,
        env={
            "HOME": str(tmp_path), "_YARD_COMPLETE": "complete_bash",
            "COMP_WORDS": "yard job re", "COMP_CWORD": "2",
        },
    )  # fmt: skip
    assert done.stdout.split() == ["results", "retry"]
