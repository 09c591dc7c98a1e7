"""What a trainer of your own does for Trainyard beside training: install this module, or copy it.

    with trainyard_trainer.attempt() as attempt:
        data = attempt.dataset()
        checkpoint = attempt.resume()
        for epoch in range(checkpoint.epoch + 1 if checkpoint else 0, attempt.config["epochs"]):
            ...
            attempt.report(epoch, {"loss": loss})
            attempt.save_checkpoint("state.pt", epoch)
            if attempt.ending:
                break
        attempt.save("best.pt")

It speaks the training contract over HTTP and S3 and needs nothing else of Trainyard.
"""

import contextlib
import hashlib
import json
import os
import re
import shutil
import signal
import stat
import sys
import tempfile
import time
import zipfile
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple

import boto3
import requests
from botocore.config import Config

_SIGTERM_EXIT = 128 + signal.SIGTERM
_PATIENCE_S = 120  # for a backend that does not answer, at the end of the attempt
_MAX_MESSAGE = 2000  # characters
_RENEWED_BEFORE = timedelta(minutes=30)  # boto3 looks when 15 are left
# The most that an archive may unpack to: of small ones flat pictures compress beyond any ratio.
_MAX_RATIO, _RATIO_FREE_BYTES = 100, 64 << 20
_MAX_FILES = 2_000_000
# Some stores refuse the checksums that SDKs send by default.
_S3 = Config(
    request_checksum_calculation="when_required", response_checksum_validation="when_required"
)


class Failed(Exception):  # noqa: N818 - it reads as what has happened to the attempt
    """Ends the attempt with a cause of the contract; the message is what its user reads."""

    def __init__(self, cause: str, message: str) -> None:
        super().__init__(message)
        self.cause = cause


class Dataset(NamedTuple):
    """The dataset's files that training reads, and no others.

    `images` holds each split's images with their label files (or None).
    """

    folder: Path
    names: list[str]
    images: dict[str, list[tuple[Path, Path | None]]]


class Checkpoint(NamedTuple):
    """What the next attempt goes on from; `epoch` is the last finished one, from 0."""

    path: Path
    epoch: int


