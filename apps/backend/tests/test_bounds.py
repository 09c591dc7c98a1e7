"""What one client may take: live views, jobs, uploads, metrics; each refusal says what to do."""

import asyncio
import json
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import api_support
import httpx
import psutil
import pytest
import servers
from api_support import add_dataset, add_running
from backend.auth.service import create_token
from backend.datasets import service
from backend.infra import live_response
from backend.infra.database import utcnow
from backend.state import object_keys
from backend.state.datasets import Dataset, DatasetStatus
from backend.state.statuses import JobStatus
from sqlalchemy import text
from test_main import environment_of, serve

MIB = 2**20


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


@pytest.mark.databases("sqlite")
async def test_metrics_of_thousands_of_epochs_are_sent_in_parts(
    database_url: str, tmp_path: Path
) -> None:
    values = json.dumps({f"metric/{number}": number / 7 for number in range(200)})
    async with api_support.serving(api_support.settings(database_url, tmp_path)) as api:
        job = await add_running(api.ctx, JobStatus.SUCCEEDED)
        insert = 'INSERT INTO epoch_metrics (job_id, epoch, attempt, "values", at) VALUES'
        one = {"job": job.job_id, "values": values, "at": "2026-11-30 00:00:00.000000"}
        async with api.ctx.db.transaction() as session:
            rows = [one | {"epoch": number} for number in range(5001)]
            await session.execute(text(f"{insert} (:job, :epoch, 1, :values, :at)"), rows)
    environment = environment_of(database_url, tmp_path) | {"API_AUTH": "off"}
    with serve(environment, tmp_path / "log") as (url, child):
        async with httpx.AsyncClient(base_url=url, timeout=120) as http:
            await http.get(job.path)
            process = psutil.Process(child.pid)
            before = most = process.memory_info().rss
            for path in (f"{job.path}/metrics", f"{job.path}/events"):
                size = 0
                async with http.stream("GET", path) as reply:
                    async for part in reply.aiter_raw():
                        size += len(part)
                        most = max(most, process.memory_info().rss)
                assert size > 20 * MIB
            listed = (await http.get(f"{job.path}/metrics")).json()["items"]
    assert [one["epoch"] for one in listed] == list(range(5001))
    assert listed[-1]["values"]["metric/199"] == 199 / 7
    assert most - before < 100 * MIB


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("auth", ["on", "off"])
async def test_a_client_follows_so_much_at_a_time(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, auth: str
) -> None:
    """Each token on its own; without one nobody tells clients behind a proxy apart."""
    chosen = api_support.settings(database_url, tmp_path, api_auth=auth)
    monkeypatch.setattr(live_response, "MAX_OPEN_EACH", 3 if auth == "on" else 1)
    monkeypatch.setattr(live_response, "MAX_OPEN", 4 if auth == "on" else 3)
    async with api_support.serving(chosen) as api, AsyncExitStack() as followed:
        mine, other = [
            bearer((await create_token(api.ctx.db, name))[1]) for name in ("mine", "other")
        ]
        job = await add_running(api.ctx)

        async def follow(path: str, headers: dict[str, str]) -> int:
            opened = api.http.stream("GET", path, headers=headers)
            return (await followed.enter_async_context(opened)).status_code

        for path in ("/api/v1/jobs/events", f"{job.path}/events", f"{job.path}/events"):
            assert await follow(path, mine) == 200
        refused = await api.http.get(f"{job.path}/events", headers=mine)
        assert refused.status_code == 429
        assert "live views a client" in refused.json()["detail"]
        assert await follow(f"{job.path}/events", other) == (200 if auth == "on" else 429)
        assert (await api.http.get(job.path, headers=mine)).status_code == 200
    async with asyncio.timeout(20):
        while live_response._open:  # noqa: ASYNC110 - nothing tells it
            await asyncio.sleep(0.05)


