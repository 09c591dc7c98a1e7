"""Uploads in parts: announced, arrived, completed, repeated, expired."""

import asyncio
import random
from typing import Any

import archives
import httpx
import pytest
from backend.datasets import service
from backend.state import object_keys
from backend.state.datasets import Dataset
from data_support import Served, announce, complete, get, put_parts
from trainyard_datasets.parts import UploadedPart, chosen

pytestmark = pytest.mark.databases("postgresql")


async def test_large_archives_get_at_most_a_thousand_equal_parts(served: Served) -> None:
    _, client = served
    reply = await client.post(
        "/api/v1/datasets", json={"name": "huge", "task": "detect", "size": 64 * 2**30}
    )
    upload = reply.json()["upload"]
    assert 900 < len(upload["parts"]) <= 1000
    assert upload["part_size"] * (len(upload["parts"]) - 1) < 64 * 2**30
    assert upload["part_size"] * len(upload["parts"]) >= 64 * 2**30
    too_large = await client.post(
        "/api/v1/datasets", json={"name": "huge", "task": "detect", "size": 64 * 2**30 + 1}
    )
    assert too_large.status_code == 413
    assert "MAX_DATASET_BYTES" in too_large.json()["detail"]


async def test_several_parts_and_a_repeated_complete(served: Served) -> None:
    ctx, client = served
    data = archives.zipped(archives.files() | {"notes.bin": random.Random(0).randbytes(9 * 2**20)})
    dataset = await announce(client, data)
    parts = await put_parts(dataset["upload"], data)
    assert len(parts) == 2
    replies = await asyncio.gather(*(complete(client, dataset["id"], parts) for _ in range(3)))
    assert {(reply.status_code, reply.json()["status"]) for reply in replies} == {(202, "checking")}
    await service.run_check(ctx, dataset["id"])
    again = await complete(client, dataset["id"], parts)
    assert (again.status_code, again.json()["status"]) == (202, "ready")


async def test_an_interrupted_upload_goes_on_with_what_is_missing(served: Served) -> None:
    ctx, client = served
    data = archives.zipped(archives.files() | {"notes.bin": random.Random(0).randbytes(9 * 2**20)})
    dataset = await announce(client, data)
    whole, path = dataset["upload"], f"/api/v1/datasets/{dataset['id']}/upload"
    [first] = await put_parts({**whole, "parts": whole["parts"][:1]}, data)
    rest = (await client.post(path)).json()
    assert [(one["number"], one["etag"]) for one in rest["arrived"]] == [
        (1, first["etag"].strip('"'))
    ]
    assert [one["number"] for one in rest["parts"]] == [2]
    assert rest["part_size"] == whole["part_size"]
    parts = rest["arrived"] + await put_parts(rest, data)
    assert (await complete(client, dataset["id"], parts)).json()["status"] == "checking"
    await service.run_check(ctx, dataset["id"])
    closed = await client.post(path)
    assert (closed.status_code, closed.json()["title"]) == (409, "Upload not open")
    assert (await client.post("/api/v1/datasets/000000000000/upload")).status_code == 404


async def test_a_complete_that_died_halfway_is_taken_up(served: Served) -> None:
    ctx, client = served
    data = archives.zipped(archives.files())
    dataset = await announce(client, data)
    parts = await put_parts(dataset["upload"], data)
    bucket, key = ctx.settings.datasets_bucket, object_keys.dataset(dataset["id"])
    async with ctx.db.reading() as session:
        row = await session.get_one(Dataset, dataset["id"])
    arrived = await ctx.store.list_parts(bucket, key, row.upload_id or "")
    await ctx.store.complete_upload(bucket, key, row.upload_id or "", arrived or [])
    reply = await complete(client, dataset["id"], parts)
    assert reply.json()["status"] == "checking"


async def test_an_upload_that_the_store_dropped(served: Served) -> None:
    ctx, client = served
    data = archives.zipped(archives.files())
    dataset = await announce(client, data)
    parts = await put_parts(dataset["upload"], data)
    async with ctx.db.reading() as session:
        upload = (await session.get_one(Dataset, dataset["id"])).upload_id or ""
    key = object_keys.dataset(dataset["id"])
    await ctx.store.abort_upload(ctx.settings.datasets_bucket, key, upload)
    reply = await complete(client, dataset["id"], parts)
    assert reply.status_code == 422
    assert "has expired in the store. Push the dataset again" in reply.json()["detail"]
    assert (await client.delete(f"/api/v1/datasets/{dataset['id']}")).status_code == 204


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([], "You do not name part 1 of 1"),
        ([{"number": 1, "etag": "0" * 32}], "Upload it again and use the ETag that the store"),
        ([{"number": 2, "etag": "x"}], "This upload has the parts 1 to 1, each once; you name 2"),
        ([{"number": 1, "etag": "x"}] * 2, "you name 1, 1"),
    ],
    ids=["none", "wrong etag", "unknown part", "a part twice"],
)
async def test_wrong_parts_leave_the_upload_open(
    served: Served, parts: list[dict[str, Any]], message: str
) -> None:
    _, client = served
    data = archives.zipped(archives.files())
    dataset = await announce(client, data)
    missing = await complete(client, dataset["id"], [{"number": 1, "etag": "x"}])
    assert missing.status_code == 422
    assert "Part 1 of 1 has not arrived" in missing.json()["detail"]
    right = await put_parts(dataset["upload"], data)
    reply = await complete(client, dataset["id"], parts)
    assert reply.status_code == 422
    assert message in reply.json()["detail"]
    assert reply.json()["errors"][0]["field"] == "parts"
    assert (await get(client, dataset["id"]))["status"] == "uploading"
    assert (await complete(client, dataset["id"], right)).status_code == 202


async def test_another_size_than_announced_is_refused_by_the_store(served: Served) -> None:
    _, client = served
    data = archives.zipped(archives.files())
    dataset = await announce(client, data)
    [link] = dataset["upload"]["parts"]
    async with httpx.AsyncClient() as browser:
        for other in (data[:-10], data + bytes(10), data * 100):
            assert (await browser.put(link["url"], content=other)).status_code == 403
    parts = await put_parts(dataset["upload"], data)
    assert (await complete(client, dataset["id"], parts)).status_code == 202


def test_parts_must_add_up() -> None:
    arrived = [UploadedPart(1, "x", 10)]  # of a link of an earlier version
    with pytest.raises(ValueError, match="10 bytes together, but 11 were announced"):
        chosen(11, arrived, [(1, "x")])
    assert chosen(10, arrived, [(1, '"x"')]) == arrived
