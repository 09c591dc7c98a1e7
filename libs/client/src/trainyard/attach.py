"""Shows a training that somebody's own script does with Ultralytics as a job of the platform."""

import contextlib
import hashlib
import io
import logging
import math
import queue
import threading
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx

from trainyard.client import Client
from trainyard.errors import Refused, TrainyardError
from trainyard.generated.api.artifacts import put_artifact
from trainyard.generated.api.jobs import attach_job, cancel_job
from trainyard.generated.api.trainers import get_trainer
from trainyard.generated.models import (
    ArtifactPut,
    JobAttach,
    JobAttachConfig,
    JobAttached,
    Task,
    TrainerOut,
)

_ultralytics = logging.getLogger("ultralytics")
_PATIENCE_S = 30  # that the end of a training waits for a server that is away
_LOG_PART = 1 << 18
_FILES = ("weights/best.pt", "weights/last.pt", "results.csv", "args.yaml")


def attach(model: Any, *, name: str | None = None, client: Client | None = None) -> None:
    """Show each `model.train(…)` from here on as a job: its epochs, its log, its files.

    Its page can end it after its epoch (finish, cancel). A server that is away, or refuses, is a
    warning: the training goes on without it. With several GPUs, Ultralytics trains in other
    processes, of which the job tells only the end.

    Args:
        model: an Ultralytics model, e.g. `YOLO("yolo11n.pt")`.
        name: of the job; without it that of the run's folder.
        client: the server; without it as `Client()` finds it.
    """
    reporter = _Reporter(client or Client(), name)
    for event, callback in reporter.callbacks().items():
        model.add_callback(event, callback)
    train = model.train

    def train_and_tell(*arguments: Any, **settings: Any) -> Any:
        try:
            return train(*arguments, **settings)
        except BaseException as error:
            reporter.fail(error)
            raise

    model.train = train_and_tell


class _Reporter:
    """Ultralytics' callbacks; each training has a job, and a thread that talks to the server."""

    def __init__(self, client: Client, name: str | None) -> None:
        self._client = client
        self._name = name
        self._job: _Job | None = None
        self._trained = -1  # the epoch whose batches are done
        self._folder = Path()

    def callbacks(self) -> dict[str, Callable[[Any], None]]:
        names = ("train_start", "train_batch_end", "train_epoch_end", "fit_epoch_end", "train_end")
        return {f"on_{name}": getattr(self, name) for name in names}

    def train_start(self, trainer: Any) -> None:
        self._folder, self._trained = Path(trainer.save_dir), -1
        try:
            told = _create(self._client, self._name or self._folder.name, trainer)
        except TrainyardError as error:
            warnings.warn(f"This training is not shown by Trainyard: {error}", stacklevel=2)
            self._job = None
            return
        self._job = _Job(self._client, told)
        _ultralytics.info("Trainyard shows this as job %s: %s", told.id, self._client.url)

    def train_batch_end(self, trainer: Any) -> None:
        if self._job:
            self._job.step += 1

    def train_epoch_end(self, trainer: Any) -> None:
        self._trained = trainer.epoch
        self._obey(trainer)  # before the validation, which the last epoch is never without

    def fit_epoch_end(self, trainer: Any) -> None:
        if self._job is None or self._trained != trainer.epoch:
            return
        # Called once more for the final validation, which belongs to no epoch.
        self._trained = -1
        found = trainer.label_loss_items(trainer.tloss, prefix="train") | trainer.metrics
        self._job.tell(
            epoch=trainer.epoch,
            metrics=_numbers(found | trainer.lr),
            progress=min(1.0, (trainer.epoch + 1) / trainer.epochs),
        )
        self._obey(trainer)

    def _obey(self, trainer: Any) -> None:
        if self._job and self._job.command != "continue":
            trainer.stop = True

    def train_end(self, trainer: Any) -> None:
        if self._job is None:
            return
        # Those of best.pt, which was validated last.
        self._job.tell(metrics=_numbers(trainer.metrics), progress=1.0)
        self._end("preempted" if self._job.command == "stop" else "completed", "")

    def fail(self, error: BaseException) -> None:
        """The training has ended by an exception; Ctrl-C cancels the job."""
        if self._job is None:
            return
        if isinstance(error, KeyboardInterrupt):
            with contextlib.suppress(TrainyardError):
                self._client.call(cancel_job, id=self._job.id)
            self._end("preempted", "It was interrupted.")
            return
        memory = "OutOfMemoryError" in type(error).__name__
        cause = "gpu_out_of_memory" if memory else "trainer_crashed"
        self._end(cause, f"{type(error).__name__}: {error}")

    def _end(self, cause: str, message: str) -> None:
        job, self._job = self._job, None
        if job is not None:
            there = [self._folder / name for name in _FILES]
            files = [path for path in there if path.is_file()]
            job.end(files, cause, message)


