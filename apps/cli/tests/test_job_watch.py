"""Following a job: what is shown, over broken connections, and how a watch ends."""

import json
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from conftest import Request, Server, Yard, answer, dataset, hang_up, job, page
from yard import client
from yard.errors import YardError


def _event(kind: str, identifier: str, data: object) -> bytes:
    return f"id: {identifier}\nevent: {kind}\ndata: {json.dumps(data)}\n\n".encode()


def _metrics(epoch: int) -> dict[str, object]:
    values = {"train/box_loss": 1.5, "train/cls_loss": 0.5, "metrics/mAP50(B)": 0.25}
    return {"epoch": epoch, "attempt": 1, "values": values, "at": "2026-11-24T17:00:00Z"}


def test_following_goes_on_where_the_connection_broke(server: Server, yard: Yard) -> None:
    first = _event("state", "0:", job(status="running")) + _event("metrics", "0:0", _metrics(0))
    rest = _event("metrics", "0:1", _metrics(1)) + _event("end", "0:1", {})
    server.on("GET /datasets", answer(200, page(dataset())))
    server.on("POST /jobs", answer(201, job(status="queued")))
    server.on(
        "GET /jobs/0123456789ab/events",
        answer(200, first, Content_Type="text/event-stream"),
        hang_up,
        answer(200, rest, Content_Type="text/event-stream"),
    )
    server.on("GET /jobs/0123456789ab", answer(200, job()))
    server.on("GET /jobs/0123456789ab/artifacts", answer(200, {"items": []}))
    done = yard("train", "digits")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[1:4] == [
        "running",
        "epoch   1/2   loss 2.000   mAP50 0.250",
        "epoch   2/2   loss 2.000   mAP50 0.250",
    ]
    assert "connection lost" in done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    streams = [request for request in server.requests if request.path.endswith("/events")]
    assert [request.headers.get("Last-Event-ID") for request in streams] == [None, "0:0", "0:0"]


def test_a_job_is_watched_as_train_shows_it_and_ends_with_its_code(
    server: Server, yard: Yard
) -> None:
    epochs = b"".join(_event("metrics", f"0:{epoch}", _metrics(epoch)) for epoch in range(2))
    failed = job(status="failed", cause="out_of_memory", message="too large", log_size=900_000)
    told = epochs + _event("state", "0:", failed) + _event("end", "0:1", {})
    stream = answer(200, told, Content_Type="text/event-stream")
    server.on("GET /jobs/0123456789ab", answer(200, job(status="running", log_size=700_000)), answer(200, failed))  # fmt: skip
    server.on("GET /jobs/0123456789ab/events", stream)
    server.on("GET /datasets/ba9876543210", answer(200, dataset()))
    done = yard("watch", "0123456789ab")
    assert done.returncode == 1, done.stderr
    heading = "job 0123456789ab · ultralytics · detect on digits@1 · starts from scratch"
    assert done.stdout.splitlines() == [
        f"{heading} · Ctrl-C leaves it running",
        "epoch   1/2   loss 2.000   mAP50 0.250",
        "epoch   2/2   loss 2.000   mAP50 0.250",
        "failed",
    ]
    assert "job 0123456789ab failed: out_of_memory" in done.stderr
    [followed] = [request for request in server.requests if request.path.endswith("/events")]
    assert followed.query == {"log_offset": "700000"}, "the log so far is not sent"
    server.requests.clear()
    server.on("GET /jobs/0123456789ab", answer(200, job()))
    server.on("GET /jobs/0123456789ab/artifacts", answer(200, {"items": []}))
    server.on("GET /datasets/ba9876543210", answer(404, {"title": "Not found"}))
    done = yard("watch", "0123456789ab")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(heading.replace("digits@1", "ba9876543210") + "\n")
    assert "metrics/mAP50(B)" in done.stdout
    done = yard("watch", "0123456789ab", "--json")
    kinds = [json.loads(line)["event"] for line in done.stdout.splitlines()]
    assert (done.returncode, kinds) == (0, ["metrics", "metrics", "state", "end"])
    assert server.requests[-2].query == {}, "of JSON the whole log is a part"


