"""The store against a real S3 server, and its errors."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import data_support
import httpx
import pytest
import servers
from backend.infra.database import new_id
from backend.infra.object_store import ObjectStore, ObjectStoreError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MIB = 2**20
BUCKET = "models"


@pytest.fixture
async def opened(store: servers.S3Server) -> AsyncIterator[ObjectStore]:
    opened = ObjectStore(data_support.settings(store))
    await opened.ensure_buckets()
    yield opened
    await opened.close()


@pytest.fixture
def prefix() -> str:
    """A folder of the test's own."""
    return new_id()


async def test_objects(opened: ObjectStore, s3: "S3Client", prefix: str) -> None:
    await opened.check()
    await opened.ensure_buckets()  # they are there: harmless
    assert await opened.head(BUCKET, f"{prefix}/a/1") is None
    metadata = {"sha256": "ab", "epoch": "3"}
    s3.put_object(Bucket=BUCKET, Key=f"{prefix}/a/1", Body=b"0123456789", Metadata=metadata)
    s3.put_object(Bucket=BUCKET, Key=f"{prefix}/a/2", Body=b"")
    s3.put_object(Bucket=BUCKET, Key=f"{prefix}/b/1", Body=b"x")
    found = await opened.head(BUCKET, f"{prefix}/a/1")
    assert found is not None
    assert found.size == 10
    assert found.metadata == metadata
    assert [item.key for item in await opened.list(BUCKET, f"{prefix}/a/")] == [
        f"{prefix}/a/1",
        f"{prefix}/a/2",
    ]
    await opened.delete_prefix(BUCKET, f"{prefix}/a/")
    assert [item.key for item in await opened.list(BUCKET, f"{prefix}/")] == [f"{prefix}/b/1"]
    await opened.delete(BUCKET, f"{prefix}/b/1")
    await opened.delete(BUCKET, f"{prefix}/b/1")
    await opened.delete_prefix(BUCKET, f"{prefix}/nothing/")


async def test_a_link_downloads_with_name_and_type(
    opened: ObjectStore, s3: "S3Client", prefix: str
) -> None:
    s3.put_object(Bucket=BUCKET, Key=f"{prefix}/x", Body=b"a,b\n")
    url = await opened.presign_get(
        BUCKET, f"{prefix}/x", filename="results.csv", media_type="text/csv"
    )
    async with httpx.AsyncClient() as client:
        reply = await client.get(url)
        unsigned = await client.get(url.split("?")[0])
    assert reply.content == b"a,b\n"
    assert reply.headers["content-disposition"] == 'attachment; filename="results.csv"'
    assert reply.headers["content-type"].startswith("text/csv")
    assert unsigned.status_code == 403


async def test_upload_in_parts(opened: ObjectStore, s3: "S3Client", prefix: str) -> None:
    data = b"a" * (5 * MIB) + b"b" * 100
    upload = await opened.create_upload(BUCKET, f"{prefix}/big")
    sizes = {1: 5 * MIB, 2: 100}
    links = [*(await opened.presign_parts(BUCKET, f"{prefix}/big", upload, sizes)).values()]
    async with httpx.AsyncClient() as client:
        for other in (data[: 5 * MIB + 1], b"b"):
            refused = await client.put(links[0], content=other)
            assert refused.status_code == 403, "a link takes what was announced for it"
        for url, part in zip(links, (data[: 5 * MIB], data[5 * MIB :]), strict=True):
            assert (await client.put(url, content=part)).status_code == 200
    parts = await opened.list_parts(BUCKET, f"{prefix}/big", upload)
    assert parts is not None
    assert [(part.number, part.size) for part in parts] == [(1, 5 * MIB), (2, 100)]
    await opened.complete_upload(BUCKET, f"{prefix}/big", upload, parts)
    await opened.complete_upload(BUCKET, f"{prefix}/big", upload, parts)
    assert s3.get_object(Bucket=BUCKET, Key=f"{prefix}/big")["Body"].read() == data
    assert await opened.list_parts(BUCKET, f"{prefix}/big", upload) is None
    dropped = await opened.create_upload(BUCKET, f"{prefix}/other")
    await opened.abort_upload(BUCKET, f"{prefix}/other", dropped)
    await opened.abort_upload(BUCKET, f"{prefix}/other", dropped)
    assert await opened.list_parts(BUCKET, f"{prefix}/other", dropped) is None


async def test_links_name_the_public_endpoint(store: servers.S3Server) -> None:
    opened = ObjectStore(
        data_support.settings(store, s3_public_endpoint="https://files.example.org/")
    )
    url = await opened.presign_get("models", "x", filename="x", media_type="text/plain")
    assert url.startswith("https://files.example.org/models/x?")
    internal = await opened.presign_internal_get("models", "x", lifetime_s=60)
    assert internal.startswith(store.endpoint)
    await opened.close()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"minio_endpoint": "http://127.0.0.1:1"}, r"127\.0\.0\.1:1 \(MINIO_ENDPOINT\) cannot be"),
        ({"aws_secret_access_key": "wrong"}, "refuses our keys .* Check AWS_ACCESS_KEY_ID"),
        ({"models_bucket": "absent"}, "lacks a bucket"),
    ],
    ids=["unreachable", "wrong keys", "no bucket"],
)
async def test_errors_name_the_setting(
    store: servers.S3Server, changes: dict[str, str], message: str
) -> None:
    settings = data_support.settings(store)
    ready = ObjectStore(settings)
    await ready.ensure_buckets()
    await ready.close()
    opened = ObjectStore(data_support.settings(store, **changes))
    with pytest.raises(ObjectStoreError, match=message):
        await opened.check()
    await opened.close()
