import datetime as dt
import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import Server, Yard, answer, dataset, hang_up, job, matching, page
from yard import formatting


def test_a_problem_is_printed_with_its_fields_and_exit_code_4(server: Server, yard: Yard) -> None:
    server.on("GET /datasets", answer(200, page(dataset())))
    problem = {
        "title": "Wrong config",
        "status": 422,
        "detail": "Correct the fields and send again.",
        "errors": [{"field": "epoch", "message": "unknown; did you mean epochs?"}],
    }
    server.on("POST /jobs", answer(422, problem))
    done = yard("train", "digits", "--set", "epoch=3")
    assert done.returncode == 4
    assert done.stderr.splitlines() == [
        "error: Wrong config",
        "  Correct the fields and send again.",
        "  epoch: unknown; did you mean epochs?",
    ]
    sent = json.loads(server.requests[-1].body)
    assert sent["config"] == {"epoch": 3}
    assert len(server.requests[-1].headers["Idempotency-Key"]) == 32


def test_nobody_there_is_exit_code_5(yard: Yard) -> None:
    done = yard("job", "list", url="http://127.0.0.1:9")
    assert done.returncode == 5
    assert "no answer from http://127.0.0.1:9" in done.stderr
    assert "yard dev" in done.stderr


def test_something_else_there_is_exit_code_5(server: Server, yard: Yard) -> None:
    server.on("GET /jobs", answer(200, b"<html>"))
    assert "does not answer like a Trainyard server" in yard("job", "list").stderr


def test_a_broken_connection_is_tried_again_but_not_a_plain_post(
    server: Server, yard: Yard
) -> None:
    server.on("GET /jobs/0123456789ab", hang_up, answer(200, job(status="running")))
    server.on("POST /jobs/0123456789ab/retry", hang_up)
    assert yard("job", "retry", "0123456789ab").returncode == 5
    assert [request.method for request in server.requests] == ["GET", "GET", "POST"]


def test_a_cancel_is_sent_until_it_is_taken(server: Server, yard: Yard) -> None:
    away = answer(503, {"title": "Database unavailable", "detail": "Nothing was changed."})
    server.on("GET /jobs/0123456789ab", away, answer(200, job(status="running")))
    server.on(
        "POST /jobs/0123456789ab/cancel", away, hang_up, answer(202, job(status="cancelling"))
    )
    done = yard("job", "cancel", "0123456789ab")
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "cancelling 0123456789ab first")
    assert done.stderr.splitlines() == [
        "error: Database unavailable",
        "  Nothing was changed.",
        "not cancelled yet: sent again until it is taken; Ctrl-C gives it up",
    ]
    assert [request.method for request in server.requests].count("POST") == 3
    server.on("POST /jobs/0123456789ab/cancel", answer(500, {"title": "Internal error"}))
    assert yard("job", "cancel", "0123456789ab").returncode == 5
    assert yard("job", "cancel", "0123456789ab", url="http://127.0.0.1:9").returncode == 5


def test_a_prefix_stands_for_one_job_only(server: Server, yard: Yard) -> None:
    others = [job(id="0123aaaaaaaa", name="same"), job(id="ffff00000000", name="other")]
    others += [job(id="ffee00000000", name="same"), job(id="ee0000000000", name="fff")]
    others += [job(id=f"dd000000000{number}", name=None) for number in range(6)]
    server.on("GET /jobs", matching(job(), *others))
    assert json.loads(yard("job", "show", "fff", "--json").stdout)["name"] == "other"
    twice = yard("job", "show", "0123")
    assert twice.returncode == 2
    assert "0123 is ambiguous" in twice.stderr
    assert "it matches 0123456789ab (first), 0123aaaaaaaa (same)\n" in twice.stderr
    assert json.loads(yard("job", "show", "other", "--json").stdout)["id"] == "ffff00000000"
    assert "0123aaaaaaaa (same), ffee00000000 (same)" in yard("job", "show", "same").stderr
    assert "dd0000000004 and more" in yard("job", "show", "dd").stderr
    none = yard("job", "show", "77")
    assert (none.returncode, "there is no job 77" in none.stderr) == (3, True)


