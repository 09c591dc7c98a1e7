"""Datasets over HTTP, on both databases and a real store: announce, upload, complete, delete."""

import asyncio
import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import api_support
import archives
import data_support
import httpx
import pytest
import servers
from backend.context import Context
from backend.datasets import service
from backend.infra.database import new_id
from backend.infra.object_store import ObjectStore, ObjectStoreError
from backend.infra.problems import Problem
from backend.state import object_keys
from backend.state.datasets import Dataset
from backend.state.jobs import Job
from backend.state.statuses import JobStatus
from data_support import Served, announce, get, push, put_parts
from trainyard_datasets import outcome
from trainyard_datasets.outcome import Outcome

pytestmark = pytest.mark.databases("postgresql")


async def checked(client: httpx.AsyncClient, id_: str) -> str:
    """The status after the check, which somebody else runs."""
    async with asyncio.timeout(60):
        while True:
            status = str((await get(client, id_))["status"])
            if status != "checking":
                return status
            await asyncio.sleep(0.05)


async def index_of(ctx: Context, id_: str) -> list[dict[str, Any]]:
    """The lines of the stored index, whose sha256 is the row's."""
    async with ctx.db.reading() as session:
        row = await session.get_one(Dataset, id_)
    bucket, key = ctx.settings.datasets_bucket, object_keys.dataset_index(id_)
    link = await ctx.store.presign_internal_get(bucket, key, lifetime_s=60)
    async with httpx.AsyncClient() as http:
        stored = (await http.get(link)).raise_for_status().content
    assert hashlib.sha256(stored).hexdigest() == row.index_sha256
    return [json.loads(line) for line in stored.splitlines()]


async def add_job(ctx: Context, dataset_id: str, status: JobStatus) -> str:
    job = Job(
        id=new_id(),
        trainer="plain",
        task="detect",
        dataset_id=dataset_id,
        config={},
        resources={},
        max_attempts=1,
        request_sha256="",
        status=status,
    )
    async with ctx.db.transaction() as session:
        session.add(job)
    return job.id


@pytest.mark.parametrize("task", ["detect", "segment", "classify", "pose", "obb"])
async def test_a_sound_dataset_becomes_ready(served: Served, task: str) -> None:
    ctx, client = served
    data = archives.zipped(archives.files(task))
    id_ = await push(client, data, task=task)
    assert (await get(client, id_))["status"] == "checking"
    assert (await client.get(f"/api/v1/datasets/{id_}/links")).status_code == 404
    assert cast("data_support.Workflows", ctx.temporal).started == [id_]
    await service.run_check(ctx, id_)
    dataset = await get(client, id_)
    assert dataset["status"] == "ready", dataset
    assert dataset["sha256"] == hashlib.sha256(data).hexdigest()
    report = dataset["report"]
    train, val = (8, 4) if task == "classify" else (4, 2)
    assert report["images"] == {"train": train, "val": val, "test": 0}
    assert report["labels"] == train + val
    assert [entry["name"] for entry in report["classes"]] == ["cat", "dog"]
    assert report["classes"][0]["train"] == 4
    index = await index_of(ctx, id_)
    assert index[0]["task"] == task
    assert index[0]["sha256"] == dataset["sha256"]
    assert [(batch["split"], len(batch["files"])) for batch in index[1:]] == [
        ("train", train),
        ("val", val),
    ]
    links = (await client.get(f"/api/v1/datasets/{id_}/links")).json()
    async with httpx.AsyncClient() as http:
        part = await http.get(links["archive"], headers={"Range": "bytes=2-5"})
        assert (part.status_code, part.content) == (206, data[2:6])
        stored = await http.get(links["index"])
    assert json.loads(stored.text.partition("\n")[0]) == index[0]
    await service.run_check(ctx, id_)  # once more: nothing to do
    assert await get(client, id_) == dataset


async def test_a_dataset_without_an_index_is_pushed_again(served: Served) -> None:
    """An older version of the platform has checked it."""
    ctx, client = served
    data = archives.zipped(archives.files())
    sha256 = hashlib.sha256(data).hexdigest()
    id_ = await push(client, data, sha256=sha256)
    await service.run_check(ctx, id_)
    async with ctx.db.transaction() as session:
        (await session.get_one(Dataset, id_)).index_sha256 = None
    async with ctx.db.reading() as session:
        with pytest.raises(Problem, match="Push it again"):
            await service.get_ready(session, id_)
    assert (await announce(client, data, sha256=sha256))["upload"] is not None


