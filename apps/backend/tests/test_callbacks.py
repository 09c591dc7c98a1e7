"""What trainers send, over real HTTP, on both databases."""

import asyncio
import math
import time
from datetime import timedelta
from typing import Any

import httpx
import pytest
from api_support import Api, Running, add_running, get_attempt, get_job, set_attempt, set_job
from backend import __main__
from backend.callbacks import heartbeats
from backend.infra import loop_lag
from backend.infra.database import utcnow
from backend.state.jobs import Attempt
from backend.state.statuses import JobStatus
from prometheus_client import REGISTRY
from sqlalchemy import select


async def beat(api: Api, running: Running, **body: Any) -> httpx.Response:
    return await api.http.post(f"{running.path}/heartbeat", json=body, headers=running.headers)


async def log(api: Api, running: Running, offset: int, data: bytes) -> httpx.Response:
    return await api.http.post(
        f"{running.path}/logs", params={"offset": offset}, content=data, headers=running.headers
    )


async def metrics(api: Api, running: Running) -> list[Any]:
    reply = await api.http.get(f"{running.path}/metrics")
    items: list[Any] = reply.json()["items"]
    return items


async def test_minimal_heartbeat_is_all_a_trainer_needs(api: Api) -> None:
    running = await add_running(api.ctx)
    reply = await beat(api, running, epoch=0, metrics={"loss": 0.7})
    assert (reply.status_code, reply.json()["command"]) == (200, "continue")
    assert reply.json()["interval_s"] >= 2  # more on a loaded machine
    job = (await api.http.get(running.path)).json()
    assert (job["status"], job["epoch"], job["metrics"]) == ("running", 0, {"loss": 0.7})
    assert job["first_step_at"] is not None
    [row] = await metrics(api, running)
    assert (row["epoch"], row["attempt"], row["values"]) == (0, 1, {"loss": 0.7})


async def test_job_runs_from_its_first_training_heartbeat(api: Api) -> None:
    running = await add_running(api.ctx)
    await beat(api, running, seq=1, phase="preparing", progress=0)
    assert (await get_job(api.ctx, running.job_id)).status == JobStatus.PREPARING
    await beat(api, running, seq=2, phase="training", step=0)
    job = await get_job(api.ctx, running.job_id)
    assert (job.status, job.first_step_at) == (JobStatus.RUNNING, None)
    await beat(api, running, seq=3, step=1)
    first = (await get_job(api.ctx, running.job_id)).first_step_at
    await beat(api, running, seq=4, step=2)
    assert first is not None
    assert (await get_job(api.ctx, running.job_id)).first_step_at == first


async def test_last_metrics_of_an_epoch_win_and_empty_ones_change_nothing(api: Api) -> None:
    running = await add_running(api.ctx)
    await beat(api, running, epoch=0, metrics={"loss": 2})
    await beat(api, running, epoch=0, metrics={"loss": 1.5, "mAP50": 0.1})
    await beat(api, running, epoch=0, metrics={})
    await beat(api, running, epoch=1, metrics={"loss": 1})
    values = {row["epoch"]: row["values"] for row in await metrics(api, running)}
    assert values == {0: {"loss": 1.5, "mAP50": 0.1}, 1: {"loss": 1}}


async def test_what_json_cannot_hold_is_kept_as_null(api: Api) -> None:
    running = await add_running(api.ctx)
    body = b'{"epoch": 0, "metrics": {"a": NaN, "b": Infinity, "c": 1e999, "d": 1}, "speed": NaN}'
    reply = await api.http.post(f"{running.path}/heartbeat", content=body, headers=running.headers)
    assert reply.status_code == 200
    [row] = await metrics(api, running)
    assert row["values"] == {"a": None, "b": None, "c": None, "d": 1}
    assert (await api.http.get(running.path)).json()["speed"] is None


async def test_what_is_progress(api: Api) -> None:
    running = await add_running(api.ctx)
    await beat(api, running, seq=1, phase="training", step=5, progress=0.5)
    long_ago = utcnow() - timedelta(hours=1)
    await set_attempt(api.ctx, running.job_id, progress_at=long_ago, heartbeat_at=long_ago)
    same: dict[str, Any] = {"phase": "training", "step": 5, "progress": 0.5, "transferred": 0}
    await beat(api, running, seq=2, **same, system={"cpu_percent": 3})
    attempt = await get_attempt(api.ctx, running.job_id)
    assert attempt.progress_at == long_ago
    assert attempt.heartbeat_at is not None
    assert attempt.heartbeat_at > long_ago
    assert attempt.system == {"cpu_percent": 3}
    further: list[dict[str, Any]] = [{"step": 6}, {"phase": "validating"}, {"transferred": 9}]
    for seq, fields in enumerate(further, 3):
        await set_attempt(api.ctx, running.job_id, progress_at=long_ago)
        await beat(api, running, seq=seq, **fields)
        attempt = await get_attempt(api.ctx, running.job_id)
        assert attempt.progress_at is not None
        assert attempt.progress_at > long_ago, fields
    assert (attempt.progress, attempt.step) == (0.5, 6)