def test_a_watch_that_is_interrupted_names_the_way_back(
    server: Server, tmp_path: Path, interruptible: None
) -> None:
    state = _event("state", "0:", job(status="running", finished_at=None))
    going = threading.Event()

    def stay(request: Request) -> None:
        request.handler.send_response(200)
        request.handler.send_header("Content-Type", "text/event-stream")
        request.handler.end_headers()
        request.handler.wfile.write(state)
        going.wait(30)
        request.hang_up()

    server.on("GET /jobs/0123456789ab", answer(200, job(status="running", finished_at=None)))
    server.on("GET /jobs/0123456789ab/events", stay)
    server.on("GET /datasets/ba9876543210", answer(200, dataset()))
    with subprocess.Popen(
        [Path(sys.executable).with_name("yard"), "watch", "0123456789ab"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={"YARD_URL": server.url, "HOME": str(tmp_path), "PYTHONUNBUFFERED": "1"},
    ) as child:  # fmt: skip
        assert child.stdout
        assert child.stdout.readline().endswith("Ctrl-C leaves it running\n")
        assert child.stdout.readline() == "running\n"
        child.send_signal(signal.SIGINT)
        _, stderr = child.communicate(timeout=15)
        going.set()
    assert child.returncode == 130
    assert "`yard watch 012345` follows it again" in stderr
    assert [request.method for request in server.requests] == ["GET"] * 3


def test_a_stream_that_delivers_is_followed_however_often_it_breaks(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "_IN_VAIN", 3)
    state = answer(200, _event("state", "0:", job()), Content_Type="text/event-stream")
    end = answer(200, _event("end", "0:", {}), Content_Type="text/event-stream")
    server.on("GET /jobs/0123456789ab/events", *([state] * 5), end)
    seen = client.Client(server.url, None).events("/jobs/0123456789ab/events", lambda: None)
    assert [event.event for event in seen] == [*(["state"] * 5), "end"]
    server.on("GET /jobs/0123456789ab/events", state, hang_up)
    with pytest.raises(YardError, match="no answer"):
        list(client.Client(server.url, None).events("/jobs/0123456789ab/events", lambda: None))
    assert len(server.requests) == 6 + 4


def test_a_trained_job_is_said_to_upload(server: Server, yard: Yard) -> None:
    uploading = job(status="running", phase="uploading")
    states = [job(status="running", phase="training"), uploading, uploading, job()]
    events = b"".join(_event("state", "0:", state) for state in states) + _event("end", "0:", {})
    server.on("GET /datasets", answer(200, page(dataset())))
    server.on("POST /jobs", answer(201, job(status="queued")))
    server.on(
        "GET /jobs/0123456789ab/events", answer(200, events, Content_Type="text/event-stream")
    )
    server.on("GET /jobs/0123456789ab", answer(200, job()))
    server.on("GET /jobs/0123456789ab/artifacts", answer(200, {"items": []}))
    assert yard("train", "digits").stdout.splitlines()[1:4] == ["running", "uploading", "succeeded"]
    server.on("GET /jobs", answer(200, page(uploading)))
    assert "uploading" in yard("job", "list").stdout


def test_a_failed_job_is_exit_code_1_with_the_servers_sentence(server: Server, yard: Yard) -> None:
    failed = job(status="failed", cause="out_of_memory", message="Halve batch and try again.")
    end = _event("state", "0:", failed) + _event("end", "0:", {})
    server.on("GET /datasets", answer(200, page(dataset())))
    server.on("POST /jobs", answer(201, job(status="queued")))
    server.on("GET /jobs/0123456789ab/events", answer(200, end, Content_Type="text/event-stream"))
    server.on("GET /jobs/0123456789ab", answer(200, failed))
    done = yard("train", "digits")
    assert done.returncode == 1
    assert "out_of_memory" in done.stderr
    assert "Halve batch and try again." in done.stderr
    lines = yard("train", "digits", "--json").stdout.splitlines()
    assert [json.loads(line)["event"] for line in lines] == ["state", "end"]