def test_a_name_means_its_newest_ready_version(server: Server, yard: Yard) -> None:
    versions = [
        dataset(id="a" * 12, version=3, status="rejected"),
        dataset(id="b" * 12, version=2),
        dataset(id="c" * 12, version=1),
    ]
    server.on("GET /datasets", matching(*versions, dataset(name="b")))
    server.on("POST /jobs", answer(201, job(status="queued")))
    assert yard("train", "digits", "--no-follow").returncode == 0
    assert json.loads(server.requests[-1].body)["dataset_id"] == "b" * 12
    assert yard("train", "digits@1", "--no-follow").returncode == 0
    assert json.loads(server.requests[-1].body)["dataset_id"] == "c" * 12
    rejected = yard("train", "digits@3", "--no-follow")
    assert (rejected.returncode, "is rejected" in rejected.stderr) == (4, True)


def test_a_name_is_text_on_one_line(server: Server, yard: Yard) -> None:
    marks = ["[/]", "[link=http://x]", "\x9b31m", "\u2028", "\x85", "\u202e", "\x1b[2J", ":cat:"]
    everything = "".join(marks)
    item = answer(200, job(name=everything))
    for route in ("POST /jobs/0123456789ab/cancel", "GET /jobs/0123456789ab"):
        server.on(route, item)
    server.on("GET /jobs", answer(200, page(*(job(name=f"a{mark}b") for mark in marks))))
    for words, count in (
        ("cancel 0123456789ab", 1),
        ("show 0123456789ab", 1),
        ("list", len(marks)),
    ):
        done = yard("job", *words.split())
        assert done.returncode == 0, done.stderr
        lines = [line for line in done.stdout.split("\n") if "0123456789ab" in line]
        assert len(lines) == count
        assert all(line.isprintable() for line in lines)
        assert "[/]" in lines[0]
        assert ":cat:" in lines[-1]
    printed = yard("job", "list", "--json").stdout
    assert printed.rstrip("\n").isprintable()
    assert [item["name"] for item in json.loads(printed)] == [f"a{mark}b" for mark in marks]


def test_a_disk_of_this_machine_is_exit_code_6(server: Server, yard: Yard, tmp_path: Path) -> None:
    artifact = {"name": "a", "size": 1, "sha256": None, "url": f"{server.url}/a"}
    server.on("GET /jobs/0123456789ab", answer(200, job()))
    server.on("GET /jobs/0123456789ab/artifacts", answer(200, {"items": [artifact]}))
    (tmp_path / "file").touch()
    done = yard("model", "pull", "0123456789ab", "--out", str(tmp_path / "file" / "m"))
    assert (done.returncode, "Traceback" in done.stderr) == (6, False)
    assert done.stderr.startswith(f"error: {tmp_path}/file/m: Not a directory")


def test_sizes_and_ages_are_written_in_one_way() -> None:
    assert [formatting.size(n) for n in (0, 1023, 1024, 3 << 20, 5 << 40)] == [
        "0 B", "1023 B", "1.0 KiB", "3.0 MiB", "5.0 TiB",
    ]  # fmt: skip
    long_ago = dt.datetime.now(dt.UTC) - dt.timedelta(hours=1324, minutes=59)
    assert formatting.ago(long_ago.isoformat()) == "55 d 4 h ago"
    for module in Path(formatting.__file__).parent.rglob("*.py"):
        for number, line in enumerate(module.read_text().splitlines(), 1):
            assert not re.search(r"\b[kKMG]B\b", line), f"{module}:{number} has another unit"


def test_a_running_job_says_how_long_it_runs(server: Server, yard: Yard) -> None:
    began = (dt.datetime.now(dt.UTC) - dt.timedelta(days=55, hours=4, minutes=1)).isoformat()
    told = job(status="running", started_at=began, finished_at=None, epoch=1, attempt=1)
    told["config"] = {"epochs": 9}
    server.on("GET /jobs/0123456789ab", answer(200, told))
    now = dt.datetime.now(dt.UTC)
    ends = [(now - dt.timedelta(seconds=seconds)).isoformat() for seconds in (1000, 0)]
    rows = [{"epoch": epoch, "attempt": 1, "at": at, "values": {}} for epoch, at in enumerate(ends)]
    server.on("GET /jobs/0123456789ab/metrics", answer(200, {"items": rows}))
    shown = yard("job", "show", "0123456789ab").stdout
    assert re.search(r"runs for +55 d 4 h", shown)
    assert re.search(r"time left +≈ 1 h 56 min", shown)


