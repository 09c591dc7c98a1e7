"""`yard weights` against a stand-in for the server, with the trainer's own reading of the file."""

import hashlib
import json
import time
from pathlib import Path

import pytest
from conftest import Request, Server, Yard, answer, dataset, job, page
from yard import client
from yard.commands import job_submit, weights

FILE = Path(__file__).parents[2] / "trainer-ultralytics/weights/digits-synthetic.pt"
SHA256 = hashlib.sha256(FILE.read_bytes()).hexdigest()
WEIGHTS = {
    "sha256": SHA256, "name": "digits.pt", "size": FILE.stat().st_size, "task": "detect",
    "model": "yolo11n", "created_at": "2026-11-24T17:00:00Z",
}  # fmt: skip


@pytest.mark.timeout(600)
def test_weights_are_pushed_with_what_they_are_for(server: Server, yard: Yard) -> None:
    link = answer(200, {"upload": f"{server.url}/place"})
    server.on(f"PUT /weights/{SHA256}", link, answer(200, WEIGHTS))
    server.on("PUT /place", answer(200, ETag='"1"'))
    # The trainer's environment imports torch, which takes minutes beside other tests.
    done = yard("weights", "push", str(FILE), "--name", "digits.pt", limit_s=600)
    assert (done.returncode, "for detect yolo11n" in done.stdout) == (0, True), done.stderr
    asked, uploaded, again = server.requests
    told = {key: WEIGHTS[key] for key in ("name", "size", "task", "model")}
    assert json.loads(asked.body) == json.loads(again.body) == told
    assert hashlib.sha256(uploaded.body).hexdigest() == SHA256


def test_what_is_no_model_is_not_pushed(server: Server, yard: Yard, tmp_path: Path) -> None:
    (tmp_path / "own.pt").write_bytes(b"no model")
    done = yard("weights", "push", "own.pt")
    assert (done.returncode, server.requests) == (1, [])
    assert "own.pt is not pushed" in done.stderr
    assert "PyTorch has not written it" in done.stderr
    assert yard("weights", "push", "missing.pt").returncode == 3
    with (tmp_path / "large.pt").open("wb") as file:
        file.truncate(5 * 2**30 + 1)
    for words in (("weights", "push"), ("model", "eval", "--data", "digits")):
        server.on("GET /datasets", answer(200, page(dataset())))
        done = yard(*words, "large.pt")
        assert "weights have at most 5.0 GiB" in done.stderr


def test_a_file_that_is_kept_by_another_name_is_used_and_not_renamed(
    server: Server, yard: Yard
) -> None:
    server.on("GET /weights", answer(200, page(WEIGHTS)))
    found = weights.kept(client.Client(server.url, None), FILE)
    assert found == WEIGHTS
    [asked] = server.requests  # the trainer's environment looks at no file then, which takes long
    assert asked.query["id_prefix"] == SHA256[:12]


def test_weights_are_listed_and_deleted(server: Server, yard: Yard) -> None:
    other = WEIGHTS | {"sha256": "f" * 64, "task": None, "model": None}
    earlier = answer(200, {"items": []})  # of a server that did not page this list
    server.on("GET /weights", earlier, answer(200, page(WEIGHTS, other)))
    assert "no weights yet" in yard("weights", "list").stdout
    shown = yard("weights", "list").stdout
    assert all(word in shown for word in ("digits.pt", "yolo11n", "5.2 MiB", SHA256[:12]))
    server.on(f"DELETE /weights/{SHA256}", answer(204))
    for words, code in (("digits.pt", 2), ("none.pt", 3), (SHA256[:8], 0)):
        done = yard("weights", "delete", words, "--yes")
        assert done.returncode == code, done.stderr
    assert server.requests[-1].method == "DELETE"


def test_a_job_waits_for_weights_that_are_fetched_first(
    server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(client, "_TIMEOUT", 0.2)
    late = answer(201, job())

    def fetching(request: Request) -> None:
        time.sleep(0.4)  # longer than the client waits for one answer
        request.hang_up()

    server.on("POST /jobs", *[fetching] * 4, late)
    assert job_submit.send(client.Client(server.url, None), {})["id"] == job()["id"]
    assert len({request.headers["Idempotency-Key"] for request in server.requests}) == 1
    assert "may be fetching the weights" in capsys.readouterr().err
