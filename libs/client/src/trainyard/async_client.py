"""The client as coroutines. `client.py` runs the same code without an event loop."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

import httpx

from trainyard import servers
from trainyard.errors import JobFailed, Refused, TrainyardError, Unreachable
from trainyard.generated.api.artifacts import list_artifacts
from trainyard.generated.api.datasets import (
    complete_upload,
    create_dataset,
    get_dataset,
    list_datasets,
)
from trainyard.generated.api.jobs import (
    cancel_job,
    create_job,
    finish_early,
    get_job,
    list_jobs,
    list_metrics,
    read_log,
)
from trainyard.generated.client import AuthenticatedClient
from trainyard.generated.client import Client as OpenClient
from trainyard.generated.models import (
    ArtifactOut,
    CompletedPart,
    DatasetCreate,
    DatasetCreated,
    DatasetOut,
    DatasetStatus,
    JobCreate,
    JobCreateConfig,
    JobOut,
    JobStatus,
    MetricsOut,
    ProblemOut,
    Resources,
    Task,
    Upload,
    UploadComplete,
)
from trainyard.generated.types import UNSET

if TYPE_CHECKING:
    import pandas as pd

_T = TypeVar("_T")
FINISHED = {JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED}


class AsyncTransport:
    """How requests are sent: here by coroutines."""

    timeout = httpx.Timeout(60, connect=5)

    def __init__(self, url: str, token: str | None) -> None:
        self.api = (
            AuthenticatedClient(base_url=url, token=token, timeout=self.timeout)
            if token
            else OpenClient(base_url=url, timeout=self.timeout)
        )

    async def call(self, operation: ModuleType, arguments: dict[str, Any]) -> Any:
        """The response of an operation of the generated client."""
        return await operation.asyncio_detailed(client=self.api, **arguments)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def put(self, url: str, part: Iterator[bytes], length: int) -> httpx.Response:
        """Send the bytes of a part to a link of the object store."""

        async def chunks() -> AsyncIterator[bytes]:
            for chunk in part:
                yield chunk

        headers = {"Content-Length": str(length)}
        async with httpx.AsyncClient(timeout=self.timeout) as http:
            return await http.put(url, content=chunks(), headers=headers)

    async def download(self, url: str, write: Callable[[bytes], object]) -> None:
        """Have what a link of the object store leads to."""
        async with (
            httpx.AsyncClient(timeout=self.timeout) as http,
            http.stream("GET", url) as response,
        ):
            response.raise_for_status()
            async for chunk in response.aiter_bytes():
                write(chunk)


class AsyncClient:
    """A Trainyard server.

    Args:
        url: of the server; without it the variable YARD_URL, else the `yard dev` of this folder
            or one above, else the one that `yard login` or `yard context use` chose, else the only
            `yard dev` of the user that runs on this machine, else http://localhost:30080.
        token: of its API; without it that of the user's `yard dev` at this URL, else the variable
            YARD_TOKEN, else what `yard login` has stored for this URL.
    """

    def __init__(self, url: str | None = None, *, token: str | None = None) -> None:
        self.url, token = servers.chosen(url, token)
        self._transport = self._make_transport(token)

    def _make_transport(self, token: str | None) -> AsyncTransport:
        return AsyncTransport(self.url, token)

    async def call(self, operation: ModuleType, **arguments: Any) -> Any:
        """What an operation of `trainyard.generated.api` answers, a module there.

        Raises:
            Refused: the server refuses it.
            Unreachable: there is no answer.
        """
        response = await _reached(self._transport.call(operation, arguments), self.url)
        if isinstance(problem := response.parsed, ProblemOut):
            errors = {one.field: one.message for one in problem.errors or ()}
            raise Refused(problem.detail, int(response.status_code), errors)
        if response.status_code >= httpx.codes.BAD_REQUEST:
            raise Refused(response.content.decode(errors="replace"), int(response.status_code))
        return response.parsed if response.parsed is not None else response.content

    async def push(self, folder: str | Path, *, task: str, name: str | None = None) -> DatasetOut:
        """Upload a folder as a new version of a dataset; returns it once it is checked.

        Raises:
            TrainyardError: the check has rejected it; the message has the problems.
        """
        from trainyard_datasets.folder import Folder  # noqa: PLC0415 - pushing alone needs it
        from trainyard_datasets.packing import Package, PackageError  # noqa: PLC0415

        folder = Path(folder)
        if not folder.is_dir():
            raise TrainyardError(f"{folder} is not a folder. Name the dataset's folder.")
        try:
            package = Package(Folder(folder))
            sha256 = package.sha256(lambda _: None)
            body = DatasetCreate(name or folder.resolve().name, Task(task), package.size, sha256)
            created: DatasetCreated = await self.call(create_dataset, body=body)
            if isinstance(plan := created.upload, Upload):
                parts = []
                for part in plan.parts:
                    start = (part.number - 1) * plan.part_size
                    length = min(plan.part_size, package.size - start)
                    sent = self._transport.put(part.url, package.read(start, length), length)
                    etag = _stored(await _reached(sent, "the object store"))
                    parts.append(CompletedPart(part.number, etag))
                await self.call(complete_upload, id=created.id, body=UploadComplete(parts))
        except PackageError as error:
            raise TrainyardError(str(error)) from error
        while True:
            dataset: DatasetOut = await self.call(get_dataset, id=created.id)
            if dataset.status is DatasetStatus.READY:
                return dataset
            if dataset.status is DatasetStatus.REJECTED:
                problems = (dataset.report and dataset.report.problems) or []
                raise TrainyardError(
                    f"{dataset.name}@{dataset.version} was rejected: "
                    + " ".join(one.message for one in problems)
                )
            await self._transport.sleep(0.3)

    async def dataset(self, reference: str) -> DatasetOut:
        """A dataset by `NAME` (its newest ready version) or `NAME@VERSION`."""
        name, _, version = reference.partition("@")
        status = UNSET if version else [DatasetStatus.READY]
        wanted = int(version) if version.isdecimal() else UNSET
        found = await self.call(list_datasets, name=name, version=wanted, status=status, limit=1)
        if not found.items:
            raise Refused(f"{self.url} has no dataset {reference} that is ready.", 404)
        dataset: DatasetOut = found.items[0]
        return dataset

    async def train(
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
    ) -> "AsyncJob":
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
        """
        found = dataset if isinstance(dataset, DatasetOut) else await self.dataset(dataset)
        fields = JobCreateConfig()
        fields.additional_properties = config
        asked = {"cpu": cpu, "memory": memory, "gpu": gpu, "nodes": nodes}
        given = {key: value for key, value in asked.items() if value is not None}
        body = JobCreate(
            dataset_id=found.id,
            trainer=trainer,
            name=name,
            weights=weights,
            config=fields,
            resources=Resources.from_dict(given) if given else UNSET,
        )
        return AsyncJob(self, await self.call(create_job, body=body))

    async def job(self, reference: str) -> "AsyncJob":
        """A job by its id, or the newest one of a name."""
        try:
            return AsyncJob(self, await self.call(get_job, id=reference))
        except Refused:
            found = await self.call(list_jobs, name=reference, limit=1)
            if not found.items:
                raise
            return AsyncJob(self, found.items[0])