async def test_metrics_beyond_the_limit_are_left_out_and_the_log_says_so_once(api: Api) -> None:
    running = await add_running(api.ctx)
    reply = await log(api, running, 0, b"one\n")
    assert reply.status_code == 200
    for epoch in range(2):
        values = {f"AP/{number}": 0.5 for number in range(1200 + epoch)}
        reply = await beat(api, running, epoch=epoch, metrics=values, system=values)
        assert reply.status_code == 200
    rows = await metrics(api, running)
    assert [list(row["values"]) for row in rows] == [[f"AP/{number}" for number in range(200)]] * 2
    # The trainer's own offsets are as they were.
    reply = await log(api, running, 4, b"two\n")
    assert reply.json()["next_offset"] == 8
    whole = (await api.http.get(f"{running.path}/logs")).text
    assert whole == (
        "one\n\n[trainyard] Of more than 200 metrics in a heartbeat the first 200 are kept. "
        "This one had 1200.\n"
        "\n[trainyard] Of more than 200 `system` values in a heartbeat the first 200 are kept. "
        "This one had 1200.\ntwo\n"
    )


async def test_new_bytes_of_the_log_are_progress(api: Api) -> None:
    running = await add_running(api.ctx)
    long_ago = utcnow() - timedelta(hours=1)
    for offset, data, is_progress in ((0, b"one", True), (0, b"one", False), (3, b"two", True)):
        await set_attempt(api.ctx, running.job_id, progress_at=long_ago)
        await log(api, running, offset, data)
        attempt = await get_attempt(api.ctx, running.job_id)
        assert (attempt.progress_at != long_ago) == is_progress, data


async def test_output_waits_for_no_heartbeat_of_another_job(api: Api) -> None:
    running = await add_running(api.ctx)
    if api.ctx.db.engine.dialect.name == "sqlite":
        pytest.skip("one writer at a time")
    async with api.ctx.db.transaction() as session:
        locked = select(Attempt).where(Attempt.job_id == running.job_id).with_for_update()
        await session.execute(locked)
        async with asyncio.timeout(30):
            assert (await log(api, running, 0, b"one")).json()["next_offset"] == 3


async def test_repeated_seq_is_acknowledged_and_changes_nothing(api: Api) -> None:
    running = await add_running(api.ctx)
    await beat(api, running, seq=7, step=3)
    for seq in (7, 6):
        reply = await beat(api, running, seq=seq, step=99)
        assert (reply.status_code, reply.json()["command"]) == (200, "continue")
    assert (await get_attempt(api.ctx, running.job_id)).step == 3


async def test_stop_is_the_command_once_it_was_asked_for(api: Api) -> None:
    running = await add_running(api.ctx)
    await beat(api, running, seq=1)
    await set_attempt(api.ctx, running.job_id, stop_requested_at=utcnow(), stop_cause="cancelled")
    for seq in (2, 2):
        assert (await beat(api, running, seq=seq)).json()["command"] == "stop"
    reply = await api.http.post(
        f"{running.path}/logs", params={"offset": 0}, content=b"x", headers=running.headers
    )
    told = reply.json()
    assert told.pop("interval_s") >= 0  # more on a loaded machine
    assert told == {"command": "stop", "next_offset": 1}


async def test_finish_is_the_command_until_a_stop_is_asked_for(api: Api) -> None:
    running = await add_running(api.ctx)
    assert (await beat(api, running, seq=1)).json()["command"] == "continue"
    for _ in range(2):
        assert (await api.http.post(f"{running.path}/finish-early")).status_code == 202
    for seq in (2, 2):
        assert (await beat(api, running, seq=seq)).json()["command"] == "finish"
    assert (await log(api, running, 0, b"x")).json()["command"] == "continue"
    await set_attempt(api.ctx, running.job_id, stop_requested_at=utcnow(), stop_cause="cancelled")
    assert (await beat(api, running, seq=3)).json()["command"] == "stop"
    refused = await api.http.post(f"{running.path}/finish-early")
    assert refused.status_code == 409
    assert "only a training can be ended after its epoch" in refused.json()["detail"]
    assert "`cancel`" in refused.json()["detail"]
    assert (await get_attempt(api.ctx, running.job_id)).stop_cause == "cancelled"
    await set_job(api.ctx, running.job_id, status=JobStatus.CANCELLED)
    refused = await api.http.post(f"{running.path}/finish-early")
    assert (refused.status_code, "`cancel`" in refused.json()["detail"]) == (409, False)


