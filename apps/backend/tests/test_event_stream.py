"""A job followed live over server-sent events."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import api_support
import httpx
import pytest
from api_support import Api, Running, add_running, set_job, shift_clock
from backend.callbacks import log_repository
from backend.infra import live_response
from backend.infra import wakeups as wake_ups
from backend.jobs import event_stream, repository
from backend.state.jobs import Job
from backend.state.statuses import JobStatus

pytestmark = pytest.mark.databases("postgresql")


class Event(NamedTuple):
    name: str
    id: str
    data: Any


@asynccontextmanager
async def following(
    api: Api, running: Running | None, last_event_id: str | None = None, **query: Any
) -> AsyncIterator[AsyncIterator[Event]]:
    """The stream of a job, or of the list."""
    headers = {"Last-Event-ID": last_event_id} if last_event_id else {}
    path = "/api/v1/jobs" if running is None else running.path
    request = api.http.stream("GET", f"{path}/events", params=query, headers=headers)
    async with request as reply:
        assert reply.status_code == 200
        assert reply.headers["content-type"].startswith("text/event-stream")
        assert reply.headers["x-accel-buffering"] == "no"
        yield _events(reply)


async def _events(reply: httpx.Response) -> AsyncIterator[Event]:
    fields: dict[str, str] = {}
    async for line in reply.aiter_lines():
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif "event" in fields:
            yield Event(fields["event"], fields.get("id", ""), json.loads(fields["data"]))
            fields = {}


async def next_of(events: AsyncIterator[Event], name: str) -> Event:
    async with asyncio.timeout(60):
        async for event in events:
            if event.name == name:
                return event
    raise AssertionError(f"the stream ended without {name}")


async def log(api: Api, running: Running, offset: int, data: bytes) -> None:
    reply = await api.http.post(
        f"{running.path}/logs", params={"offset": offset}, content=data, headers=running.headers
    )
    assert reply.status_code == 200


async def beat(api: Api, running: Running, **body: Any) -> None:
    reply = await api.http.post(f"{running.path}/heartbeat", json=body, headers=running.headers)
    assert reply.status_code == 200


async def finish(api: Api, running: Running) -> None:
    await set_job(api.ctx, running.job_id, status=JobStatus.SUCCEEDED)
    await api.ctx.bus.publish(running.job_id)


@pytest.mark.databases("sqlite", "postgresql")
async def test_everything_is_seen_as_it_happens(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wake_ups, "SAFETY_POLL_S", 600)  # so that only wake-ups tell of news
    running = await add_running(api.ctx)
    async with following(api, running) as seen_live:
        assert (await next_of(seen_live, "state")).data["status"] == "preparing"
        await log(api, running, 0, b"hello\n")
        seen = await next_of(seen_live, "log")
        assert seen.data == {"offset": 0, "next_offset": 6, "text": "hello\n"}
        await beat(api, running, epoch=0, metrics={"loss": 1.0})
        metrics = await next_of(seen_live, "metrics")
        assert (metrics.data["epoch"], metrics.data["values"]) == (0, {"loss": 1.0})
        assert re.fullmatch(r"6:\d{16}", metrics.id)
        assert (await next_of(seen_live, "state")).data["status"] == "running"
        await finish(api, running)
        assert (await next_of(seen_live, "state")).data["status"] == "succeeded"
        assert [event.name async for event in seen_live] == ["end"]
    # The stream of a finished job tells everything once and ends.
    async with following(api, running) as events:
        names = [event.name async for event in events]
    assert sorted(names) == ["end", "log", "metrics", "state"]
    assert names[-1] == "end"


@pytest.mark.databases("sqlite", "postgresql")
async def test_a_list_is_followed_by_what_changes_in_it(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wake_ups, "SAFETY_POLL_S", 600)  # so that only wake-ups tell of news
    monkeypatch.setattr(event_stream, "LIST_LOOK_S", 0.01)
    old, new = await add_running(api.ctx), await add_running(api.ctx)
    active = ["preparing", "running"]
    async with following(api, None, status=active, limit=2, total=True) as events:
        first = (await next_of(events, "jobs")).data
        assert first["ids"] == [new.job_id, old.job_id]
        assert [item["id"] for item in first["items"]] == first["ids"]
        assert first["next_cursor"] is None
        await beat(api, old, epoch=0, metrics={"loss": 1.0})
        changed = (await next_of(events, "jobs")).data
        assert changed["ids"] == first["ids"]
        assert [(item["id"], item["epoch"]) for item in changed["items"]] == [(old.job_id, 0)]
        newest = await add_running(api.ctx)
        await api.ctx.bus.publish(newest.job_id)
        came = (await next_of(events, "jobs")).data
        assert came["ids"] == [newest.job_id, new.job_id]
        assert [item["id"] for item in came["items"]] == [newest.job_id]
        assert (first["total"], came["total"], bool(came["next_cursor"])) == (2, 3, True)
        await finish(api, newest)
        assert (await next_of(events, "jobs")).data["ids"] == first["ids"]
    reply = await api.http.get("/api/v1/jobs/events", params={"cursor": "x"})
    assert (reply.status_code, reply.json()["title"]) == (422, "Bad cursor")


async def test_stream_resumes_where_it_was_cut(api: Api) -> None:
    running = await add_running(api.ctx)
    await log(api, running, 0, b"one\n")
    await beat(api, running, epoch=0, metrics={"loss": 2.0})
    async with following(api, running) as events:
        last = await next_of(events, "log")
    assert last.id.startswith("4:")
    await log(api, running, 4, b"two\n")
    await beat(api, running, epoch=1, metrics={"loss": 1.0})
    await finish(api, running)
    async with following(api, running, last_event_id=last.id) as events:
        rest = [event async for event in events]
    assert [event.data["epoch"] for event in rest if event.name == "metrics"] == [1]
    assert [event.data["text"] for event in rest if event.name == "log"] == ["two\n"]
    # An older version's cursor told the epoch: all metrics are told, rather than too few.
    async with following(api, running, last_event_id="4:0") as events:
        rest = [event async for event in events]
    assert [event.data["epoch"] for event in rest if event.name == "metrics"] == [0, 1]
    assert [event.data["text"] for event in rest if event.name == "log"] == ["two\n"]
    async with following(api, running, log_offset=6) as events:
        assert (await next_of(events, "log")).data["text"] == "o\n"
    for wrong in ("x", "1", "1:x", "-1:2"):
        reply = await api.http.get(f"{running.path}/events", headers={"Last-Event-ID": wrong})
        assert (reply.status_code, reply.json()["title"]) == (422, "Bad Last-Event-ID")


async def test_characters_are_never_cut(api: Api) -> None:
    running = await add_running(api.ctx)
    text = "zürich \U0001f680 日本\n"
    data = text.encode()
    async with following(api, running) as events:
        await next_of(events, "state")
        for index in range(len(data)):
            await log(api, running, index, data[index : index + 1])
        await log(api, running, len(data), b"\xff\xfe ends \xe6")
        await finish(api, running)
        rest = [event async for event in events]
    logs = [event.data for event in rest if event.name == "log"]
    states = [event.data["status"] for event in rest if event.name == "state"]
    assert states == ["succeeded"], "a part of the log alone is no new state"
    assert "".join(part["text"] for part in logs) == text + "\ufffd\ufffd ends \ufffd"
    offsets = [part["offset"] for part in logs]
    assert offsets[1:] == [part["next_offset"] for part in logs[:-1]]
    assert (offsets[0], logs[-1]["next_offset"]) == (0, len(data) + 9)


async def test_long_log_comes_in_parts(api: Api) -> None:
    running = await add_running(api.ctx)
    data = b"".join(b"line %d\n" % number for number in range(60_000))
    await log(api, running, 0, data)
    await finish(api, running)
    async with following(api, running) as events:
        parts = [event.data["text"] async for event in events if event.name == "log"]
    assert len(parts) > 1
    assert "".join(parts).encode() == data


async def test_repeated_epoch_of_a_later_attempt_is_told_again(api: Api) -> None:
    running = await add_running(api.ctx)
    async with following(api, running) as events:
        for loss in (3.0, 2.0):
            await beat(api, running, epoch=5, metrics={"loss": loss})
            assert (await next_of(events, "metrics")).data["values"] == {"loss": loss}
        await beat(api, running, epoch=2, metrics={"loss": 1.0})
        assert (await next_of(events, "metrics")).data["epoch"] == 2


async def test_a_client_that_was_away_during_a_retry_is_told_of_repeated_epochs(api: Api) -> None:
    running = await add_running(api.ctx)
    for epoch in range(4):
        await beat(api, running, epoch=epoch, metrics={"loss": 3.0})
    async with following(api, running) as events:
        while (last := await next_of(events, "metrics")).data["epoch"] < 3:
            pass
    for epoch in (2, 3):
        await beat(api, running, epoch=epoch, metrics={"loss": 2.0})
    await finish(api, running)
    async with following(api, running, last_event_id=last.id) as events:
        told = [event async for event in events if event.name == "metrics"]
    assert [(event.data["epoch"], event.data["values"]) for event in told] == [
        (2, {"loss": 2.0}),
        (3, {"loss": 2.0}),
    ]
    # Wherever it is cut, the rest is told.
    async with following(api, running) as events:
        whole = [event async for event in events if event.name == "metrics"]
    assert [event.data["epoch"] for event in whole] == [0, 1, 2, 3]
    async with following(api, running, last_event_id=whole[1].id) as events:
        assert [event async for event in events if event.name == "metrics"] == whole[2:]


@pytest.mark.databases("postgresql")
async def test_metrics_of_a_replica_whose_clock_is_behind_are_seen(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = await add_running(api.ctx)
    async with following(api, running) as events:
        await beat(api, running, epoch=0, metrics={"loss": 2.0})
        await next_of(events, "metrics")
        shift_clock(monkeypatch, -60)
        async with api_support.serving(api.ctx.settings) as other:
            assert (await other.http.get(running.path)).status_code == 200  # it is connected
            await beat(other, running, epoch=1, metrics={"loss": 1.0})
        await finish(api, running)
        assert (await next_of(events, "metrics")).data["epoch"] == 1


async def test_client_that_leaves_frees_everything(api: Api) -> None:
    running = await add_running(api.ctx)
    async with following(api, running) as events:
        await next_of(events, "state")
        assert running.job_id in api.ctx.bus._subscriptions
    deadline = time.monotonic() + 60
    while running.job_id in api.ctx.bus._subscriptions:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


async def test_deleted_job_ends_its_streams(api: Api) -> None:
    running = await add_running(api.ctx)
    async with following(api, running) as events:
        await next_of(events, "state")
        async with api.ctx.db.transaction() as session:
            job = await session.get_one(Job, running.job_id)
            await session.delete(job)
        await api.ctx.bus.publish(running.job_id)
        await next_of(events, "end")
    assert (await api.http.get(f"{running.path}/events")).status_code == 404


async def test_open_streams_do_not_hold_up_the_shutdown(api: Api) -> None:
    running = await add_running(api.ctx)
    async with following(api, running) as events:
        await next_of(events, "state")
        api.ctx.bus.close()
        async with asyncio.timeout(30):
            assert [event.name async for event in events] == []


async def test_a_viewer_of_a_busy_job_looks_only_so_often(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0
    read = log_repository.read

    async def counted(*arguments: Any) -> log_repository.LogSlice:
        nonlocal looks
        looks += 1
        return await read(*arguments)

    monkeypatch.setattr(event_stream, "LOOK_S", 0.5)
    running, parts, text = await add_running(api.ctx), 20, ""
    async with following(api, running) as events:
        await next_of(events, "state")
        monkeypatch.setattr(log_repository, "read", counted)
        began = time.monotonic()
        for part in range(parts):
            await log(api, running, 2 * part, b"x\n")
        while len(text) < 2 * parts:
            text += (await next_of(events, "log")).data["text"]
        assert looks <= 2 + (time.monotonic() - began) / event_stream.LOOK_S


@pytest.mark.parametrize("usual_lag_s", [0, 0.05])
async def test_views_look_less_often_where_the_loop_is_late_for_long_and_not_at_a_peak(
    api: Api, usual_lag_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []

    class Asyncio:
        """Whose sleeps are short, and known."""

        def __getattr__(self, name: str) -> Any:
            return getattr(asyncio, name)

        async def sleep(self, seconds: float) -> None:
            slept.append(seconds)
            await asyncio.sleep(0.01)

    monkeypatch.setattr(event_stream, "asyncio", Asyncio())
    api.ctx.lag.seconds, api.ctx.lag.usual = 1.0, usual_lag_s
    running = await add_running(api.ctx)
    async with following(api, running) as events:
        await next_of(events, "state")
        for part in range(3):
            await log(api, running, 2 * part, b"x\n")
            await next_of(events, "log")
    assert slept
    assert (max(slept) > event_stream.LOOK_S) == (usual_lag_s > 0)


async def test_a_list_that_takes_long_to_find_is_looked_for_less_often(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks, page = 0, repository.page

    async def slow(*arguments: Any) -> Any:
        nonlocal looks
        looks += 1
        await asyncio.sleep(0.1)
        return await page(*arguments)

    monkeypatch.setattr(wake_ups, "SAFETY_POLL_S", 0.01)
    monkeypatch.setattr(event_stream, "LIST_LOOK_S", 0.05)
    running = await add_running(api.ctx)
    async with following(api, None, q="nothing is called so") as events:
        await next_of(events, "jobs")
        monkeypatch.setattr(repository, "page", slow)
        # Long enough for sixty looks at the usual pace: at most five are made, ten times as long apart
        # as each takes, for at first it is not known to be slow.
        await asyncio.sleep(3)
        assert 1 <= looks <= 5
        await api.http.patch(running.path, json={"name": "Nothing is called so"})
        assert (await next_of(events, "jobs")).data["ids"] == [running.job_id]


async def test_a_silent_stream_is_kept_alive(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_response, "PING_S", 0)
    monkeypatch.setattr(wake_ups, "SAFETY_POLL_S", 0.01)
    path = f"{(await add_running(api.ctx)).path}/events"
    async with api.http.stream("GET", path) as reply, asyncio.timeout(60):
        async for line in reply.aiter_lines():
            if line == ": ping":
                break


async def test_viewers_of_one_job_share_a_reading_and_lose_nothing(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = 0
    read = log_repository.read

    async def counted(*arguments: Any) -> log_repository.LogSlice:
        nonlocal reads
        reads += 1
        return await read(*arguments)

    monkeypatch.setattr(wake_ups, "SAFETY_POLL_S", 600)  # so that only wake-ups tell of news
    monkeypatch.setattr(log_repository, "read", counted)
    running = await add_running(api.ctx)
    viewers, parts = 20, 15
    texts = [""] * viewers
    present = asyncio.Barrier(viewers + 1)

    async def watch(number: int) -> None:
        async with following(api, running) as events:
            await next_of(events, "state")
            await present.wait()
            async for event in events:
                if event.name == "log":
                    texts[number] += event.data["text"]
                if event.name == "end":
                    return

    async with asyncio.TaskGroup() as group:
        for number in range(viewers):
            group.create_task(watch(number))
        await present.wait()
        reads = 0
        for part in range(parts):
            await log(api, running, 2 * part, b"x\n")
        await finish(api, running)
    assert texts == ["x\n" * parts] * viewers
    # Each by itself would have read as often as there are news, or at least twice.
    assert reads < 2 * viewers