async def test_a_check_that_ends_after_the_deletion_leaves_no_index(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    ctx, client = served
    id_ = await push(client, archives.zipped(archives.files()))
    check = outcome.check_archive

    async def deleted_meanwhile(*given: Any) -> Outcome:
        result = await check(*given)
        assert (await client.delete(f"/api/v1/datasets/{id_}")).status_code == 204
        return result

    monkeypatch.setattr(outcome, "check_archive", deleted_meanwhile)
    await service.run_check(ctx, id_)
    assert await ctx.store.list(ctx.settings.datasets_bucket, id_) == []


async def test_identical_bytes_are_not_uploaded_again(served: Served) -> None:
    ctx, client = served
    data = archives.zipped(archives.files())
    sha256 = hashlib.sha256(data).hexdigest()
    id_ = await push(client, data, sha256=sha256)
    second = await announce(client, data, sha256=sha256)
    assert second["upload"] is not None  # not ready yet
    await service.run_check(ctx, id_)
    reply = await client.post(
        "/api/v1/datasets",
        json={"name": "set", "task": "detect", "size": len(data), "sha256": sha256},
    )
    assert (reply.status_code, reply.json()["id"], reply.json()["upload"]) == (200, id_, None)
    other_task = await announce(client, data, sha256=sha256, task="segment")
    assert other_task["version"] == 3


@pytest.mark.databases("sqlite", "postgresql")
async def test_concurrent_announcements_get_versions_of_their_own(served: Served) -> None:
    _, client = served
    found = await asyncio.gather(*(announce(client, b"x" * 30) for _ in range(12)))
    assert sorted(dataset["version"] for dataset in found) == [*range(1, 13)]


async def test_with_temporal_away_the_upload_is_completed_all_the_same(served: Served) -> None:
    ctx, client = served
    cast("data_support.Workflows", ctx.temporal).down = True
    id_ = await push(client, archives.zipped(archives.files()))
    assert (await get(client, id_))["status"] == "checking"


@pytest.mark.databases("sqlite", "postgresql")
async def test_list_pages_newest_first(served: Served) -> None:
    _, client = served
    ids = [(await announce(client, b"x" * 30, name=f"set{n}"))["id"] for n in range(5)]
    seen: list[str] = []
    cursor: str | None = None
    while True:
        params = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = (await client.get("/api/v1/datasets", params=params)).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == ids[::-1]
    bad = await client.get("/api/v1/datasets", params={"cursor": "bogus!"})
    assert bad.status_code == 422
    assert "Omit it" in bad.json()["detail"]


@pytest.mark.databases("sqlite", "postgresql")
@pytest.mark.parametrize("uploaded", [True, False], ids=["uploaded", "uploading"])
async def test_delete_leaves_nothing_behind(served: Served, uploaded: bool) -> None:
    ctx, client = served
    data = archives.zipped(archives.files())
    bucket = ctx.settings.datasets_bucket
    if uploaded:
        id_ = await push(client, data)
        await service.run_check(ctx, id_)
    else:
        dataset = await announce(client, data)
        await put_parts(dataset["upload"], data)
        id_ = dataset["id"]
    async with ctx.db.reading() as session:
        upload = (await session.get_one(Dataset, id_)).upload_id
    assert (await client.delete(f"/api/v1/datasets/{id_}")).status_code == 204
    assert await ctx.store.list(bucket, id_) == []
    if upload:
        assert await ctx.store.list_parts(bucket, object_keys.dataset(id_), upload) is None
    assert (await client.get(f"/api/v1/datasets/{id_}")).status_code == 404
    assert (await client.delete(f"/api/v1/datasets/{id_}")).status_code == 404
    await service.run_check(ctx, id_)  # a check that comes too late


async def test_delete_waits_for_jobs(served: Served) -> None:
    ctx, client = served
    id_ = await push(client, archives.zipped(archives.files()))
    await add_job(ctx, id_, JobStatus.SUCCEEDED)
    job = await add_job(ctx, id_, JobStatus.RUNNING)
    reply = await client.delete(f"/api/v1/datasets/{id_}")
    assert reply.status_code == 409
    assert job in reply.json()["detail"]
    assert (await get(client, id_))["status"] == "checking"
    async with ctx.db.transaction() as session:
        found = await session.get_one(Job, job)
        found.status = JobStatus.FAILED
    assert (await client.delete(f"/api/v1/datasets/{id_}")).status_code == 204


async def test_with_the_store_away_nothing_is_lost(
    served: Served, store: servers.S3Server, database_url: str
) -> None:
    ctx, client = served
    id_ = await push(client, archives.zipped(archives.files()))
    away = {"minio_endpoint": "http://127.0.0.1:1"}
    unreachable = ObjectStore(data_support.settings(store, database_url=database_url, **away))
    broken = replace(ctx, store=unreachable)
    with pytest.raises(ObjectStoreError, match="MINIO_ENDPOINT"):
        await service.delete(broken, id_)
    async with ctx.db.transaction() as session:
        with pytest.raises(Problem, match="Delete it again"):
            await service.get_ready(session, id_)
    assert (await client.delete(f"/api/v1/datasets/{id_}")).status_code == 204


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"status": "uploading"}, "Dataset set version 1 is not uploaded yet"),
        ({"status": "checking"}, "is still being checked"),
        (
            {"status": "rejected", "report": {"problems": [{"message": "No labels."}]}},
            "was rejected: No labels. Fix it",
        ),
    ],
    ids=["uploading", "checking", "rejected"],
)
async def test_jobs_get_only_ready_datasets(
    served: Served, columns: dict[str, Any], message: str
) -> None:
    ctx, client = served
    id_ = (await announce(client, b"x" * 30))["id"]
    async with ctx.db.transaction() as session:
        row = await session.get_one(Dataset, id_)
        for name, value in columns.items():
            setattr(row, name, value)
    async with ctx.db.transaction() as session:
        with pytest.raises(Problem) as raised:
            await service.get_ready(session, id_)
        assert message in raised.value.detail
        assert raised.value.status == 422
        with pytest.raises(Problem, match="There is no dataset"):
            await service.get_ready(session, "absent")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": "Upper Case"}, "name: Use lower-case letters, digits and . _ -"),
        ({"name": "../x"}, "name: Use lower-case"),
        ({"name": "x" * 64}, "(at most 63)"),
        ({"name": "x\n"}, "name"),
        ({"task": "guess"}, "task"),
        ({"size": 0}, "size"),
        ({"size": "many"}, "size"),
        ({"sha256": "ABC"}, "sha256"),
        ({"color": "red"}, "color"),
    ],
    ids=lambda value: str(value)[:30],
)
async def test_wrong_fields_are_named(served: Served, change: dict[str, Any], field: str) -> None:
    _, client = served
    body = {"name": "set", "task": "detect", "size": 10} | change
    reply = await client.post("/api/v1/datasets", json=body)
    dry = await client.post("/api/v1/datasets", json=body, params={"dry_run": True})
    assert (reply.status_code, dry.json()) == (422, reply.json())
    assert field in reply.text
    assert (await client.get("/api/v1/datasets")).json()["items"] == []


async def test_a_dry_run_asks_whether_an_archive_would_be_taken(served: Served) -> None:
    ctx, client = served
    most = ctx.settings.max_dataset_bytes
    for size, code in ((most, 204), (most + 1, 413)):
        body = {"name": "set", "task": "detect", "size": size}
        reply = await client.post("/api/v1/datasets", json=body, params={"dry_run": True})
        assert reply.status_code == code, reply.text
    assert (await client.get("/api/v1/datasets")).json()["items"] == []


async def test_the_check_starts_when_temporal_is_there(
    database_url: str, store: servers.S3Server, temporal: str, tmp_path: Path
) -> None:
    away = api_support.settings(database_url, tmp_path, store)
    async with api_support.serving(away) as api:
        await api.ctx.store.ensure_buckets()
        early = await push(api.http, archives.zipped(archives.files()))
        assert (await get(api.http, early))["status"] == "checking"
    there = api_support.settings(
        database_url, tmp_path, store, temporal_address=temporal, temporal_task_queue=new_id()
    )
    async with api_support.serving(there) as api:
        bad = await push(api.http, b"no archive at all, but bytes")
        assert await checked(api.http, early) == "ready"
        assert await checked(api.http, bad) == "rejected"