async def test_metrics_without_an_epoch_are_the_job_s_and_no_epoch_s(api: Api) -> None:
    running = await add_running(api.ctx)
    await beat(api, running, seq=1, epoch=0, metrics={"mAP50": 0.5})
    await beat(api, running, seq=2, metrics={"mAP50": 0.7, "best/epoch": 0})
    assert (await get_job(api.ctx, running.job_id)).metrics == {"mAP50": 0.7, "best/epoch": 0}
    assert [row["values"] for row in await metrics(api, running)] == [{"mAP50": 0.5}]


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("kind", ["heartbeat", "logs?offset=0", "finish"])
async def test_tokens(api: Api, kind: str) -> None:
    running, other = await add_running(api.ctx), await add_running(api.ctx)
    body = {"cause": "completed"} if kind == "finish" else {"epoch": 5, "metrics": {"loss": 1}}
    path = f"{running.path}/{kind}"

    async def status(path: str, token: str | None) -> int:
        headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
        reply = await api.http.post(path, json=body, headers=headers)
        problem = reply.json()
        assert reply.headers["content-type"] == "application/problem+json"
        assert problem["status"] == reply.status_code
        assert problem["detail"].endswith((".", "`."))
        return reply.status_code

    assert await status(path, None) == 401
    assert await status(path, "wrong") == 401
    assert await status(path, other.token) == 401
    assert await status(f"/api/v1/jobs/{'0' * 12}/{kind}", running.token) == 401
    await set_attempt(api.ctx, running.job_id, ended_at=utcnow())
    assert await status(path, running.token) == 409
    await set_attempt(api.ctx, other.job_id, epoch=None)
    await set_job(api.ctx, other.job_id, attempt=2)
    assert await status(f"{other.path}/{kind}", other.token) == 409
    for one in (running, other):
        job, attempt = await get_job(api.ctx, one.job_id), await get_attempt(api.ctx, one.job_id)
        assert (job.epoch, job.metrics, job.log_size) == (None, {}, 0)
        assert (attempt.epoch, attempt.heartbeat_at, attempt.reported_cause) == (None, None, None)


BAD_HEARTBEATS: list[tuple[bytes, str, str]] = [
    (b"{", "body", "This is not JSON"),
    (b"[]", "body", "JSON object"),
    (b'{"epoch": -1}', "epoch", "greater than or equal to 0"),
    (b'{"epoch": 1.5}', "epoch", "integer"),
    (b'{"epoch": "1"}', "epoch", "integer"),
    (b'{"epoch": true}', "epoch", "integer"),
    (b'{"metrics": {"loss": "low"}}', "metrics.loss", "number"),
    (b'{"metrics": {"a\\u0000b": 1}}', "metrics", "printable"),
    (b'{"metrics": {"": 1}}', "metrics", "at least 1 character"),
    (b'{"metrics": {"%s": 1}}' % (b"m" * 101), "metrics", "at most 100 characters"),
    (b'{"phase": "sleeping"}', "phase", "'preparing', 'training', 'validating' or 'uploading'"),
    (b'{"progress": 1.1}', "progress", "less than or equal to 1"),
    (b'{"progress": NaN}', "progress", ""),
    (b'{"seq": 9007199254740993}', "seq", "less than or equal to"),
    (b'{"step": -1}', "step", "greater than or equal to 0"),
]


@pytest.mark.databases("sqlite")
async def test_bad_heartbeat_names_its_field(api: Api) -> None:
    running = await add_running(api.ctx)
    for body, field, words in BAD_HEARTBEATS:
        reply = await api.http.post(
            f"{running.path}/heartbeat", content=body, headers=running.headers
        )
        problem = reply.json()
        assert reply.status_code == 422, (body, problem)
        assert problem["errors"][0]["field"].startswith(field), body
        assert words in problem["errors"][0]["message"], body
        assert field in problem["detail"], body
    assert (await get_attempt(api.ctx, running.job_id)).heartbeat_at is None


@pytest.mark.databases("sqlite")
async def test_what_a_newer_trainer_sends_is_ignored_and_counted(api: Api) -> None:
    running = await add_running(api.ctx)
    for kind, body in (("heartbeat", {"epoch": 3}), ("finish", {"cause": "completed"})):
        before = REGISTRY.get_sample_value("trainyard_unknown_fields_total", {"kind": kind}) or 0
        reply = await api.http.post(
            f"{running.path}/{kind}", json={**body, "ranks": [1, 2]}, headers=running.headers
        )
        assert reply.status_code in {200, 204}, reply.text
        counted = REGISTRY.get_sample_value("trainyard_unknown_fields_total", {"kind": kind})
        assert counted == before + 1
    attempt = await get_attempt(api.ctx, running.job_id)
    assert (attempt.epoch, attempt.reported_cause) == (3, "completed")