class _Job:
    """A job, with a thread that sends heartbeats and the log; every method returns at once but `end`."""

    def __init__(self, client: Client, told: JobAttached) -> None:
        self.id = told.id
        self.command = "continue"
        self.step = 0
        self._client = client
        self._http = httpx.Client(
            base_url=f"{client.url}/api/v1/jobs/{told.id}",
            headers={"Authorization": f"Bearer {told.token}"},
            timeout=httpx.Timeout(30, connect=5),
        )
        self._beats = queue.SimpleQueue[dict[str, Any] | None]()
        self._log = _Log()
        self._seq = self._sent_log = 0
        self._gone = False  # the server wants no more
        self._until = math.inf
        _ultralytics.addHandler(self._log)
        self._thread = threading.Thread(target=self._run, name="trainyard", daemon=True)
        self._thread.start()

    def tell(self, **fields: Any) -> None:
        """Send these fields of a heartbeat, after what was told before."""
        self._beats.put(fields)

    def end(self, files: list[Path], cause: str, message: str) -> None:
        """Upload files, send what is left, and end the job."""
        _ultralytics.removeHandler(self._log)
        self._until = time.monotonic() + _PATIENCE_S
        try:
            for path in files:
                if not self._gone:
                    _upload(self._client, self.id, path)
        except (TrainyardError, OSError) as error:
            warnings.warn(f"Job {self.id} lacks files: {error}", stacklevel=2)
        self._beats.put(None)
        self._thread.join()
        if not self._gone:
            self._post("/finish", {"cause": cause, "message": message[:2000]})
        self._http.close()

    def _run(self) -> None:
        pause = 0.0
        while True:
            try:
                fields = self._beats.get(timeout=pause)
            except queue.Empty:
                fields = {}
            if fields is None:
                self._send_log()
                return
            self._seq += 1
            beat = {"seq": self._seq, "phase": "training", "step": self.step} | fields
            reply = self._post("/heartbeat", beat)
            self.command = reply.get("command", self.command)
            pause = float(reply.get("interval_s", 2))
            self._send_log()

    def _send_log(self) -> None:
        while not self._gone and (part := self._log.after(self._sent_log)):
            before = self._sent_log
            reply = self._post(f"/logs?offset={before}", part)
            self._sent_log = int(reply.get("next_offset", before))
            if self._sent_log == before:
                return

    def _post(self, path: str, body: dict[str, Any] | bytes) -> dict[str, Any]:
        """What the server answers; empty once it wants no more, or was not there until the end."""
        content: dict[str, Any] = {"content": body} if isinstance(body, bytes) else {"json": body}
        pause = 0.2
        while not self._gone:
            try:
                response = self._http.post(path, **content)
            except httpx.TransportError:
                response = None
            if response is not None and not response.is_server_error:
                reply = response.json() if response.content else {}
                if response.is_success or "next_offset" in reply:
                    return dict(reply)
                warnings.warn(f"Job {self.id} is told no more: {reply.get('detail')}", stacklevel=2)
                self._gone = True
            elif time.monotonic() > self._until:
                warnings.warn(f"No answer from {self._client.url}; job {self.id}", stacklevel=2)
                self._gone = True
            else:
                time.sleep(pause)
                pause = min(2 * pause, 5)
        return {}


class _Log(logging.Handler):
    """Keeps what Ultralytics logs until it is sent."""

    def __init__(self) -> None:
        super().__init__()
        self._bytes = io.BytesIO()

    def emit(self, record: logging.LogRecord) -> None:
        self._bytes.seek(0, io.SEEK_END)
        self._bytes.write(self.format(record).encode(errors="replace") + b"\n")

    def after(self, offset: int) -> bytes:
        with self.lock or contextlib.nullcontext():
            self._bytes.seek(offset)
            return self._bytes.read(_LOG_PART)


def _create(client: Client, name: str, trainer: Any) -> JobAttached:
    """A new job, with those of the script's arguments that are config fields of the platform."""
    known: TrainerOut = client.call(get_trainer, name="ultralytics")
    fields = known.config_schema.to_dict()["properties"]
    config = {key: value for key, value in vars(trainer.args).items() if key in fields}
    architecture = (getattr(trainer.model, "yaml", None) or {}).get("yaml_file")
    config["model"] = Path(architecture or str(trainer.args.model)).stem
    while True:
        body = JobAttach(Task(str(trainer.args.task)), name=name[:100], config=JobAttachConfig())
        body.config.additional_properties = config  # type: ignore[union-attr]
        try:
            told: JobAttached = client.call(attach_job, body=body)
        except Refused as error:
            wrong = {field.removeprefix("config.") for field in error.errors}
            left = {key: value for key, value in config.items() if key not in wrong}
            if left == config:
                raise
            config = left
        else:
            return told


def _upload(client: Client, job_id: str, path: Path) -> None:
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        size = path.stat().st_size
        link = client.call(put_artifact, id=job_id, body=ArtifactPut(path.name, size, sha256))
        file.seek(0)
        headers = {"Content-Length": str(size), "x-amz-meta-sha256": sha256}
        try:
            httpx.put(link, content=file, headers=headers, timeout=60).raise_for_status()
        except httpx.HTTPError as error:
            raise TrainyardError(f"the object store did not take {path.name}: {error}") from error


def _numbers(metrics: Mapping[str, Any]) -> dict[str, float | None]:
    """JSON has no NaN: a diverged value is null."""
    floats = {name: float(value) for name, value in metrics.items()}
    return {name: value if math.isfinite(value) else None for name, value in floats.items()}
