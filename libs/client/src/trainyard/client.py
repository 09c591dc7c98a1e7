"""The client for scripts and notebooks: the code of `async_client.py`, without an event loop."""

import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

import httpx

from trainyard.async_client import AsyncClient, AsyncJob, AsyncTransport
from trainyard.generated.models import ArtifactOut, DatasetOut, JobOut, MetricsOut

if TYPE_CHECKING:
    import pandas as pd

_T = TypeVar("_T")


class _Transport(AsyncTransport):
    """Blocks instead of waiting, so that the coroutines above it never suspend."""

    async def call(self, operation: ModuleType, arguments: dict[str, Any]) -> Any:
        return operation.sync_detailed(client=self.api, **arguments)

    async def sleep(self, seconds: float) -> None:
        time.sleep(seconds)  # noqa: ASYNC251 - there is no event loop

    async def put(self, url: str, part: Iterator[bytes], length: int) -> httpx.Response:
        headers = {"Content-Length": str(length)}
        return httpx.put(url, content=part, headers=headers, timeout=self.timeout)  # noqa: ASYNC210

    async def download(self, url: str, write: Callable[[bytes], object]) -> None:
        with httpx.stream("GET", url, timeout=self.timeout) as response:
            response.raise_for_status()
            for chunk in response.iter_bytes():
                write(chunk)


class _BlockingClient(AsyncClient):
    def _make_transport(self, token: str | None) -> AsyncTransport:
        return _Transport(self.url, token)


def _run(work: Coroutine[Any, Any, _T]) -> _T:
    try:
        work.send(None)
    except StopIteration as end:
        result: _T = end.value
        return result
    raise AssertionError("a coroutine over the blocking transport has suspended")


class Client:
    """A Trainyard server.

    Args:
        url: of the server; without it the variable YARD_URL, else the `yard dev` of this folder
            or one above, else the one that `yard login` or `yard context use` chose, else the only
            `yard dev` of the user that runs on this machine, else http://localhost:30080.
        token: of its API; without it that of the user's `yard dev` at this URL, else the variable
            YARD_TOKEN, else what `yard login` has stored for this URL.
    """

    def __init__(self, url: str | None = None, *, token: str | None = None) -> None:
        self._client = _BlockingClient(url, token=token)
        self.url = self._client.url

    def call(self, operation: ModuleType, **arguments: Any) -> Any:
        """What an operation of `trainyard.generated.api` answers, a module there.

        Raises:
            Refused: the server refuses it.
            Unreachable: there is no answer.
        """
        return _run(self._client.call(operation, **arguments))

    def push(self, folder: str | Path, *, task: str, name: str | None = None) -> DatasetOut:
        """Upload a folder as a new version of a dataset; returns it once it is checked.

        Raises:
            TrainyardError: the check has rejected it; the message has the problems.
        """
        return _run(self._client.push(folder, task=task, name=name))

    def dataset(self, reference: str) -> DatasetOut:
        """A dataset by `NAME` (its newest ready version) or `NAME@VERSION`."""
        return _run(self._client.dataset(reference))

    def train(
        self,
        dataset: str | DatasetOut,
        *,
        trainer: str = "ultralytics",
        name: str | None = None,
        weights: str | None = None,
        cpu: float | None = None,
        memory: str | None = None,
        gpu: int | None = None,
        nodes: int | None = None,
        **config: Any,
    ) -> "Job":
        """Submit a training; returns at once.

        Args:
            dataset: `NAME`, `NAME@VERSION`, or what `push` has returned.
            trainer: its name.
            name: of the job, for lists.
            weights: what to start from, e.g. `yolo11n.pt`, `job:ID` or `none`.
            cpu: cores; without it the trainer's default, as for memory, gpu and nodes.
            memory: e.g. `4Gi`.
            gpu: how many.
            nodes: machines of a cluster that train together, each with all of these.
            config: config fields of the trainer, e.g. `model="yolo11n", epochs=20`.

        Raises:
            Refused: the server refuses it; `errors` says by field what is wrong.
        """
        submitted = self._client.train(
            dataset,
            trainer=trainer,
            name=name,
            weights=weights,
            cpu=cpu,
            memory=memory,
            gpu=gpu,
            nodes=nodes,
            **config,
        )
        return Job(_run(submitted))

    def job(self, reference: str) -> "Job":
        """A job by its id, or the newest one of a name."""
        return Job(_run(self._client.job(reference)))


class Job:
    """A job; `state` is what the server told last."""

    def __init__(self, job: AsyncJob) -> None:
        self._job = job

    @property
    def id(self) -> str:
        """12 hexadecimal digits."""
        return self._job.id

    @property
    def state(self) -> JobOut:
        """What the server told last."""
        return self._job.state

    def __repr__(self) -> str:
        return repr(self._job)

    def refresh(self) -> JobOut:
        """Ask the server for the job's state."""
        return _run(self._job.refresh())

    def wait(self) -> JobOut:
        """Wait for the job's end.

        Raises:
            JobFailed: it has failed or was cancelled.
        """
        return _run(self._job.wait())

    def cancel(self) -> None:
        """Stop it."""
        _run(self._job.cancel())

    def finish(self) -> None:
        """End it after its epoch, with its best model."""
        _run(self._job.finish())

    def epochs(self) -> list[MetricsOut]:
        """The metrics of each epoch."""
        return _run(self._job.epochs())

    def metrics(self) -> "pd.DataFrame":
        """The metrics by epoch: a row for each, a column for each metric. It needs pandas."""
        return _run(self._job.metrics())

    def log(self) -> str:
        """What the trainer has printed so far."""
        return _run(self._job.log())

    def artifacts(self) -> list[ArtifactOut]:
        """The files that the job has left so far, with links to download them."""
        return _run(self._job.artifacts())

    def model(self, folder: str | Path | None = None, name: str = "best.pt") -> Path:
        """Download the model, or another artifact, and compare its sha256; returns its path.

        Args:
            folder: where to; without it `models/ID`.
            name: of the artifact.
        """
        return _run(self._job.model(folder, name))