class Attempt:
    """One attempt of a job.

    Attributes:
        folder: for the attempt's files; it vanishes at the end.
        job_id: 12 hexadecimal digits.
        number: 1, 2, …
        task: the dataset's task.
        config: the job's config, complete with defaults.
        ending: whether a report was told to end after this epoch: leave the loop.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.job_id = os.environ["JOB_ID"]
        self.number = int(os.environ["ATTEMPT"])
        self.task = os.environ["TASK"]
        self.config: dict[str, Any] = json.loads(os.environ["TRAIN_CONFIG"])
        self.ending = False
        self._stopped = self._is_uploading = self._is_terminated = False
        self._datasets, self._models = os.environ["DATASETS_BUCKET"], os.environ["MODELS_BUCKET"]
        self._dataset_id = os.environ["DATASET_ID"]
        self._s3 = boto3.client("s3", endpoint_url=os.environ["S3_ENDPOINT"], config=_S3)
        self._callbacks = f"{os.environ['BACKEND_URL']}/api/v1/jobs/{self.job_id}"
        self._http = requests.Session()
        self._http.headers["Authorization"] = f"Bearer {os.environ['CALLBACK_TOKEN']}"
        self._unsent: list[dict[str, Any]] = []
        self._images: dict[str, int] = {}

    def report(
        self, epoch: int | None = None, metrics: dict[str, float] | None = None, **fields: Any
    ) -> None:
        """Send a heartbeat, and see from the reply whether to end.

        Further fields: `step`, `progress` (0 … 1), `speed` and the others of the contract. While
        the backend does not answer, reports wait for the next one.
        """
        told: dict[str, Any] = {"metrics": metrics or {}, **fields}
        self._unsent.append(told if epoch is None else {"epoch": epoch, **told})
        self._send()

    def dataset(self) -> Dataset:
        """Download the dataset, and unpack what its check found usable."""
        archive, index = self.folder / "dataset.zip", self.folder / "dataset.jsonl"
        for path, variable in ((archive, "DATASET_SHA256"), (index, "DATASET_INDEX_SHA256")):
            key = f"{self._dataset_id}{path.suffix}"
            self._s3.download_file(self._datasets, key, str(path))
            wanted = os.environ.get(variable)
            if wanted and _sha256(path) != wanted:
                raise _unusable(f"{key} was damaged or changed after the upload; push it again")
        dataset = unpack(archive, index, self.folder / "dataset")
        archive.unlink()
        self._images = {split: len(found) for split, found in dataset.images.items()}
        return dataset

    def resume(self) -> Checkpoint | None:
        """Download the newest checkpoint of the job's earlier attempts; None where there is none."""
        path = self.folder / "resumed"
        for number in range(self.number - 1, 0, -1):
            key = f"{self.job_id}/{number}/checkpoint"
            # AWS refuses to say of one object that it is not there.
            found = self._s3.list_objects_v2(Bucket=self._models, Prefix=key, MaxKeys=1)
            if key not in [item["Key"] for item in found.get("Contents", [])]:
                continue
            meta = self._s3.head_object(Bucket=self._models, Key=key)["Metadata"]
            self._s3.download_file(self._models, key, str(path))
            if _sha256(path) == meta["sha256"]:
                return Checkpoint(path, int(meta["epoch"]))
        return None

    def save_checkpoint(self, path: str | Path, epoch: int) -> None:
        """Store what the next attempt goes on from; `epoch` is the last finished one, from 0."""
        self._upload(Path(path), "checkpoint", epoch=str(epoch))

    def save(self, path: str | Path, name: str = "") -> None:
        """Keep a file as an artifact of the job; `best.pt` is the model."""
        self._upload(Path(path), f"artifacts/{name or Path(path).name}")

    def save_evaluation(
        self,
        weights: str | Path,
        metric: str,
        metrics: dict[str, float],
        *,
        epoch: int,
        split: str = "val",
        classes: list[dict[str, Any]] | None = None,
        interim: bool = False,
        **further: Any,
    ) -> None:
        """Tell how good the model is: `evaluation.json`, and the job's metrics unless `interim`.

        Args:
            weights: the model's file, an artifact.
            metric: the main one of `metrics`.
            metrics: over all classes.
            epoch: that the weights are of.
            split: that they were measured on.
            classes: each with index, name, images, instances and metrics.
            interim: the training goes on.
            further: `curves`, `confusion` and others (docs/evaluation.schema.json).
        """
        images = self._images.get(split, 0)
        instances = sum(one["instances"] for one in classes) if classes else images
        data = {"dataset_id": self._dataset_id, "sha256": os.environ.get("DATASET_SHA256")}
        document = {
            "format": 1,
            "task": self.task,
            "interim": interim,
            "weights": {"name": Path(weights).name, "sha256": _sha256(Path(weights))},
            "data": {**data, "split": split, "images": images, "instances": instances},
            "best": {"epoch": epoch, "metric": metric, "value": metrics[metric]},
            "metrics": metrics,
            "classes": classes or [],
            **further,
        }
        path = self.folder / "evaluation.json"
        path.write_text(json.dumps(document))
        self.save(path)
        if not interim:
            self.report(None, {**metrics, "best/epoch": epoch})

    def finish(self, cause: str, message: str) -> None:
        """Tell why the attempt ends; without it the exit code does."""
        with contextlib.suppress(requests.RequestException):
            self._post("finish", {"cause": cause, "message": message[:_MAX_MESSAGE]})

    def _renew_keys(self) -> None:
        """Ask for the store's keys anew before they expire; boto3 reads the variables again by itself."""
        until = os.environ.get("AWS_CREDENTIAL_EXPIRATION")
        now = datetime.now(UTC)
        if until and datetime.fromisoformat(until) - now < _RENEWED_BEFORE:
            reply = self._post("credentials", {})
            reply.raise_for_status()
            os.environ.update(reply.json())

    def _upload(self, path: Path, name: str, **metadata: str) -> None:
        self._renew_keys()
        # Some stores keep an object whose upload was cut, in place of the one before.
        self._is_uploading = True
        try:
            self._s3.upload_file(
                str(path),
                self._models,
                f"{self.job_id}/{self.number}/{name}",
                ExtraArgs={"Metadata": {"sha256": _sha256(path), **metadata}},
            )
        finally:
            self._is_uploading = False
        if self._is_terminated:
            sys.exit(_SIGTERM_EXIT)

    def _on_sigterm(self, *_: Any) -> None:
        self._is_terminated = True
        if not self._is_uploading:
            sys.exit(_SIGTERM_EXIT)

    def _send(self) -> None:
        """Send what waits, the oldest first; a report that was refused is dropped."""
        while self._unsent:
            try:
                reply = self._post("heartbeat", self._unsent[0])
            except requests.RequestException:
                return
            if reply.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
                return
            del self._unsent[0]
            if reply.status_code == HTTPStatus.CONFLICT:
                sys.exit("A later attempt of the job runs: this one leaves.")
            if not reply.ok:
                print(f"The backend refused a report: {reply.text}", file=sys.stderr)
                continue
            command = reply.json()["command"]
            self.ending |= command in {"finish", "stop"}
            self._stopped |= command == "stop"

    def _end(self) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while self._unsent and time.monotonic() < deadline:
            self._send()
            if self._unsent:
                time.sleep(1)
        if self._stopped:
            sys.exit(_SIGTERM_EXIT)

    def _post(self, path: str, body: dict[str, Any]) -> requests.Response:
        return self._http.post(f"{self._callbacks}/{path}", json=body, timeout=10)


