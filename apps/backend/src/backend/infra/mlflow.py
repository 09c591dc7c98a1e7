"""The calls to MLflow, by its REST API (https://mlflow.org/docs/latest/rest-api.html)."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlsplit

import httpx

from backend.infra.problems import Problem

EXPERIMENT = "trainyard"
JOB_TAG = "trainyard.job_id"
# MLflow's limits for one request, and for a value.
METRICS_PER_REQUEST = 1000
PARAMS_PER_REQUEST = 100
VALUE_LENGTH = 5000
NAME_LENGTH = 250
TIMEOUT_S = 10.0
# MLflow answers when its store has the whole file.
FILE_S = 300.0
# The file's name; its size, to a proxy.
NOT_TAKEN = {HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE}
NO_LOGIN = "it refuses MLFLOW_TRACKING_USERNAME with MLFLOW_TRACKING_PASSWORD"
NO_MLFLOW = "MLflow keeps models, and this platform runs without it: start it with `yard dev --mlflow`, or set MLFLOW_TRACKING_URI."


# An epoch, when it ended, and its metrics.
Point = tuple[int, datetime, Mapping[str, float | None]]


class MlflowAwayError(Problem):
    """MLflow does not answer, or cannot just now."""

    def __init__(self, detail: str) -> None:
        super().__init__(503, "MLflow away", detail)


class MlflowRefusedError(Problem):
    """MLflow refuses what is sent for this run, and would again."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(404 if status == 404 else 409, "Refused by MLflow", f"{status}: {message}")  # noqa: PLR2004


