"""A job's log: whatever a trainer sends and repeats, its bytes are kept once and in order."""

import asyncio
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import api_support
import httpx
import pytest
from api_support import Api, Running, add_running, set_attempt, set_job
from backend.callbacks.log_printer import LogPrinter, printable
from backend.infra.database import utcnow
from backend.state.jobs import Attempt
from backend.state.statuses import JobStatus
from backend.state.tokens import sha256
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


async def post(
    api: Api, running: Running, offset: int, data: bytes, http: httpx.AsyncClient | None = None
) -> httpx.Response:
    return await (http or api.http).post(
        f"{running.path}/logs", params={"offset": offset}, content=data, headers=running.headers
    )


async def whole(api: Api, running: Running, limit: int = 2**20) -> bytes:
    """The log as a reader collects it."""
    data, offset = b"", 0
    while True:
        query = {"offset": offset, "limit": limit}
        reply = await api.http.get(f"{running.path}/logs", params=query)
        if int(reply.headers["X-Log-Offset"]) == offset:
            return data
        data += reply.content
        offset = int(reply.headers["X-Log-Offset"])


async def test_overlap_is_skipped_and_a_gap_refused(api: Api) -> None:
    running = await add_running(api.ctx)
    assert (await post(api, running, 0, b"one\n")).json()["next_offset"] == 4
    assert (await post(api, running, 0, b"one\n")).json()["next_offset"] == 4
    assert (await post(api, running, 2, b"e\ntwo\n")).json()["next_offset"] == 8
    gap = await post(api, running, 9, b"lost")
    assert (gap.status_code, gap.json()["next_offset"]) == (409, 8)
    assert await whole(api, running) == b"one\ntwo\n"
    assert await whole(api, running, limit=3) == b"one\ntwo\n"


async def test_next_attempt_goes_on_behind_the_last(api: Api) -> None:
    running = await add_running(api.ctx)
    await post(api, running, 0, b"first\n")
    await set_attempt(api.ctx, running.job_id, ended_at=utcnow())
    assert (await post(api, running, 6, b"late\n")).status_code == 409
    token = "second".ljust(43, "-")
    async with api.ctx.db.transaction() as session:
        session.add(
            Attempt(
                job_id=running.job_id,
                number=2,
                executor="subprocess",
                token_sha256=sha256(token),
                log_base=6,
            )
        )
    await set_job(api.ctx, running.job_id, attempt=2)
    second = Running(running.job_id, token)
    assert (await post(api, second, 0, b"second\n")).json()["next_offset"] == 7
    assert await whole(api, running) == b"first\nsecond\n"
    await set_job(api.ctx, running.job_id, status=JobStatus.SUCCEEDED)
    reply = await api.http.get(f"{running.path}/logs", params={"offset": 6})
    assert reply.content == b"second\n"
    assert reply.headers["X-Log-Complete"] == "true"


@pytest.mark.parametrize("size", [1, 70, 1000, 3001])
async def test_of_a_log_beyond_the_limit_head_and_tail_are_kept(
    database_url: str, tmp_path: Path, size: int
) -> None:
    chosen = api_support.settings(database_url, tmp_path, log_limit_bytes=1000)
    async with api_support.serving(chosen) as api:
        running = await add_running(api.ctx)
        sent = b"".join(b"line %03d\n" % number for number in range(300))
        sent += b"Traceback: the reason\n"
        begin = 0 if size > 1 else len(sent) - 70
        if begin:
            await post(api, running, 0, sent[:begin])
        for offset in range(begin, len(sent), size):
            reply = await post(api, running, offset, sent[offset : offset + size])
            assert reply.json()["next_offset"] == min(offset + size, len(sent))
        await set_job(api.ctx, running.job_id, status=JobStatus.SUCCEEDED)
        for limit in (2**20, 60):
            kept = await whole(api, running, limit)
            head, line, tail = re.split(rb"\n\[trainyard\] (\d+) bytes are left out .*\n", kept)
            assert (head, tail) == (sent[:500], sent[-len(tail) :])
            assert len(tail) > 400
            assert len(head) + int(line) + len(tail) == len(sent)
            assert len(kept) < 1100
            assert kept.endswith(b"Traceback: the reason\n")