def unpack(archive: Path, index: Path, folder: Path) -> Dataset:
    """Write the files that the index lists into `folder`.

    Raises:
        Failed: the archive or its index cannot be used.
    """
    images: dict[str, list[tuple[Path, Path | None]]] = {}
    limit = max(archive.stat().st_size * _MAX_RATIO, _RATIO_FREE_BYTES)
    try:
        with index.open(encoding="utf-8") as lines, zipfile.ZipFile(archive) as source:
            names = json.loads(next(lines, ""))["names"]
            files = _Archive(source, folder, limit)
            for batch in map(json.loads, lines):
                images.setdefault(batch["split"], []).extend(
                    (files.extract(image), files.extract(label) if label else None)
                    for image, label in batch["files"]
                )
    except (
        *(zipfile.BadZipFile, zlib.error, EOFError, OverflowError, RuntimeError),  # zipfile's
        *(FileExistsError, IsADirectoryError, NotADirectoryError),  # two entries for one path
        *(AttributeError, KeyError, TypeError, ValueError),  # the index's
    ) as error:
        raise _unusable(f"archive and index do not fit ({error!r})") from error
    return Dataset(folder, names, images)


class _Archive:
    """Writes files of an archive, which is hostile, into a folder, at most `limit` bytes."""

    def __init__(self, source: zipfile.ZipFile, folder: Path, limit: int) -> None:
        self._source, self._folder, self._left = source, folder, limit
        self._entries = {_path(info): info for info in source.infolist()}
        if len(self._entries) > _MAX_FILES:
            raise _unusable(f"it has more than {_MAX_FILES} files")

    def extract(self, name: str) -> Path:
        shown = repr(name[:100])
        if "\\" in name or {"", ".", ".."} & {*name.split("/")}:
            raise _unusable(f"the path {shown} is absolute or leaves its folder")
        target, info = self._folder / name, self._entries[name]
        if target.is_file():
            return target  # an image of two splits, or the label file of two images
        if stat.S_IFMT(info.external_attr >> 16) not in {0, stat.S_IFREG}:
            raise _unusable(f"{shown} is a link or a special file")
        self._left -= info.file_size
        if self._left < 0:
            raise _unusable("it would unpack to too many bytes: it looks like a bomb")
        target.parent.mkdir(parents=True, exist_ok=True)
        with self._source.open(info) as data, target.open("xb") as file:
            shutil.copyfileobj(data, file, 1 << 20)
        return target


def _path(info: zipfile.ZipInfo) -> str:
    r"""The entry's path as the index has it: in UTF-8, with `/` for `\`, no `./` in front."""
    name = info.orig_filename
    if not (name.isascii() or info.flag_bits & 0x800):  # the flag of UTF-8, which macOS leaves out
        with contextlib.suppress(UnicodeError):
            name = name.encode("cp437").decode()
    # After a letter beyond ASCII it may be half of a double-byte one.
    name = re.sub(r"(?<![^\x00-\x7f])\\", "/", name).replace("\\", "_")
    while name.startswith("./"):
        name = name[2:].lstrip("/")
    return name.rstrip("/")


def _unusable(why: str) -> Failed:
    return Failed("dataset_invalid", f"The dataset cannot be used: {why}.")


@contextlib.contextmanager
def attempt() -> Iterator[Attempt]:
    """The attempt that this process is for; SIGTERM ends it with the contract's exit code."""
    # Under a launcher this is a work folder that vanishes; in an image it may be read-only.
    here = "." if os.access(".", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="attempt-", dir=here) as folder:
        running = Attempt(Path(folder).absolute())
        signal.signal(signal.SIGTERM, running._on_sigterm)
        try:
            yield running
            running._end()
        except Exception as error:
            running.finish(*_told(error))
            raise


def _told(error: Exception) -> tuple[str, str]:
    """The cause of the attempt's end, and its message."""
    if isinstance(error, Failed):
        return error.cause, str(error)
    memory = {"MemoryError": "out_of_memory", "OutOfMemoryError": "gpu_out_of_memory"}
    name = type(error).__name__
    return memory.get(name, "trainer_crashed"), f"{name}: {error}"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