def test_epochs_are_counted_from_one_everywhere(server: Server, yard: Yard) -> None:
    best = {"epoch": 1, "metric": "metrics/mAP50(B)", "value": 0.9}
    told = job(epoch=1, best=best, metrics={"best/epoch": 1, "metrics/mAP50(B)": 0.9})
    server.on("GET /jobs/0123456789ab", answer(200, told))
    shown = yard("job", "show", "0123456789ab").stdout
    assert "2 of 2 finished" in shown
    assert "metrics/mAP50(B) 0.9 of epoch 2" in shown
    assert shown.splitlines()[-1].split() == ["best", "epoch", "2"]


def test_each_of_several_attempts_is_told(server: Server, yard: Yard) -> None:
    server.on("GET /jobs/0123456789ab", answer(200, job(attempt=2)))
    same: dict[str, Any] = {
        "exit_code": None,
        "system": {},
        "heartbeat_at": None,
        "stop_requested_at": None,
    }
    same |= {"created_at": "2026-11-24T17:00:00Z", "launched_at": "2026-11-24T17:00:00Z"}
    lost: dict[str, Any] = {"number": 1, "executor": "subprocess", "epoch": 4, "cause": "node_lost"}
    lost |= {"message": "Its [b]machine is gone.", "ended_at": "2026-11-24T17:09:00Z"}
    now: dict[str, Any] = {"number": 2, "executor": "kubernetes", "epoch": None, "cause": None}
    now |= {"message": None, "ended_at": None, "launched_at": None}
    items = {"items": [same | now, same | lost]}
    server.on("GET /jobs/0123456789ab/attempts", answer(200, items))
    second, first = yard("job", "show", "0123456789ab").stdout.splitlines()[-2:]
    assert second.split() == ["2", "kubernetes", "—", "—", "runs", "—"]
    assert re.fullmatch(r"1 +subprocess +\S.* +5 +node_lost +Its \[b\]machine is gone\.", first)
    asked = len(server.requests)
    server.on("GET /jobs/0123456789ab", answer(200, job(attempt=1)))
    assert yard("job", "show", "0123456789ab").returncode == 0
    assert not any("attempts" in one.path for one in server.requests[asked:])


@pytest.mark.parametrize(
    ("columns", "took"),
    [({}, "1 min 40 s"), ({"status": "queued", "started_at": None, "finished_at": None}, "40 s")],
)
def test_a_retried_job_took_what_it_trained_before_too(
    server: Server, yard: Yard, columns: dict[str, str | None], took: str
) -> None:
    server.on("GET /jobs", answer(200, page(job(earlier_duration_s=40, **columns))))
    assert f" {took} " in yard("job", "list").stdout


def test_logs_come_in_pages_and_cannot_take_over_the_terminal(server: Server, yard: Yard) -> None:
    server.on("GET /jobs/0123456789ab", answer(200, job()))
    whole = "grüße\x1b[2J\x1b]0;x\x07\n".encode()
    server.on(
        "GET /jobs/0123456789ab/logs",
        answer(200, whole[:3], X_Log_Offset="3", X_Log_Complete="false"),
        answer(200, whole[3:], X_Log_Offset=str(len(whole)), X_Log_Complete="true"),
        answer(200, b"", X_Log_Offset=str(len(whole)), X_Log_Complete="true"),
    )
    assert yard("logs", "0123456789ab").stdout == "grüße]0;x\n"


def test_the_log_of_a_further_node_is_that_of_its_latest_attempt(
    server: Server, yard: Yard
) -> None:
    names = ["attempt-9.node-1.log", "attempt-10.node-1.log", "attempt-10.node-11.log", "best.pt"]
    shown = {"size": 5, "sha256": None, "media_type": "text/plain"}
    items = [{"name": name, "url": f"{server.url}/{name}", **shown} for name in names]
    server.on("GET /jobs/0123456789ab", answer(200, job(resources={"nodes": 2})))
    server.on("GET /jobs/0123456789ab/artifacts", answer(200, {"items": items}))
    server.on("GET /attempt-10.node-1.log", answer(200, "grüße\x1b[2J\n".encode()))
    assert yard("logs", "0123456789ab", "--node", "1").stdout == "grüße\n"
    refused = yard("logs", "0123456789ab", "--node", "2")
    assert (refused.returncode, "it asks for 2 nodes, counted from 0" in refused.stderr) == (
        3,
        True,
    )
    assert yard("logs", "0123456789ab", "--node", "1", "-f").returncode == 2


