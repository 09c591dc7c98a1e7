"""`yard model register`, `list`, `show`, `promote` and `rollback` against a stand-in for the server."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import Server, Yard, answer, dataset, job, page


def version(number: int, *aliases: str, **tags: str) -> dict[str, Any]:
    tags = {f"trainyard.production.{key}": value for key, value in tags.items()}
    return {
        "name": "pages", "version": number, "aliases": list(aliases), "run_id": "r",
        "source": "s3://models/0123456789ab/1/artifacts",
        "tags": tags | {"trainyard.job_id": "0123456789ab"}, "created_at": "2026-11-24T17:00:00Z",
    }  # fmt: skip


NOW = version(
    2, "production", by="ann", at="2026-11-24T17:00:00+00:00", gate="mAP 0.9", replaced="1"
)


def test_a_model_is_registered_promoted_and_rolled_back(server: Server, yard: Yard) -> None:
    server.on("GET /jobs", answer(200, page(job())))
    late = answer(409, {"title": "Run on its way", "detail": "Try again shortly."})
    server.on("POST /models/pages/versions", late, answer(201, version(3)))
    done = yard("model", "register", "first", "pages")
    assert (done.returncode, "registered pages/3" in done.stdout) == (0, True), done.stderr
    assert json.loads(server.requests[-1].body) == {"job_id": "0123456789ab"}

    server.on("GET /datasets", answer(200, page(dataset())))
    refused = {"title": "Gate not passed", "detail": "pages/3 has mAP 0.5, less than 0.8."}
    server.on("PUT /models/pages/aliases/production", answer(409, refused), answer(200, NOW))
    on = ["model", "promote", "pages", "3", "--dataset", "digits"]
    done = yard(*on, "--min", "0.8", "--split", "test")
    assert (done.returncode, "less than 0.8" in done.stderr) == (4, True)
    body = {"version": 3, "dataset_id": "ba9876543210", "split": "test", "threshold": 0.8}
    assert json.loads(server.requests[-1].body) == body
    done = yard(*on, "--no-worse", "--to", "production")
    assert done.stdout == "pages@production is version 2 now: mAP 0.9\n"
    assert json.loads(server.requests[-1].body)["threshold"] is None
    for gate in ([], ["--no-worse", "--min", "1"]):
        assert yard(*on, *gate).returncode == 2

    server.on("GET /models", answer(200, page(version(1), NOW)))
    assert yard("model", "rollback", "pages").returncode == 0
    assert json.loads(server.requests[-1].body) == {"version": 1}
    done = yard("model", "rollback", "pages", "--to", "canary")
    assert (done.returncode, "no version has that alias" in done.stderr) == (3, True)


@pytest.mark.parametrize(
    "words",
    [
        ["promote", "pages", "1", "--dataset", "digits", "--min", "nan"],
        ["promote", "pages", "1", "--dataset", "digits", "--min", "1", "--to", "a/b"],
        ["register", "first", "../jobs"],
        ["show", "pages?name=other"],
    ],
)
def test_what_no_server_can_be_asked_is_wrong_usage(
    server: Server, yard: Yard, words: list[str]
) -> None:
    server.on("GET /datasets", answer(200, page(dataset())))
    done = yard("model", *words)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr
    assert {one.method for one in server.requests} <= {"GET"}


def test_registered_models_are_listed_and_shown(server: Server, yard: Yard) -> None:
    server.on("GET /models", answer(200, page()), answer(200, page(version(1), NOW)))
    assert "yard model register JOB NAME" in yard("model", "list").stdout
    [_, row] = yard("model", "list").stdout.splitlines()
    assert row.split()[:4] == ["pages", "2", "production", "(2)"]
    shown = yard("model", "show", "pages").stdout
    assert "production: mAP 0.9; by ann" in shown
    server.on("GET /models", answer(200, page()))
    assert yard("model", "show", "other").returncode == 3


def test_a_registered_model_is_pulled_as_its_job_is(
    server: Server, yard: Yard, tmp_path: Path
) -> None:
    data = b"a model"
    best = {"name": "best.pt", "size": len(data), "url": f"{server.url}/file"}
    best["sha256"] = hashlib.sha256(data).hexdigest()
    server.on("GET /models", answer(200, page(version(1), NOW)))
    server.on("GET /jobs/0123456789ab", answer(200, job()))
    server.on("GET /jobs/0123456789ab/artifacts", answer(200, {"items": [best]}))
    server.on("GET /file", answer(200, data))
    for number, which in enumerate(("model:pages@production", "model:pages/1")):
        done = yard("model", "pull", which, "--out", str(tmp_path / str(number)))
        assert done.returncode == 0, done.stderr
        assert (tmp_path / str(number) / "best.pt").read_bytes() == data
    for which in ("model:pages@canary", "model:pages/3", "model:pages"):
        done = yard("model", "pull", which)
        assert (done.returncode, f"there is no {which}" in done.stderr) == (3, True)


def test_a_model_is_not_served_to_other_machines_by_mistake(yard: Yard) -> None:
    for host in ("0.0.0.0", ""):
        done = yard("model", "serve", "best.pt", "--host", host, "--port", "0")
        assert (done.returncode, "add --insecure" in done.stderr) == (2, True), done.stderr


@pytest.mark.parametrize(
    ("words", "served"),
    [
        ("model:pages@production", {"model": "model:pages@production", "conf": 0.25}),
        ("first --conf 0.5 --imgsz 96", {"model": "job:0123456789ab", "conf": 0.5, "imgsz": 96}),
    ],
)
def test_what_serves_a_model_in_the_cluster_is_printed_as_the_chart_takes_it(
    server: Server, yard: Yard, words: str, served: dict[str, Any]
) -> None:
    server.on("GET /jobs", answer(200, page(job())))
    done = yard("model", "serve", *words.split(), "--chart", "pages")
    assert done.returncode == 0, done.stderr
    assert yaml.safe_load(done.stdout) == {"serving": {"models": {"pages": served}}}


@pytest.mark.parametrize("words", ["best.pt --chart pages", "model:pages@production --chart a_b"])
def test_what_no_cluster_can_serve_is_refused(yard: Yard, words: str) -> None:
    assert yard("model", "serve", *words.split()).returncode == 2
