"""The object store, as far as a trainer needs it."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Event
from typing import TypeVar

import boto3
import botocore.exceptions
import botocore.session
from botocore.config import Config
from botocore.credentials import (
    CredentialProvider,
    CredentialResolver,
    Credentials,
    RefreshableCredentials,
)
from botocore.loaders import create_loader

from trainer.contract import Attempt, AttemptError, Cause
from trainer.retry import UnreachableError, until_answered

T = TypeVar("T")
_PATIENCE_S = 300
_SERVER_ERROR = 500
_MISSING = {"404", "NoSuchKey", "NotFound"}


@dataclass(frozen=True)
class StoredObject:
    """An object's size in bytes, and the metadata that trainers store with it."""

    size: int
    sha256: str | None
    epoch: int | None


class _AttemptKeys(CredentialProvider):
    """Gives botocore the attempt's keys, and new ones before they expire."""

    METHOD = "attempt"

    def __init__(self, attempt: Attempt, renew: Callable[[], Mapping[str, str]] | None) -> None:
        super().__init__()
        self._renew = renew
        self._keys = {
            "access_key": attempt.s3_access_key,
            "secret_key": attempt.s3_secret_key,
            "token": attempt.s3_session_token or "",
            "expiry_time": attempt.s3_keys_expire_at or "",
        }

    def load(self) -> Credentials:
        keys = self._keys
        if self._renew is None or not keys["expiry_time"]:
            return Credentials(keys["access_key"], keys["secret_key"], keys["token"] or None)
        return RefreshableCredentials.create_from_metadata(keys, self._new, self.METHOD)

    def _new(self) -> dict[str, str]:
        assert self._renew is not None  # noqa: S101 - load has seen to it
        names = ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN", "CREDENTIAL_EXPIRATION")
        new = self._renew()
        return dict(zip(self._keys, (new[f"AWS_{name}"] for name in names), strict=True))


# It keeps the services' descriptions, whose parsing is what makes a client slow.
_loader = cache(create_loader)


def session() -> botocore.session.Session:
    """A session of botocore; all share what is slow to load."""
    made = botocore.session.get_session()
    made.register_component("data_loader", _loader())
    return made


class ObjectStore:
    """The object store's client; `on_transfer` is called with each number of bytes transferred.

    Calls are repeated while the store does not answer, until `abandoned` is set. `renew` asks for
    the attempt's keys anew, by their variables; it is called before the old ones expire.
    """

    def __init__(
        self,
        attempt: Attempt,
        abandoned: Event,
        on_transfer: Callable[[int], None] | None = None,
        renew: Callable[[], Mapping[str, str]] | None = None,
    ) -> None:
        self._abandoned = abandoned
        self._on_transfer = on_transfer
        own = session()
        keys = CredentialResolver([_AttemptKeys(attempt, renew)])
        own.register_component("credential_provider", keys)
        self._s3 = boto3.Session(botocore_session=own).client(
            "s3",
            endpoint_url=attempt.s3_endpoint,
            region_name=attempt.s3_region,
            config=Config(
                connect_timeout=5,
                read_timeout=60,
                retries={"max_attempts": 1, "mode": "standard"},
                s3={"addressing_style": "path"},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )

    def find(self, bucket: str, key: str) -> StoredObject | None:
        """The object stored under `key`; None where there is none."""

        def head() -> StoredObject | None:
            # Asked for an object that is not there, AWS refuses whoever may not list the bucket.
            listed = self._s3.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1)
            if key not in [item["Key"] for item in listed.get("Contents", [])]:
                return None
            reply = self._s3.head_object(Bucket=bucket, Key=key)
            meta = reply["Metadata"]
            epoch = meta.get("epoch", "")
            return StoredObject(
                size=reply["ContentLength"],
                sha256=meta.get("sha256"),
                epoch=int(epoch) if epoch.isdigit() else None,
            )

        try:
            return self._ask(head)
        except FileNotFoundError:
            return None

    def download(self, bucket: str, key: str, target: Path) -> str:
        """Write the object to `target`; returns the sha256 of what was written.

        Raises:
            FileNotFoundError: there is no such object.
            AttemptError: the object store is unreachable or refuses.
        """
        self._ask(
            lambda: self._s3.download_file(bucket, key, str(target), Callback=self._on_transfer)
        )
        return file_sha256(target)

    def upload(self, source: Path, bucket: str, key: str, epoch: int | None = None) -> None:
        """Store `source` under `key` with its sha256 (and `epoch`) as metadata, atomically.

        Raises:
            AttemptError: the object store is unreachable or refuses.
        """
        metadata = {"sha256": file_sha256(source)}
        if epoch is not None:
            metadata["epoch"] = str(epoch)
        self._ask(
            lambda: self._s3.upload_file(
                str(source),
                bucket,
                key,
                ExtraArgs={"Metadata": metadata},
                Callback=self._on_transfer,
            )
        )

    def _ask(self, call: Callable[[], T]) -> T:
        def once() -> T:
            try:
                return call()
            except botocore.exceptions.ClientError as error:
                raise _meaning(error) from error
            except (boto3.exceptions.Boto3Error, botocore.exceptions.BotoCoreError) as error:
                # A transfer wraps the store's answer; without one the store was not reached.
                answer = error.__cause__ or error.__context__
                if isinstance(answer, botocore.exceptions.ClientError):
                    raise _meaning(answer) from error
                raise UnreachableError(str(error)) from error

        try:
            return until_answered(once, self._abandoned, _PATIENCE_S)
        except UnreachableError as error:
            raise AttemptError(
                Cause.STORAGE_UNAVAILABLE,
                f"The object store did not answer for {_PATIENCE_S} s ({error}): "
                "check that it runs and is reachable, then retry the job.",
            ) from error


def _meaning(error: botocore.exceptions.ClientError) -> Exception:
    """What an error that the store answered means: a missing object, an outage or a refusal."""
    code = error.response["Error"].get("Code", "")
    status = error.response["ResponseMetadata"].get("HTTPStatusCode", 0)
    if code in _MISSING:
        return FileNotFoundError(code)
    if status >= _SERVER_ERROR or code == "SlowDown":
        return UnreachableError(str(error))
    return AttemptError(
        Cause.STORAGE_UNAVAILABLE,
        f"The object store refused {error.operation_name} ({code}): check that the bucket exists "
        "and that the credentials may use it, then retry the job.",
    )


def file_sha256(path: Path) -> str:
    """The file's sha256 in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