async def test_many_heartbeats_at_once_are_all_written(api: Api) -> None:
    jobs = [await add_running(api.ctx) for _ in range(10)]
    limits = httpx.Limits(max_connections=50)
    async with httpx.AsyncClient(base_url=api.url, limits=limits, timeout=30) as http:

        async def send(running: Running, seq: int) -> int:
            body = {"seq": seq, "epoch": seq, "metrics": {"m": seq}}
            reply = await http.post(f"{running.path}/heartbeat", json=body, headers=running.headers)
            return reply.status_code

        async def send_all(running: Running) -> list[int]:
            return [await send(running, seq) for seq in range(5)]

        statuses = await asyncio.gather(*(send_all(one) for one in jobs))
        # The same job's at once, from a trainer that repeats itself: the highest one stays.
        repeated = await asyncio.gather(*(send(jobs[0], seq) for seq in range(20)))
    assert statuses == [[200] * 5] * 10
    assert repeated == [200] * 20
    for one in jobs[1:]:
        assert [row["epoch"] for row in await metrics(api, one)] == list(range(5))
    assert (await get_attempt(api.ctx, jobs[0].job_id)).seq == 19


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(("kind", "kib"), [("heartbeat", 64), ("logs?offset=0", 1024)])
@pytest.mark.parametrize("announced", [True, False])
async def test_bodies_are_limited(api: Api, kind: str, kib: int, announced: bool) -> None:
    running = await add_running(api.ctx)

    async def chunks() -> Any:
        for _ in range(kib):
            yield b" " * 1024
        yield b" "

    content: Any = b" " * (kib * 1024 + 1) if announced else chunks()
    reply = await api.http.post(f"{running.path}/{kind}", content=content, headers=running.headers)
    assert (reply.status_code, reply.json()["status"]) == (413, 413)
    assert f"{kib} KiB" in reply.json()["detail"]
    assert (await get_job(api.ctx, running.job_id)).log_size == 0


@pytest.mark.databases("sqlite")
async def test_heartbeat_metrics_are_counted(api: Api) -> None:
    running = await add_running(api.ctx)
    await beat(api, running, seq=1, step=1)
    text = (await api.http.get("/metrics")).text
    assert 'trainyard_callbacks_total{kind="heartbeat",status="200"}' in text
    assert 'trainyard_jobs{status="running"} 1.0' in text
    age = next(line for line in text.splitlines() if line.startswith("trainyard_heartbeat_age"))
    assert not math.isnan(float(age.split()[1]))


@pytest.mark.databases("sqlite")
async def test_the_more_trainers_send_the_less_often_each_is_asked_to(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeats, "WANTED_PER_S", 1)
    monkeypatch.setattr(heartbeats, "LATE_S", 600)
    intervals = []
    for _ in range(6):
        reply = await beat(api, await add_running(api.ctx), seq=1)
        intervals.append(reply.json()["interval_s"])
    assert intervals == [2, 2, 2, 3, 4, 5]
    # Two of them fit into HEARTBEAT_TIMEOUT_S, whatever the load.
    monkeypatch.setattr(heartbeats, "WANTED_PER_S", 0.1)
    reply = await beat(api, await add_running(api.ctx), seq=1)
    assert reply.json()["interval_s"] == api.ctx.settings.heartbeat_timeout_s / 2


@pytest.mark.databases("sqlite")
async def test_a_late_replica_asks_for_fewer_heartbeats_and_logs_until_it_has_caught_up(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeats, "WANTED_PER_S", 0.5)
    monkeypatch.setattr(loop_lag, "TICK_S", 0.01)
    running = await add_running(api.ctx)

    async def interval(seq: int) -> float:
        return float((await beat(api, running, seq=seq)).json()["interval_s"])

    async def gathered() -> float:
        return float((await log(api, running, 0, b"x")).json()["interval_s"])

    assert await interval(1) < 3
    monkeypatch.setattr(loop_lag, "FADE", 1)
    measuring = asyncio.create_task(api.ctx.lag.run())
    await asyncio.sleep(0)
    time.sleep(0.5)  # noqa: ASYNC251 - what holds up the loop
    await asyncio.sleep(0.02)
    late = await interval(2)
    assert late > 5
    assert await gathered() == 10
    # All replicas wait for the next one for longer than that, and so does its connection.
    longest = heartbeats.LONGEST_WINDOWS * api.ctx.settings.heartbeat_timeout_s
    assert late <= longest < __main__.KEEP_ALIVE_S
    patience_s = (await get_attempt(api.ctx, running.job_id)).patience_s
    assert patience_s is not None
    assert patience_s >= max(1.4 * late, api.ctx.settings.heartbeat_timeout_s)
    monkeypatch.setattr(loop_lag, "FADE", 0.85)
    async with asyncio.timeout(60):
        while await interval(3) >= 3 or await gathered() > 0:
            pass
    measuring.cancel()
