"""The two services that an attempt talks to: the backend and the object store."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any, TypeVar

import boto3
import botocore.exceptions
import httpx
from botocore.config import Config
from tenacity import Retrying as _Retrying
from tenacity import (
    retry_if_exception_type,
    sleep_using_event,
    stop_after_delay,
    stop_any,
    stop_when_event_set,
    wait_exponential,
)

from trainer.contract import Attempt, AttemptError, Cause

T = TypeVar("T")
_STORE_PATIENCE_S = 300
# Between two heartbeats, where the backend asks for nothing else.
INTERVAL_S = 2.0
_ENDED = {401, 404, 409}
_MISSING = {"404", "NoSuchKey", "NoSuchBucket", "NotFound"}


class UnreachableError(Exception):
    """The service did not answer, or not sensibly: worth another try."""


class StaleError(Exception):
    """The backend runs this attempt no longer: leave."""


class RejectedError(Exception):
    """The backend refused the request for good; the text is its reason."""


class OffsetAheadError(Exception):
    """The backend lacks bytes before those sent; it stores up to `next_offset`."""

    def __init__(self, next_offset: int) -> None:
        super().__init__(next_offset)
        self.next_offset = next_offset


def persistently(call: Callable[[], T], abandon: Event, patience_s: float | None = None) -> T:
    """Try `call` until the service answers, giving up when `abandon` is set or patience ends.

    Raises:
        UnreachableError: that of the last try.
    """
    gives_up = stop_when_event_set(abandon)
    return _Retrying(
        retry=retry_if_exception_type(UnreachableError),
        wait=wait_exponential(multiplier=0.1, max=2),
        sleep=sleep_using_event(abandon),
        stop=stop_any(gives_up, stop_after_delay(patience_s)) if patience_s else gives_up,
        reraise=True,
    )(call)


class Backend:
    """An attempt's callbacks; each method is one request and raises this module's exceptions."""

    def __init__(self, attempt: Attempt) -> None:
        self._attempt = attempt
        self._http = self._connect()

    def _connect(self) -> httpx.Client:
        return httpx.Client(
            base_url=f"{self._attempt.backend_url}/api/v1/jobs/{self._attempt.job_id}/",
            headers={"Authorization": f"Bearer {self._attempt.token}"},
            timeout=5,
        )

    def heartbeat(self, body: dict[str, Any]) -> tuple[str, float]:
        """Send a heartbeat.

        Returns:
            The command, `continue` or `stop`, and in how many seconds the next one is wanted.
        """
        reply = self._post("heartbeat", json=body)
        return str(reply.get("command", "continue")), float(reply.get("interval_s", INTERVAL_S))

    def logs(self, offset: int, data: bytes) -> tuple[int, str]:
        """Send log bytes that begin at `offset`; returns the next offset and the command."""
        reply = self._post(
            "logs",
            params={"offset": offset},
            content=data,
            headers={"Content-Type": "application/octet-stream"},
        )
        if not isinstance(reply.get("next_offset"), int):
            raise UnreachableError("the answer lacks next_offset")
        return reply["next_offset"], str(reply.get("command", "continue"))

    def finish(self, cause: str, message: str) -> None:
        """Say why the attempt ends."""
        self._post("finish", json={"cause": cause, "message": message})

    def _post(self, path: str, **request: Any) -> dict[str, Any]:
        try:
            response = self._http.post(path, **request)
        except httpx.TransportError as error:
            raise UnreachableError(str(error)) from error
        try:
            return _reply(response)
        except UnreachableError:
            # Kept connections would go on leading to what stood in for the backend.
            self._http = self._connect()
            raise


def _reply(response: httpx.Response) -> dict[str, Any]:
    if response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR or response.status_code in {
        httpx.codes.REQUEST_TIMEOUT,
        httpx.codes.TOO_MANY_REQUESTS,
    }:
        raise UnreachableError(f"the backend answered {response.status_code}")
    try:
        body = response.json() if response.content else {}
    except ValueError:
        body = {}
    if not isinstance(body, dict):
        body = {}
    if response.is_success:
        return body
    if "problem+json" not in response.headers.get("content-type", ""):
        # That was no backend: some proxy on the way, as happens while one is replaced.
        raise UnreachableError(f"something answered {response.status_code}")
    if isinstance(body.get("next_offset"), int):
        raise OffsetAheadError(body["next_offset"])
    if response.status_code in _ENDED:
        raise StaleError(body.get("detail") or "the attempt has ended")
    raise RejectedError(f"the backend answered {response.status_code}: {body.get('detail')}")


@dataclass(frozen=True)
class StoredObject:
    """What the store tells of an object."""

    size: int
    sha256: str | None
    epoch: int | None


class Store:
    """The object store, as far as a trainer needs it; `moved` hears of bytes as they move."""

    def __init__(
        self, attempt: Attempt, abandon: Event, moved: Callable[[int], None] | None = None
    ) -> None:
        self._abandon = abandon
        self._moved = moved
        self._s3 = boto3.client(
            "s3",
            endpoint_url=attempt.s3_endpoint,
            aws_access_key_id=attempt.s3_access_key,
            aws_secret_access_key=attempt.s3_secret_key,
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
        """What is stored under `key`, or None."""

        def head() -> StoredObject:
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
            AttemptError: the store is unreachable or refuses.
        """
        self._ask(lambda: self._s3.download_file(bucket, key, str(target), Callback=self._moved))
        return file_sha256(target)

    def upload(self, source: Path, bucket: str, key: str, epoch: int | None = None) -> None:
        """Store `source` under `key` with its sha256 (and `epoch`) as metadata; all or nothing.

        Raises:
            AttemptError: the store is unreachable or refuses.
        """
        metadata = {"sha256": file_sha256(source)}
        if epoch is not None:
            metadata["epoch"] = str(epoch)
        self._ask(
            lambda: self._s3.upload_file(
                str(source), bucket, key, ExtraArgs={"Metadata": metadata}, Callback=self._moved
            )
        )

    def _ask(self, call: Callable[[], T]) -> T:
        def once() -> T:
            try:
                return call()
            except botocore.exceptions.ClientError as error:
                code = error.response["Error"].get("Code", "")
                status = error.response["ResponseMetadata"].get("HTTPStatusCode", 0)
                if code in _MISSING:
                    raise FileNotFoundError(code) from error
                if status >= httpx.codes.INTERNAL_SERVER_ERROR or code == "SlowDown":
                    raise UnreachableError(str(error)) from error
                raise AttemptError(
                    Cause.STORAGE_UNAVAILABLE,
                    f"The object store refused a request ({code}): check the store's credentials "
                    "and permissions, then retry the job.",
                ) from error
            except (boto3.exceptions.Boto3Error, botocore.exceptions.BotoCoreError) as error:
                raise UnreachableError(str(error)) from error

        try:
            return persistently(once, self._abandon, _STORE_PATIENCE_S)
        except UnreachableError as error:
            raise AttemptError(
                Cause.STORAGE_UNAVAILABLE,
                f"The object store did not answer for {_STORE_PATIENCE_S} s ({error}): "
                "check that it runs and is reachable, then retry the job.",
            ) from error


def file_sha256(path: Path) -> str:
    """The file's sha256 in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