def test_a_job_is_deleted_only_after_a_confirmation(server: Server, yard: Yard) -> None:
    server.on("GET /jobs/0123456789ab", answer(200, job()))
    server.on("DELETE /jobs/0123456789ab", answer(204))
    refused = yard("job", "delete", "0123456789ab")
    assert (refused.returncode, "add --yes" in refused.stderr) == (2, True)
    assert [request.method for request in server.requests] == ["GET"]
    done = yard("job", "delete", "0123456789ab", "--yes")
    assert (done.returncode, done.stdout) == (0, "deleted job 0123456789ab first\n")
    assert server.requests[-1].method == "DELETE"


@pytest.mark.parametrize(
    ("key", "code", "methods"), [("n", 1, ["GET"]), ("y", 0, ["GET", "DELETE"])]
)
def test_on_a_terminal_a_deletion_is_confirmed_by_a_key(
    server: Server, tmp_path: Path, key: str, code: int, methods: list[str]
) -> None:
    server.on("GET /jobs/0123456789ab", answer(200, job()))
    server.on("DELETE /jobs/0123456789ab", answer(204))
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        [Path(sys.executable).with_name("yard"), "job", "delete", "0123456789ab"],
        env={"YARD_URL": server.url, "HOME": str(tmp_path)}, stdin=theirs,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    os.write(ours, key.encode() + b"\n")
    _, said = child.communicate(timeout=60)
    assert child.returncode == code, said
    assert b"Delete job 0123456789ab first with its log" in said
    assert [request.method for request in server.requests] == methods
    os.close(ours)
    os.close(theirs)


def test_a_dataset_s_name_alone_deletes_no_version_of_several(server: Server, yard: Yard) -> None:
    versions = [dataset(id="b" * 12, version=2), dataset(id="c" * 12, version=1)]
    server.on("GET /datasets", matching(*versions))
    server.on("DELETE /datasets/cccccccccccc", answer(204))
    refused = yard("dataset", "delete", "digits", "--yes")
    assert (refused.returncode, "(digits@2), cccccccccccc (digits@1)" in refused.stderr) == (
        2,
        True,
    )
    assert yard("dataset", "delete", "digits@1", "--yes").stdout == "deleted dataset digits@1\n"
    assert server.requests[-1].path == "/datasets/cccccccccccc"


def test_a_job_that_has_not_begun_says_nothing_of_how_long_it_runs(
    server: Server, yard: Yard
) -> None:
    waiting = job(status="queued", started_at=None, finished_at=None, progress=None)
    server.on(
        "GET /jobs/0123456789ab",
        answer(200, waiting),
        answer(200, waiting | {"started_at": "2026-11-24T17:00:01Z"}),
    )
    shown = [yard("job", "show", "0123456789ab").stdout for _ in range(2)]
    assert ["runs for" in text for text in shown] == [False, True]
    assert not any("took" in text for text in shown)


def test_a_job_s_notes_and_tags_are_changed_and_listed(server: Server, yard: Yard) -> None:
    server.on("GET /jobs/0123456789ab", answer(200, job(tags=["old", "kept"])))
    server.on("PATCH /jobs/0123456789ab", answer(200, job(tags=["[b]new", "kept"])))
    words = ("--notes", "", "--tag", "new", "--untag", "old")
    done = yard("job", "edit", "0123456789ab", *words)
    assert (done.returncode, done.stdout) == (0, "job 0123456789ab first, tagged [b]new, kept\n")
    assert json.loads(server.requests[-1].body) == {"notes": None, "tags": ["kept", "new"]}
    asked = len(server.requests)
    assert yard("job", "edit", "0123456789ab").returncode == 2
    assert len(server.requests) == asked, "there is nothing to change"
    server.on("GET /jobs", answer(200, page(job(tags=["new"]))))
    assert yard("job", "list", "--tag", "new", "--search", "a b").returncode == 0
    assert [server.requests[-1].query[name] for name in ("tag", "q")] == ["new", "a b"]