@pytest.mark.databases("postgresql")
async def test_jobs_that_have_not_ended_are_bounded(database_url: str, tmp_path: Path) -> None:
    """For each token on its own: one that is full holds up nobody else."""
    chosen = api_support.settings(database_url, tmp_path, api_auth="on", max_open_jobs=2)
    async with api_support.serving(chosen) as api:
        tokens = [(await create_token(api.ctx.db, name))[1] for name in ("sweep", "other")]
        body = {"dataset_id": await add_dataset(api.ctx), "trainer": "plain"}
        attached = {"trainer": "plain", "task": "detect"}
        sweep, other = map(bearer, tokens)
        jobs = [await api.http.post("/api/v1/jobs", json=body, headers=sweep) for _ in range(3)]
        assert [one.status_code for one in jobs] == [201, 201, 429]
        assert "2 of your jobs have not ended" in jobs[-1].json()["detail"]
        full = await api.http.post("/api/v1/attached-jobs", json=attached, headers=sweep)
        assert full.status_code == 429
        assert (await api.http.post("/api/v1/jobs", json=body, headers=other)).status_code == 201
        # A retry is one more that has not ended.
        first = jobs[0].json()["id"]
        await api_support.set_job(api.ctx, first, status=JobStatus.FAILED)
        assert (await api.http.post("/api/v1/jobs", json=body, headers=sweep)).status_code == 201
        retried = await api.http.post(f"/api/v1/jobs/{first}/retry", headers=sweep)
        assert (retried.status_code, retried.json()["title"]) == (429, "Too many jobs")


@pytest.mark.databases("sqlite")
async def test_a_config_is_bounded(
    database_url: str, tmp_path: Path, store: servers.S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = {"note": {"type": "string", "default": "", "description": "Any."}}
    schema = {"config_schema": {"type": "object", "properties": note}}
    monkeypatch.setattr(api_support, "MANIFEST", api_support.MANIFEST | schema)
    async with api_support.serving(api_support.settings(database_url, tmp_path, store)) as api:
        body = {"dataset_id": await add_dataset(api.ctx), "trainer": "plain"}
        large = {"note": "a" * (64 * 2**10)}
        refused = await api.http.post("/api/v1/jobs", json=body | {"config": large})
        assert (refused.status_code, "the most is 65536" in refused.text) == (422, True)


@pytest.mark.databases("sqlite")
async def test_uploads_are_bounded_and_swept(
    database_url: str, tmp_path: Path, store: servers.S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MAX_UPLOADS", 2)
    async with api_support.serving(api_support.settings(database_url, tmp_path, store)) as api:
        await api.ctx.store.ensure_buckets()
        body = {"name": "left", "task": "detect", "size": 10}
        replies = [await api.http.post("/api/v1/datasets", json=body) for _ in range(3)]
        assert [one.status_code for one in replies] == [201, 201, 429]
        assert "2 of your uploads are not complete." in replies[-1].json()["detail"]
        old, taken_up = (one.json()["id"] for one in replies[:2])
        bucket = api.ctx.settings.datasets_bucket
        async with api.ctx.db.reading() as session:
            uploads = {
                id_: (await session.get_one(Dataset, id_)).upload_id or ""
                for id_ in (old, taken_up)
            }
        # One that no row tells of, as a crash or a killed trainer leaves it.
        orphan = await api.ctx.store.create_upload(bucket, "orphan")
        announced = utcnow()
        monkeypatch.setattr(service, "utcnow", lambda: announced + timedelta(hours=47))
        resume = f"/api/v1/datasets/{taken_up}/upload"
        assert (await api.http.post(resume)).status_code == 200
        monkeypatch.setattr(service, "utcnow", lambda: announced + timedelta(hours=49))
        await service.sweep_uploads(api.ctx)
        # The store lists by key: the orphan is the last.
        for key, left in ((f"{old}.zip", uploads[old]), ("orphan", orphan)):
            assert await api.ctx.store.list_parts(bucket, key, left) is None
        found = (await api.http.get(f"/api/v1/datasets/{old}")).json()
        assert found["status"] == "rejected"
        assert "not uploaded within two days" in found["report"]["problems"][0]["message"]
        key = object_keys.dataset(taken_up)
        assert await api.ctx.store.list_parts(bucket, key, uploads[taken_up]) is not None
        assert (await api.http.post(resume)).status_code == 200
        async with api.ctx.db.transaction() as session:
            (await session.get_one(Dataset, taken_up)).status = DatasetStatus.REJECTED
        refused = await api.http.post(resume)
        assert (refused.status_code, "is rejected" in refused.json()["detail"]) == (409, True)
        assert (await api.http.post("/api/v1/datasets", json=body)).status_code == 201