@given(
    data=st.binary(min_size=1, max_size=200),
    posts=st.lists(st.tuples(st.integers(0, 220), st.integers(0, 60)), max_size=12),
    lanes=st.integers(1, 4),
    limit=st.integers(1, 50),
)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_bytes_are_kept_once_and_in_order(
    posts_runner: "Runner", data: bytes, posts: list[tuple[int, int]], lanes: int, limit: int
) -> None:
    posts_runner.run(data, posts, lanes, limit)


class Runner:
    """A backend that lives for all examples, in a loop of its own."""

    def __init__(self, database_url: str, folder: Path) -> None:
        self._loop = asyncio.Runner()
        self._serving = api_support.serving(api_support.settings(database_url, folder))
        self._api = self._loop.run(self._serving.__aenter__())

    def run(self, data: bytes, posts: list[tuple[int, int]], lanes: int, limit: int) -> None:
        self._loop.run(self._run(data, posts, lanes, limit))

    async def _run(self, data: bytes, posts: list[tuple[int, int]], lanes: int, limit: int) -> None:
        api = self._api
        running = await add_running(api.ctx)

        async def lane(mine: list[tuple[int, int]]) -> None:
            """Send anything, then whatever is still asked for, as a supervisor does."""
            for offset, length in mine:
                reply = await post(api, running, offset, data[offset : offset + length])
                assert reply.status_code in {200, 409}
                assert reply.json()["next_offset"] <= len(data)
            offset = 0
            while offset < len(data):
                reply = await post(api, running, offset, data[offset : offset + 50])
                offset = reply.json()["next_offset"]

        await asyncio.gather(*(lane(posts[index::lanes]) for index in range(lanes)))
        assert await whole(api, running) == data
        assert await whole(api, running, limit) == data

    def close(self) -> None:
        self._loop.run(self._serving.__aexit__(None, None, None))
        self._loop.close()


@pytest.fixture
def posts_runner(database_url: str, tmp_path: Path) -> Iterator["Runner"]:
    runner = Runner(database_url, tmp_path)
    yield runner
    runner.close()


def test_lines_of_trainers_reach_stdout_whole_and_harmless(
    capsys: pytest.CaptureFixture[str],
) -> None:
    echo = LogPrinter()
    echo.write("a1", b"epo")
    echo.write("b2", b"other\n")
    echo.write("a1", b"ch 1\r\n\x1b[2J\xff\n" + "häl".encode())
    echo.write("a1", b"f\n")
    echo.write("c3", b"x" * 9000)
    assert capsys.readouterr().out.splitlines() == [
        "[job b2] other",
        "[job a1] epoch 1",
        "[job a1] \\x1b[2J\ufffd",
        "[job a1] hälf",
        "[job c3] " + "x" * 9000,
    ]


def test_the_echo_ends_where_the_log_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    echo = LogPrinter()
    for start in range(0, 30, 6):
        echo.write("a1", b"epoch\n", start, 14)
    assert capsys.readouterr().out.splitlines() == [
        "[job a1] epoch",
        "[job a1] epoch",
        "[job a1] ep",
        "[job a1] [trainyard] More than 14 bytes (LOG_LIMIT_BYTES) are in the job's log only.",
    ]


@given(st.text())
def test_what_the_echo_prints_is_the_text_with_escapes(text: str) -> None:
    shown = printable(text.encode("utf-8", "surrogatepass"))
    assert shown.isprintable()
    if text.isprintable():
        assert shown == text
    assert printable(b"\x1b[2K\t\xc2\xad\xe7\x8c\xab \xff") == "\\x1b[2K\\t\\xad\u732b \ufffd"


def test_making_text_printable_takes_little_of_a_core() -> None:
    """Relative to a pass over its characters, which took most of a core at 3 MiB/s."""
    line = b"\x1b[K   1/3\t 0G 2.87 3.1 100%|" + "\u2501".encode() * 30 + b" 4/4 [00:01<00:00]\r"

    def seconds(make: Callable[[bytes], object]) -> float:
        best = 1.0
        for _ in range(5):
            began = time.process_time()
            for _ in range(2000):
                make(line)
            best = min(best, time.process_time() - began)
        return best

    slow = seconds(lambda one: "".join(char for char in one.decode() if char.isprintable()))
    assert seconds(printable) < slow / 2
