"""Lists of jobs and datasets: their pages, how many there are, and a list that is watched."""

import json
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from conftest import Request, Server, Yard, answer, dataset, job, page


def test_lists_follow_their_pages(server: Server, yard: Yard) -> None:
    second = answer(200, page(job(id="222222222222")))
    server.on("GET /jobs", answer(200, page(job(), next_cursor="x")), second)
    assert len(json.loads(yard("job", "list", "--json").stdout)) == 2
    # The second page is not even asked for.
    server.on(
        "GET /datasets", answer(200, page(dataset(), dataset(), next_cursor="x")), answer(500)
    )
    found = yard("dataset", "list", "--limit", "2", "--json")
    assert (found.returncode, len(json.loads(found.stdout))) == (0, 2)


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"total": 5060}, "the newest 1 of 5,060 are shown; --limit shows more\n"),
        ({"total": 1}, ""),
        ({}, "at most 1 are shown; --limit shows more\n"),
    ],
)
def test_a_list_says_of_how_many_it_shows_the_newest(
    server: Server, yard: Yard, told: dict[str, int], said: str
) -> None:
    server.on("GET /jobs", answer(200, page(job(), job()) | told))
    assert yard("job", "list", "--limit", "1", "--search", "a").stderr == said
    assert server.requests[-1].query == {"limit": "1", "total": "true", "q": "a"}
    server.on("GET /datasets", answer(200, page(dataset(), dataset()) | told))
    assert yard("dataset", "list", "--limit", "1").stderr == said


def test_a_watched_list_tells_what_changes_until_it_is_left(
    server: Server, yard: Yard, interruptible: None
) -> None:
    first, second = job(status="running", name="old"), job(id="f" * 12, name="new")
    ended, left = first | {"status": "succeeded"}, threading.Event()

    def told(items: list[Any], *ids: str) -> bytes:
        data = {"items": items, "ids": ids, "next_cursor": None}
        return f"event: jobs\ndata: {json.dumps(data)}\n\n".encode()

    start = told([first], first["id"]) + told([second], second["id"], first["id"])
    again = told([second, ended], second["id"], first["id"])

    def hold(request: Request) -> None:
        request.handler.wfile.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + again
        )
        left.wait(60)

    stream = answer(200, start, Content_Type="text/event-stream")
    server.on("GET /jobs/events", stream, hold)
    process = subprocess.Popen(
        [Path(sys.executable).with_name("yard"), "job", "list", "-w", "--json", "--limit", "900",
         "--search", "o", "--url", server.url],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    seen = [json.loads(process.stdout.readline()) for _ in range(4)]
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    left.set()
    assert [(one["name"], one["status"]) for one in seen] == [
        ("old", "running"), ("new", second["status"]), ("new", second["status"]), ("old", "succeeded"),
    ]  # fmt: skip
    assert process.returncode == 130
    assert stderr.splitlines() == ["the newest 500 are watched", "connection lost; reconnecting …"]
    assert server.requests[0].query == {"q": "o", "limit": "500"}