class AsyncJob:
    """A job; `state` is what the server told last."""

    def __init__(self, client: AsyncClient, state: JobOut) -> None:
        self.client = client
        self.state = state

    @property
    def id(self) -> str:
        return self.state.id

    def __repr__(self) -> str:
        return f"<job {self.id} {self.state.status}>"

    async def refresh(self) -> JobOut:
        """Ask the server for the job's state."""
        self.state = await self.client.call(get_job, id=self.id)
        return self.state

    async def wait(self) -> JobOut:
        """Wait for the job's end.

        Raises:
            JobFailed: it has failed or was cancelled.
        """
        pause = 0.3
        while (await self.refresh()).status not in FINISHED:
            await self.client._transport.sleep(pause)
            pause = min(pause * 1.2, 5)
        if self.state.status is not JobStatus.SUCCEEDED:
            cause = str(self.state.cause or self.state.status)
            message = f"The job {self.id} ended as {cause}: {self.state.message or ''}"
            raise JobFailed(message, self.id, cause)
        return self.state

    async def cancel(self) -> None:
        """Stop it."""
        self.state = await self.client.call(cancel_job, id=self.id)

    async def finish(self) -> None:
        """End it after its epoch, with its best model."""
        self.state = await self.client.call(finish_early, id=self.id)

    async def epochs(self) -> list[MetricsOut]:
        """The metrics of each epoch."""
        found: list[MetricsOut] = (await self.client.call(list_metrics, id=self.id)).items
        return found

    async def metrics(self) -> "pd.DataFrame":
        """The metrics by epoch: a row for each, a column for each metric. It needs pandas."""
        import pandas as pd  # noqa: PLC0415 - optional: trainyard[pandas]

        rows = await self.epochs()
        values = [row.to_dict()["values"] for row in rows]
        return pd.DataFrame(values, index=pd.Index([row.epoch for row in rows], name="epoch"))

    async def log(self) -> str:
        """What the trainer has printed so far."""
        text = b""
        while part := await self._log_from(len(text)):
            text += part
        return text.decode(errors="replace")

    async def _log_from(self, offset: int) -> bytes:
        transport = self.client._transport
        asked = transport.call(read_log, {"id": self.id, "offset": offset})
        response = await _reached(asked, self.client.url)
        if isinstance(problem := response.parsed, ProblemOut):
            raise Refused(problem.detail, int(response.status_code))
        return bytes(response.content)

    async def artifacts(self) -> list[ArtifactOut]:
        """The files that the job has left so far, with links to download them."""
        found: list[ArtifactOut] = (await self.client.call(list_artifacts, id=self.id)).items
        return found

    async def model(self, folder: str | Path | None = None, name: str = "best.pt") -> Path:
        """Download the model, or another artifact, and compare its sha256; returns its path.

        Args:
            folder: where to; without it `models/ID`.
            name: of the artifact.
        """
        there = {one.name: one for one in await self.artifacts()}
        if name not in there:
            raise Refused(f"The job {self.id} has no {name}; it has: {', '.join(there)}.", 404)
        target = Path(folder or Path("models") / self.id) / name
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f".{name}.{os.getpid()}")
        digest = hashlib.sha256()
        try:
            with partial.open("wb") as file:

                def write(chunk: bytes) -> None:
                    file.write(chunk)
                    digest.update(chunk)

                sent = self.client._transport.download(there[name].url, write)
                await _reached(sent, "the object store")
            if there[name].sha256 not in {None, digest.hexdigest()}:
                raise TrainyardError(f"{name} arrived damaged: download it again.")
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)
        return target


async def _reached(answer: Awaitable[_T], whom: str) -> _T:
    try:
        return await answer
    except httpx.HTTPError as error:
        raise Unreachable(f"No answer from {whom}: {error}") from error


def _stored(response: httpx.Response) -> str:
    if not response.is_success:
        raise Unreachable(f"The object store refused a part: {response.text}")
    return response.headers["ETag"]