class Mlflow:
    """One tracking server. Every method raises MlflowRefusedError, or MlflowAwayError.

    Or a Problem (409) where there is none.
    """

    def __init__(self, uri: str | None, login: tuple[str, str] | None = None) -> None:
        self._uri = uri and uri.rstrip("/")
        # A connection that was made while MLflow's pod is replaced would go on leading to nowhere.
        limits = httpx.Limits(max_keepalive_connections=0)
        self._http = httpx.AsyncClient(timeout=TIMEOUT_S, limits=limits, auth=login)
        self._store = httpx.AsyncClient(timeout=TIMEOUT_S, limits=limits)
        self._found: dict[str, str] = {}

    async def close(self) -> None:
        await self._http.aclose()
        await self._store.aclose()

    def require(self) -> None:
        """Raise a Problem (409) unless there is one."""
        if self._uri is None:
            raise Problem(409, "No MLflow", NO_MLFLOW)

    async def check(self) -> None:
        """Raise httpx.HTTPError unless MLflow answers, and takes the login."""
        (await self._http.get(f"{self._uri}/version")).raise_for_status()  # /health asks for none

    async def find_or_create(
        self,
        job_id: str,
        name: str,
        started_at: datetime,
        tags: Mapping[str, str],
        params: Mapping[str, Any],
    ) -> str:
        """The id of the job's run. One that was made and not noted down is found by its tag."""
        run_id = await self.find(job_id)
        if run_id is None:
            created = await self.post(
                "runs/create",
                experiment_id=(await self._experiment())["experiment_id"],
                run_name=name,
                start_time=_ms(started_at),
                tags=entries({**tags, JOB_TAG: job_id}),
            )
            run_id = str(created["run"]["info"]["run_id"])
        shown = entries({clean(key): str(value)[:VALUE_LENGTH] for key, value in params.items()})
        for start in range(0, len(shown), PARAMS_PER_REQUEST):
            some = shown[start : start + PARAMS_PER_REQUEST]
            await self.post("runs/log-batch", run_id=run_id, params=some)
        return run_id

    async def log(self, run_id: str, points: Sequence[Point]) -> None:
        """Send what there is; null, which stands for NaN and infinity, is no point of a curve."""
        metrics = [
            {"key": clean(key), "value": value, "timestamp": _ms(at), "step": epoch}
            for epoch, at, values in points
            for key, value in values.items()
            if value is not None
        ]
        for start in range(0, len(metrics), METRICS_PER_REQUEST):
            some = metrics[start : start + METRICS_PER_REQUEST]
            await self.post("runs/log-batch", run_id=run_id, metrics=some)

    async def set_status(
        self, run_id: str, status: str, ended_at: datetime | None, tags: Mapping[str, str]
    ) -> None:
        """`status` is MLflow's: RUNNING, FINISHED, FAILED or KILLED."""
        await self.post("runs/log-batch", run_id=run_id, tags=entries(tags))
        ended = {} if ended_at is None else {"end_time": _ms(ended_at)}
        await self.post("runs/update", run_id=run_id, status=status, **ended)

    async def delete(self, run_id: str) -> None:
        """The run and its files; MLflow alone would keep those until its garbage is collected."""
        if folder := await self.files_of(run_id):
            with _of_files_alone():
                (await self._http.delete(self._files(folder), timeout=FILE_S)).raise_for_status()
        await self.post("runs/delete", run_id=run_id)

    async def find(self, job_id: str) -> str | None:
        """The id of the job's run, by its tag; None: it has none, or that was deleted."""
        found = await self.post(
            "runs/search",
            experiment_ids=[(await self._experiment())["experiment_id"]],
            filter=f"tags.`{JOB_TAG}` = '{job_id}'",
            order_by=["attributes.start_time"],
            max_results=1,
        )
        runs = found.get("runs") or []
        return str(runs[0]["info"]["run_id"]) if runs else None

    async def files_of(self, run_id: str) -> str | None:
        """The URI of the run's artifacts; None where MLflow's clients write them past its server."""
        root = (await self._experiment())["artifact_location"]
        return f"{root}/{run_id}/artifacts" if root.startswith("mlflow-artifacts:") else None

    async def copy(self, link: str, folder: str, name: str) -> bool:
        """Copy what lies behind the link to where a run's files lie; False: it has gone, or is not taken."""
        url = f"{self._files(folder)}/{quote(name)}"
        with _of_files_alone():
            async with self._store.stream("GET", link) as file:
                if file.status_code == HTTPStatus.NOT_FOUND:
                    return False
                body = file.raise_for_status().aiter_bytes()
                reply = await self._http.put(url, content=body, timeout=FILE_S)
                if reply.status_code in NOT_TAKEN:
                    return False
                reply.raise_for_status()
        return True

    def _files(self, folder: str) -> str:
        return f"{self._uri}/api/2.0/mlflow-artifacts/artifacts{urlsplit(folder).path}"

    async def _experiment(self) -> Mapping[str, str]:
        """The one of all jobs, made where it is not there."""
        by_name = {"experiment_name": EXPERIMENT}
        while not self._found:
            try:
                found = await self.call("GET", "experiments/get-by-name", params=by_name)
                self._found = found["experiment"]
            except MlflowRefusedError as error:
                if error.status != HTTPStatus.NOT_FOUND:
                    raise
                await self.post("experiments/create", name=EXPERIMENT)
        return self._found

    async def post(self, path: str, **body: Any) -> dict[str, Any]:
        return await self.call("POST", path, json=body)

    async def call(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        self.require()
        try:
            url = f"{self._uri}/api/2.0/mlflow/{path}"
            reply = await self._http.request(method, url, **options)
            if reply.status_code == HTTPStatus.UNAUTHORIZED:  # can be put right: nothing is lost
                raise MlflowAwayError(NO_LOGIN)
            answer = reply.json()
        except (httpx.HTTPError, ValueError) as error:
            raise MlflowAwayError(str(error) or type(error).__name__) from error
        if reply.is_server_error or reply.status_code == HTTPStatus.TOO_MANY_REQUESTS:
            raise MlflowAwayError(f"{reply.status_code}: {answer.get('message')}")
        if reply.is_error:
            raise MlflowRefusedError(reply.status_code, str(answer.get("message")))
        return dict(answer)


@contextmanager
def _of_files_alone() -> Iterator[None]:
    """Whatever fails is told of the run's files, without the link, which opens one to its holder."""
    try:
        yield
    except httpx.HTTPStatusError as error:
        told = f"its files are refused by {error.request.url.host}"
        raise MlflowRefusedError(error.response.status_code, told) from None
    except httpx.HTTPError as error:
        told = f"its files do not get there: {type(error).__name__}"
        raise MlflowRefusedError(HTTPStatus.BAD_GATEWAY, told) from None


# What MLflow refuses, and what would be taken for such an escape.
_ESCAPED = re.compile(
    r"[^\w.\- /]|^_\Z|_(?=[0-9A-F]{2}|[A-Z]\Z)|(?<![^/])\.(?=[./]|\Z)|^/|/(?=/|\Z)"
)


def clean(name: str) -> str:
    """The name as MLflow takes it, another for each: `metrics/mAP50(B)` becomes `metrics/mAP50_B`.

    Any other byte that MLflow refuses becomes `_` and its two hexadecimal digits, so that the name
    can be read back, up to MLflow's 250 characters; a longer one ends in its hash.
    """
    of_part = re.fullmatch(r"(.+)\(([A-Z])\)", name, re.DOTALL)
    stem, suffix = (of_part[1], f"_{of_part[2]}") if of_part else (name, "")
    escaped = _ESCAPED.sub(
        lambda found: "".join(f"_{byte:02X}" for byte in found[0].encode(errors="replace")), stem
    )
    cleaned = f"{escaped}{suffix}" or "_"
    if len(cleaned) <= NAME_LENGTH:
        return cleaned
    hashed = hashlib.sha256(name.encode(errors="replace")).hexdigest()[:16]
    return f"{cleaned[: NAME_LENGTH - 17]}_{hashed}"


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def entries(values: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in values.items()]
