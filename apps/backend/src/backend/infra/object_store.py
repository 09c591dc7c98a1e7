"""The object store: MinIO, R2, S3 or SeaweedFS, spoken to in plain S3."""

import asyncio
import json
import math
import time
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import IO, TYPE_CHECKING, Any, NamedTuple, ParamSpec, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from trainyard_datasets.parts import UploadedPart
from trainyard_datasets.problems import UnavailableError

from backend.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

P = ParamSpec("P")
T = TypeVar("T")

_THREADS = 16
_READINESS_KEY = "trainyard-readiness/written"
_WRITE_EVERY_S = 30
_DELETED_AT_ONCE = 1000  # the most that a store takes
LINK_LIFETIME_S = 24 * 3600

_MOST_SESSIONS = 10_000
# The parts of an answer of STS, by the names that AWS' SDKs read.
VARIABLES = {
    "AWS_ACCESS_KEY_ID": "AccessKeyId",
    "AWS_SECRET_ACCESS_KEY": "SecretAccessKey",
    "AWS_SESSION_TOKEN": "SessionToken",
    "AWS_CREDENTIAL_EXPIRATION": "Expiration",
}
_NOTHING = {"Effect": "Deny", "Action": "s3:*", "Resource": "*"}

_CONFIG: dict[str, Any] = {
    "signature_version": "s3v4",
    "s3": {"addressing_style": "path"},
    "request_checksum_calculation": "when_required",
    "response_checksum_validation": "when_required",
    "connect_timeout": 3,
    "read_timeout": 30,
    "retries": {"mode": "standard", "max_attempts": 3},
    "max_pool_connections": _THREADS,
}

