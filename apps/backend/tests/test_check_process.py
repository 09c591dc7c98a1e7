"""The check as a process: large archives by ranges, and every way in which it can break off."""

import asyncio
import hashlib
import json
import socket
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import archives
import data_support
import psutil
import pytest
from archives import zipped
from backend.context import Context
from backend.datasets import service
from backend.infra.object_store import ObjectStore
from backend.state import object_keys
from data_support import Served
from trainyard_datasets import check, index, limits
from trainyard_datasets.problems import UnavailableError

pytestmark = pytest.mark.databases("sqlite")


@pytest.fixture
def silent() -> Iterator[str]:
    """A server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def elsewhere(ctx: Context, endpoint: str) -> Context:
    """The same backend with another store."""
    settings = ctx.settings.model_copy(update={"minio_endpoint": endpoint})
    return replace(ctx, store=ObjectStore(settings))


async def child(after: int | None = None) -> psutil.Process:
    """The process of the check, once it runs (and is not the one with the id `after`)."""
    async with asyncio.timeout(60):
        while True:
            for process in psutil.Process().children():
                if process.pid != after and "trainyard_datasets" in process.cmdline():
                    return process
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("task", ["detect", "classify"])
async def test_large_archives_are_read_by_ranges(
    served: Served, task: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ctx, client = served
    files = archives.files(task, train=30)
    broken = next(name for name in files if name.endswith(".jpg"))
    files[broken] = b"no picture"
    # Its size stands behind the first 64 KiB.
    late = broken.replace("0.jpg", "late.jpg")
    files[late] = jpeg_with_comments(200_000)
    files[late.replace("images", "labels").replace(".jpg", ".txt")] = archives.BOX.encode()
    cut = broken.replace("0.jpg", "cut.jpg")
    files[cut] = b"no picture, and damaged" * 10_000
    data = archives.patched(zipped(files, method=zipfile.ZIP_STORED), files[cut][-100:], bytes(100))
    id_ = await data_support.push(client, data, task=task)
    bucket, key = ctx.settings.datasets_bucket, object_keys.dataset(id_)
    url = await ctx.store.presign_internal_get(bucket, key, lifetime_s=60)
    whole = await asyncio.to_thread(check.check_object, url, len(data), None, task)
    monkeypatch.setattr(limits, "WHOLE_BYTES", 0)
    monkeypatch.setattr(limits, "HEAD_BYTES", 64 * 1024)
    ranged = await asyncio.to_thread(check.check_object, url, len(data), None, task)
    report = ranged.report()
    assert report == whole.report()
    assert {broken, cut} <= {problem["file"] for problem in report["problems"]}
    assert "Bad CRC-32" in json.dumps(report["problems"])
    assert ranged.accepted
    assert ranged.sha256 == whole.sha256 == hashlib.sha256(data).hexdigest()


async def test_damage_in_large_archives_is_found(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    ctx, client = served
    cut = {"images/train/0.jpg": jpeg_with_comments(200_000)[:-20]}
    data = zipped(archives.files(train=30) | cut)
    id_ = await data_support.push(client, data)
    bucket, key = ctx.settings.datasets_bucket, object_keys.dataset(id_)
    url = await ctx.store.presign_internal_get(bucket, key, lifetime_s=60)
    monkeypatch.setattr(limits, "WHOLE_BYTES", 0)
    found = await asyncio.to_thread(check.check_object, url, len(data), None, "detect")
    assert found.report()["problems"][0]["file"] == "images/train/0.jpg"
    found = await asyncio.to_thread(check.check_object, url, len(data), "0" * 64, "detect")
    assert not found.accepted
    assert "it was damaged on its way. Push it again" in json.dumps(found.report())


def jpeg_with_comments(size: int) -> bytes:
    data = archives.picture()
    comment = b"\xff\xfe" + (50_000).to_bytes(2) + bytes(49_998)
    return data[:2] + comment * (size // 50_000) + data[2:]


async def test_a_claim_that_does_not_hold_rejects(served: Served) -> None:
    ctx, client = served
    id_ = await data_support.push(client, zipped(archives.files()), sha256="0" * 64)
    await service.run_check(ctx, id_)
    dataset = await data_support.get(client, id_)
    assert dataset["status"] == "rejected"
    assert "it was damaged on its way. Push it again" in data_support.problem_text(dataset)


async def test_a_vanished_archive_rejects(served: Served) -> None:
    ctx, client = served
    id_ = await data_support.push(client, zipped(archives.files()))
    await ctx.store.delete(ctx.settings.datasets_bucket, object_keys.dataset(id_))
    await service.run_check(ctx, id_)
    dataset = await data_support.get(client, id_)
    assert dataset["status"] == "rejected"
    assert "no longer in the store" in data_support.problem_text(dataset)


async def test_an_overrun_rejects(
    served: Served, silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ctx, client = served
    monkeypatch.setattr(limits, "WALL_S", 1)
    id_ = await data_support.push(client, zipped(archives.files()))
    await service.run_check(elsewhere(ctx, silent), id_)
    dataset = await data_support.get(client, id_)
    assert dataset["status"] == "rejected"
    assert "took longer than" in data_support.problem_text(dataset)


async def test_a_killed_check_is_tried_again_and_then_rejects(served: Served, silent: str) -> None:
    ctx, client = served
    id_ = await data_support.push(client, zipped(archives.files()))
    running = asyncio.create_task(service.run_check(elsewhere(ctx, silent), id_))
    first = await child()
    first.kill()
    (await child(after=first.pid)).kill()
    await running
    dataset = await data_support.get(client, id_)
    assert dataset["status"] == "rejected"
    assert "crashed 2 times (SIGKILL)" in data_support.problem_text(dataset)


async def test_a_cancelled_check_leaves_no_process_and_can_run_again(
    served: Served, silent: str
) -> None:
    ctx, client = served
    id_ = await data_support.push(client, zipped(archives.files()))
    running = asyncio.create_task(service.run_check(elsewhere(ctx, silent), id_))
    process = await child()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not process.is_running()
    await service.run_check(ctx, id_)
    assert (await data_support.get(client, id_))["status"] == "ready"


async def test_with_the_store_away_the_dataset_keeps_being_checked(served: Served) -> None:
    ctx, client = served
    id_ = await data_support.push(client, zipped(archives.files()))
    with pytest.raises(UnavailableError, match="It could not be read from the object store"):
        await service.run_check(elsewhere(ctx, "http://127.0.0.1:1"), id_)
    assert (await data_support.get(client, id_))["status"] == "checking"
    await service.run_check(ctx, id_)
    assert (await data_support.get(client, id_))["status"] == "ready"


async def test_a_child_whose_index_is_none_crashed(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    ctx, client = served
    id_ = await data_support.push(client, zipped(archives.files()))
    monkeypatch.setattr(limits, "MAX_INDEX_BYTES", 10)  # this process', not the child's
    monkeypatch.setattr(index, "MAX_INDEX_BYTES", 10)
    await service.run_check(ctx, id_)
    dataset = await data_support.get(client, id_)
    assert dataset["status"] == "rejected"
    assert "crashed 2 times (no index" in data_support.problem_text(dataset)
    assert await ctx.store.head(ctx.settings.datasets_bucket, f"{id_}.jsonl") is None


async def test_the_check_gets_no_secret(
    served: Served, silent: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ctx, client = served
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "do-not-leak")
    monkeypatch.setenv("DATABASE_URL", "do-not-leak")
    id_ = await data_support.push(client, zipped(archives.files()))
    running = asyncio.create_task(service.run_check(elsewhere(ctx, silent), id_))
    process = await child()
    seen = f"{process.environ()} {process.cmdline()}"
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert "do-not-leak" not in seen
    assert "X-Amz-Signature" not in seen
