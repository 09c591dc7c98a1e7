"""The object store: MinIO, R2, S3 or SeaweedFS, spoken to in plain S3."""

import asyncio
import hashlib
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import IO, TYPE_CHECKING, Any, NamedTuple, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from backend.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ListObjectsV2OutputTypeDef

T = TypeVar("T")

_THREADS = 16
_READINESS_KEY = "trainyard-readiness/written"
_WRITE_EVERY_S = 30
LINK_LIFETIME_S = 24 * 3600

_MISSING = {"404", "NoSuchKey", "NotFound"}
_BAD_KEYS = {"401", "403", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch"}
_BAD_KEYS |= {"Unauthorized"}


class ObjectStoreError(Exception):
    """The store does not answer, or refuses; the text names the setting to look at."""


class StoredObject(NamedTuple):
    key: str
    size: int
    metadata: dict[str, str]


class UploadedPart(NamedTuple):
    number: int
    etag: str
    size: int


class ObjectStore:
    """Every method may raise ObjectStoreError. Calls run in threads of the store's own."""

    def __init__(self, settings: Settings) -> None:
        self._buckets = (settings.datasets_bucket, settings.models_bucket)
        self._region = settings.aws_region
        self._written_at = -math.inf
        setting = "MINIO_ENDPOINT" if settings.minio_endpoint else "R2_ENDPOINT"
        self._where = f"the object store at {settings.s3_endpoint} ({setting})"
        # One session, so that both clients share the parsed model of the API.
        session = boto3.session.Session()
        self._client = _client(session, settings, settings.s3_endpoint)
        self._public = _client(session, settings, settings.public_endpoint)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="store")

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def check(self) -> None:
        """Raise ObjectStoreError unless the store answers, accepts the keys, has the buckets and takes data."""
        for bucket in self._buckets:
            await self._call(partial(self._client.list_objects_v2, Bucket=bucket, MaxKeys=1))
        if time.monotonic() - self._written_at > _WRITE_EVERY_S:
            # A store whose disk is full still lists.
            bucket = self._buckets[1]
            await self._call(
                lambda: self._client.put_object(Bucket=bucket, Key=_READINESS_KEY, Body=b"ready")
            )
            self._written_at = time.monotonic()

    async def ensure_buckets(self) -> None:
        """Create the buckets that are missing."""
        for bucket in self._buckets:
            await self._call(partial(self._ensure_bucket, bucket))

    async def head(self, bucket: str, key: str) -> StoredObject | None:
        """Size in bytes and user metadata, or None when there is no such object."""

        def head() -> StoredObject | None:
            with _tolerating(*_MISSING):
                found = self._client.head_object(Bucket=bucket, Key=key)
                return StoredObject(key, found["ContentLength"], found["Metadata"])
            return None

        return await self._call(head)

    async def list(self, bucket: str, prefix: str) -> Sequence[StoredObject]:
        """All objects below `prefix`, by key, without their metadata."""

        def listed() -> Sequence[StoredObject]:
            return [
                StoredObject(found["Key"], found["Size"], {})
                for page in self._pages(bucket, prefix)
                for found in page.get("Contents", [])
            ]

        return await self._call(listed)

    async def put(self, bucket: str, key: str, file: IO[bytes]) -> None:
        """Store the rest of a file, at most 5 GiB."""
        await self._call(lambda: self._client.put_object(Bucket=bucket, Key=key, Body=file))

    async def read(self, bucket: str, key: str) -> bytes:
        """All bytes of a small object."""

        def read() -> bytes:
            return self._client.get_object(Bucket=bucket, Key=key)["Body"].read()

        return await self._call(read)

    async def sha256(self, bucket: str, key: str) -> str:
        """Of all bytes of an object."""

        def read() -> str:
            body = self._client.get_object(Bucket=bucket, Key=key)["Body"]
            return hashlib.file_digest(body, "sha256").hexdigest()  # type: ignore[arg-type]

        return await self._call(read)

    async def delete(self, bucket: str, key: str) -> None:
        """Delete one object; harmless when it is gone."""
        await self._call(lambda: self._client.delete_object(Bucket=bucket, Key=key))

    async def delete_prefix(self, bucket: str, prefix: str) -> None:
        """Delete every object below `prefix`."""

        def delete() -> None:
            for page in list(self._pages(bucket, prefix)):
                keys = [{"Key": found["Key"]} for found in page.get("Contents", [])]
                if not keys:
                    continue
                reply = self._client.delete_objects(
                    Bucket=bucket,
                    Delete={"Objects": keys, "Quiet": True},  # type: ignore[typeddict-item]
                )
                for error in reply.get("Errors", []):
                    raise ObjectStoreError(
                        f"{self._where} did not delete {error.get('Key')}: {error.get('Message')}."
                    )

        await self._call(delete)

    async def presign_get(self, bucket: str, key: str, *, filename: str, media_type: str) -> str:
        """A link for a browser or CLI, by the public endpoint, that downloads as `filename`."""
        return await self._presign(
            self._public,
            "get_object",
            LINK_LIFETIME_S,
            Bucket=bucket,
            Key=key,
            ResponseContentDisposition=f'attachment; filename="{filename}"',
            ResponseContentType=media_type,
        )

    async def presign_internal_get(self, bucket: str, key: str, *, lifetime_s: int) -> str:
        """A link for our own processes, so that they need no keys."""
        return await self._presign(self._client, "get_object", lifetime_s, Bucket=bucket, Key=key)

    async def presign_put(self, bucket: str, key: str, size: int) -> str:
        """A link to upload that many bytes to, by the public endpoint."""
        target = {"Bucket": bucket, "Key": key, "ContentLength": size}
        return await self._presign(self._public, "put_object", LINK_LIFETIME_S, **target)

    async def _presign(
        self, client: "S3Client", method: Any, lifetime_s: int, **params: Any
    ) -> str:
        presign = partial(client.generate_presigned_url, method, params, lifetime_s)
        return await self._call(presign)

    async def create_upload(self, bucket: str, key: str, parts: int) -> tuple[str, Sequence[str]]:
        """Begin a multipart upload: its id and one presigned PUT link a part, in order."""

        def create() -> tuple[str, Sequence[str]]:
            upload = self._client.create_multipart_upload(
                Bucket=bucket, Key=key, ContentType="application/zip"
            )["UploadId"]
            target = {"Bucket": bucket, "Key": key, "UploadId": upload}
            return upload, [
                self._public.generate_presigned_url(
                    "upload_part",
                    Params={**target, "PartNumber": number},
                    ExpiresIn=LINK_LIFETIME_S,
                )
                for number in range(1, parts + 1)
            ]

        return await self._call(create)

    async def list_parts(self, bucket: str, key: str, upload: str) -> Sequence[UploadedPart] | None:
        """The parts that have arrived, by number; None when there is no such upload (any more)."""

        def list_parts() -> Sequence[UploadedPart] | None:
            pages = self._client.get_paginator("list_parts").paginate(
                Bucket=bucket, Key=key, UploadId=upload
            )
            with _tolerating("NoSuchUpload", "404"):
                return [
                    UploadedPart(part["PartNumber"], part["ETag"].strip('"'), part["Size"])
                    for page in pages
                    for part in page.get("Parts", [])
                ]
            return None

        return await self._call(list_parts)

    async def complete_upload(
        self, bucket: str, key: str, upload: str, parts: Sequence[UploadedPart]
    ) -> None:
        """Join the parts; silent when they are gone: another call has joined or dropped them."""

        def complete() -> None:
            joined = [{"PartNumber": part.number, "ETag": part.etag} for part in parts]
            with _tolerating("NoSuchUpload", "InvalidPart", "404"):
                self._client.complete_multipart_upload(
                    Bucket=bucket,
                    Key=key,
                    UploadId=upload,
                    MultipartUpload={"Parts": joined},  # type: ignore[typeddict-item]
                )

        await self._call(complete)

    async def abort_upload(self, bucket: str, key: str, upload: str) -> None:
        """Drop an upload and its parts; harmless when it is gone."""

        def abort() -> None:
            with _tolerating("NoSuchUpload", "404"):
                self._client.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload)

        await self._call(abort)

    def _ensure_bucket(self, bucket: str) -> None:
        with _tolerating("NoSuchBucket", "404"):
            self._client.list_objects_v2(Bucket=bucket, MaxKeys=1)
            return
        place: Any = {"CreateBucketConfiguration": {"LocationConstraint": self._region}}
        # Two replicas may start at once.
        with _tolerating("BucketAlreadyOwnedByYou", "BucketAlreadyExists"):
            self._client.create_bucket(
                Bucket=bucket, **({} if self._region in {"us-east-1", "auto"} else place)
            )

    def _pages(self, bucket: str, prefix: str) -> Iterable["ListObjectsV2OutputTypeDef"]:
        return self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)

    async def _call(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except ClientError as error:
            raise ObjectStoreError(self._refusal(error)) from error
        except BotoCoreError as error:
            raise ObjectStoreError(
                f"{self._where} cannot be reached: {error}. Check that it runs and that the "
                "setting names it."
            ) from error

    def _refusal(self, error: ClientError) -> str:
        code = _code(error)
        if code in _BAD_KEYS:
            return (
                f"{self._where} refuses our keys ({code}). Check AWS_ACCESS_KEY_ID, "
                "AWS_SECRET_ACCESS_KEY and AWS_REGION, and that they may use the buckets."
            )
        if code == "NoSuchBucket":
            return (
                f"{self._where} lacks a bucket. Restart the backend to have it made, or create "
                f"{' and '.join(self._buckets)}."
            )
        return f"{self._where} refuses {error.operation_name}: {error}."


def _client(session: boto3.session.Session, settings: Settings, endpoint: str) -> "S3Client":
    config: dict[str, Any] = {
        "signature_version": "s3v4",
        "s3": {"addressing_style": "path"},
        "request_checksum_calculation": "when_required",
        "response_checksum_validation": "when_required",
        "connect_timeout": 3,
        "read_timeout": 30,
        "retries": {"mode": "standard", "max_attempts": 3},
        "max_pool_connections": _THREADS,
    }
    return session.client(
        "s3",
        endpoint_url=endpoint,
        region_name=settings.aws_region,
        aws_access_key_id=settings.aws_access_key_id.get_secret_value(),
        aws_secret_access_key=settings.aws_secret_access_key.get_secret_value(),
        config=Config(**config),
    )


@contextmanager
def _tolerating(*codes: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        if _code(error) not in codes:
            raise


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