_MISSING = {"404", "NoSuchKey", "NotFound"}
_BAD_KEYS = {"401", "403", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch"}
_BAD_KEYS |= {"Unauthorized"}


class ObjectStoreError(UnavailableError):
    """The store does not answer, or refuses with a `code`; the text names the setting to look at."""

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class StoredObject(NamedTuple):
    key: str
    size: int
    metadata: dict[str, str]


class ObjectStore:
    """Every method may raise ObjectStoreError. Calls run in threads of the store's own."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._buckets = (settings.datasets_bucket, settings.models_bucket)
        self._written_at = -math.inf
        setting = "MINIO_ENDPOINT" if settings.minio_endpoint else "R2_ENDPOINT"
        self._where = f"the object store at {settings.s3_endpoint} ({setting})"
        id_ = settings.aws_access_key_id.get_secret_value()
        secret = settings.aws_secret_access_key.get_secret_value()
        self._keys: Mapping[str, str] = {"AWS_ACCESS_KEY_ID": id_, "AWS_SECRET_ACCESS_KEY": secret}
        # One session, so that the clients share the parsed model of the API.
        session = boto3.session.Session(id_, secret, region_name=settings.aws_region)
        client: Any = partial(session.client, config=Config(**_CONFIG))
        self._client: S3Client = client("s3", endpoint_url=settings.s3_endpoint)
        self._public: S3Client = client("s3", endpoint_url=settings.public_endpoint)
        self._sts: Any = client("sts", endpoint_url=settings.sts_endpoint or settings.s3_endpoint)
        self._sessions: dict[str, tuple[float, Mapping[str, str]]] = {}
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="store")

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def check(self) -> None:
        """Raise ObjectStoreError unless the store answers, accepts the keys, has the buckets and takes data."""
        for bucket in self._buckets:
            await self._call(self._client.list_objects_v2, Bucket=bucket, MaxKeys=1)
        await self.session_keys("readiness", _NOTHING)
        if time.monotonic() - self._written_at > _WRITE_EVERY_S:
            # A store whose disk is full still lists.
            await self.put(self._buckets[1], _READINESS_KEY, b"ready")
            self._written_at = time.monotonic()

    async def session_keys(self, session: str, *allowed: Mapping[str, Any]) -> Mapping[str, str]:
        """The variables, as AWS' SDKs read them, with keys that may do what is allowed, for a time.

        With TRAINER_CREDENTIALS=shared they are the backend's own.

        Args:
            session: 2 to 64 letters, digits and `-`; it has the same keys for half of their time.
            allowed: statements of a policy in AWS' language.
        """
        if self._settings.trainer_credentials == "shared":
            return self._keys
        valid_s = self._settings.trainer_credentials_s
        renewed_at, keys = self._sessions.get(session, (-math.inf, self._keys))
        if time.monotonic() > renewed_at + valid_s / 2:
            policy = {"Version": "2012-10-17", "Statement": allowed}
            reply = await self._call(
                self._sts.assume_role,
                RoleArn=self._settings.trainer_role_arn,
                RoleSessionName=session,
                DurationSeconds=valid_s,
                Policy=json.dumps(policy, separators=(",", ":")),  # AWS takes 2,048 characters
            )
            keys = {name: str(reply["Credentials"][part]) for name, part in VARIABLES.items()}
            if len(self._sessions) >= _MOST_SESSIONS:
                self._sessions.clear()
            self._sessions[session] = time.monotonic(), keys
        return keys

    async def ensure_buckets(self) -> None:
        """Create the buckets that are missing."""
        where = self._settings.aws_region
        region: Any = {"CreateBucketConfiguration": {"LocationConstraint": where}}
        place = {} if where in {"us-east-1", "auto"} else region
        for bucket in self._buckets:
            with _tolerating("NoSuchBucket", "404"):
                await self._call(self._client.list_objects_v2, Bucket=bucket, MaxKeys=1)
                continue
            # Two replicas may start at once.
            with _tolerating("BucketAlreadyOwnedByYou", "BucketAlreadyExists"):
                await self._call(self._client.create_bucket, Bucket=bucket, **place)

    async def head(self, bucket: str, key: str) -> StoredObject | None:
        """Size in bytes and user metadata, or None when there is no such object."""
        with _tolerating(*_MISSING):
            found = await self._call(self._client.head_object, Bucket=bucket, Key=key)
            return StoredObject(key, found["ContentLength"], found["Metadata"])
        return None

    async def list(self, bucket: str, prefix: str) -> Sequence[StoredObject]:
        """All objects below `prefix`, by key, without their metadata."""
        there = await self._listed("list_objects_v2", "Contents", Bucket=bucket, Prefix=prefix)
        return [StoredObject(found["Key"], found["Size"], {}) for found in there]

    async def put(self, bucket: str, key: str, body: bytes | IO[bytes]) -> None:
        """Store bytes, or the rest of a file, at most 5 GiB."""
        await self._call(self._client.put_object, Bucket=bucket, Key=key, Body=body)

    async def read(self, bucket: str, key: str) -> bytes:
        """All bytes of a small object."""
        found = await self._call(self._client.get_object, Bucket=bucket, Key=key)
        return await self._call(found["Body"].read)

    async def delete(self, bucket: str, key: str) -> None:
        """Delete one object; harmless when it is gone."""
        await self._call(self._client.delete_object, Bucket=bucket, Key=key)

    async def delete_prefix(self, bucket: str, prefix: str) -> None:
        """Delete every object below `prefix`."""
        keys = [{"Key": found.key} for found in await self.list(bucket, prefix)]
        for start in range(0, len(keys), _DELETED_AT_ONCE):
            some: Any = {"Objects": keys[start : start + _DELETED_AT_ONCE], "Quiet": True}
            reply = await self._call(self._client.delete_objects, Bucket=bucket, Delete=some)
            for error in reply.get("Errors", []):
                what = f"{error.get('Key')}: {error.get('Message')}."
                raise ObjectStoreError(f"{self._where} did not delete {what}")

    async def presign_get(self, bucket: str, key: str, *, filename: str, media_type: str) -> str:
        """A link for a browser or CLI, by the public endpoint, that downloads as `filename`."""
        saved = f'attachment; filename="{filename}"'
        answered = {"ResponseContentDisposition": saved, "ResponseContentType": media_type}
        return await self._presign_public("get_object", Bucket=bucket, Key=key, **answered)

    async def presign_internal_get(self, bucket: str, key: str, *, lifetime_s: int) -> str:
        """A link for our own processes, so that they need no keys."""
        target = {"Bucket": bucket, "Key": key}
        presign = self._client.generate_presigned_url
        return await self._call(presign, "get_object", target, lifetime_s)

    async def presign_put(self, bucket: str, key: str, size: int, **more: Any) -> str:
        """A link to upload that many bytes to, by the public endpoint; `more`: as boto3 has it."""
        target = {"Bucket": bucket, "Key": key, **more}
        return await self._presign_public("put_object", **target, ContentLength=size)

    async def _presign_public(self, method: Any, **params: Any) -> str:
        presign = self._public.generate_presigned_url
        return await self._call(presign, method, params, LINK_LIFETIME_S)

    async def create_upload(self, bucket: str, key: str) -> str:
        """Begin a multipart upload: its id."""
        create = self._client.create_multipart_upload
        created = await self._call(create, Bucket=bucket, Key=key, ContentType="application/zip")
        return created["UploadId"]

    async def presign_parts(
        self, bucket: str, key: str, upload: str, sizes: Mapping[int, int]
    ) -> dict[int, str]:
        """A presigned PUT link for each part, by number, that takes exactly its bytes."""
        target = {"Bucket": bucket, "Key": key, "UploadId": upload}
        sign = partial(self._presign_public, "upload_part", **target)
        return {
            number: await sign(PartNumber=number, ContentLength=size)
            for number, size in sizes.items()
        }

    async def list_parts(self, bucket: str, key: str, upload: str) -> Sequence[UploadedPart] | None:
        """The parts that have arrived, by number; None when there is no such upload (any more)."""
        target = {"Bucket": bucket, "Key": key, "UploadId": upload}
        with _tolerating("NoSuchUpload", "404"):
            there = await self._listed("list_parts", "Parts", **target)
            return [UploadedPart(p["PartNumber"], p["ETag"].strip('"'), p["Size"]) for p in there]
        return None

    async def complete_upload(
        self, bucket: str, key: str, upload: str, parts: Sequence[UploadedPart]
    ) -> None:
        """Join the parts; silent when they are gone: another call has joined or dropped them."""
        complete = self._client.complete_multipart_upload
        joined: Any = {"Parts": [{"PartNumber": one.number, "ETag": one.etag} for one in parts]}
        with _tolerating("NoSuchUpload", "InvalidPart", "404"):
            await self._call(
                complete, Bucket=bucket, Key=key, UploadId=upload, MultipartUpload=joined
            )

    async def abort_upload(self, bucket: str, key: str, upload: str) -> None:
        """Drop an upload and its parts; harmless when it is gone."""
        abort = self._client.abort_multipart_upload
        with _tolerating("NoSuchUpload", "404"):
            await self._call(abort, Bucket=bucket, Key=key, UploadId=upload)

    async def abort_uploads(self, before: datetime, kept: Container[str | None]) -> None:
        """Drop uploads that were begun before then, but for the ids `kept`.

        MinIO lists those that it began since its start, and drops the others by itself.
        """
        for bucket in self._buckets:
            for found in await self._listed("list_multipart_uploads", "Uploads", Bucket=bucket):
                if found["Initiated"] < before and found["UploadId"] not in kept:
                    await self.abort_upload(bucket, found["Key"], found["UploadId"])

    async def _listed(self, method: Any, part: str, **query: str) -> Sequence[Any]:
        """What all pages have in this part of the answer."""
        pages: Any = self._client.get_paginator(method).paginate(**query)
        return [found for page in await self._call(list, pages) for found in page.get(part, [])]

    async def _call(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        call = partial(work, *args, **kwargs)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, call)
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            raise ObjectStoreError(self._refusal(error, code), code) from error
        except BotoCoreError as error:
            how = "Check that it runs and that the setting names it."
            raise ObjectStoreError(f"{self._where} cannot be reached: {error}. {how}") from error

    def _refusal(self, error: ClientError, code: str) -> str:
        if error.operation_name == "AssumeRole":
            return (
                f"{self._where} hands out no keys for trainings ({code}): {error}. Let the backend's "
                "key assume TRAINER_ROLE_ARN for TRAINER_CREDENTIALS_S, check STS_ENDPOINT, or set "
                "TRAINER_CREDENTIALS=shared, with which a trainer may use all that the backend may."
            )
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


@contextmanager
def _tolerating(*codes: str) -> Iterator[None]:
    try:
        yield
    except ObjectStoreError as error:
        if error.code not in codes:
            raise
