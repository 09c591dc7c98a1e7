"""The calls to MLflow, all of them blocking. Imported only where MLFLOW_TRACKING_URI is set."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

# Before the import, which would report to its makers.
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import (
    INTERNAL_ERROR,
    REQUEST_LIMIT_EXCEEDED,
    TEMPORARILY_UNAVAILABLE,
    ErrorCode,
)

EXPERIMENT = "trainyard"
JOB_TAG = "trainyard.job_id"
# MLflow's limits for one request, and for a value.
METRICS_PER_REQUEST = 1000
PARAMS_PER_REQUEST = 100
VALUE_LENGTH = 5000
_PASSING = {
    ErrorCode.Name(code)
    for code in (INTERNAL_ERROR, REQUEST_LIMIT_EXCEEDED, TEMPORARILY_UNAVAILABLE)
}


class Point(NamedTuple):
    """The metrics of one epoch; `at` in milliseconds since 1970."""

    epoch: int
    at: int
    values: Mapping[str, float]


class RefusedError(Exception):
    """MLflow refuses what is sent for this run, and would again."""


class Runs:
    """Every method raises RefusedError, or MlflowException while MLflow is away."""

    def __init__(self, uri: str) -> None:
        self._client = MlflowClient(tracking_uri=uri)
        self._experiment: str | None = None

    def find_or_create(
        self,
        job_id: str,
        name: str,
        started_at: int,
        tags: Mapping[str, str],
        params: Mapping[str, Any],
    ) -> str:
        """The id of the job's run. One that was made and not noted down is found by its tag."""
        with _refusals():
            experiment = self._experiment = self._experiment or self._find_experiment()
            found = self._client.search_runs(
                [experiment], f"tags.`{JOB_TAG}` = '{job_id}'", order_by=["attributes.start_time"]
            )
            if found:
                run_id: str = found[0].info.run_id
            else:
                created = self._client.create_run(
                    experiment, start_time=started_at, tags={**tags, JOB_TAG: job_id}, run_name=name
                )
                run_id = created.info.run_id
            entries = [
                Param(clean(key), str(value)[:VALUE_LENGTH]) for key, value in params.items()
            ]
            for start in range(0, len(entries), PARAMS_PER_REQUEST):
                self._client.log_batch(run_id, params=entries[start : start + PARAMS_PER_REQUEST])
            return run_id

    def log(self, run_id: str, points: Sequence[Point]) -> None:
        metrics = [
            Metric(clean(key), value, point.at, point.epoch)
            for point in points
            for key, value in point.values.items()
        ]
        with _refusals():
            for start in range(0, len(metrics), METRICS_PER_REQUEST):
                self._client.log_batch(run_id, metrics[start : start + METRICS_PER_REQUEST])

    def set_status(
        self, run_id: str, status: str, ended_at: int | None, tags: Mapping[str, str]
    ) -> None:
        """`status` is MLflow's: RUNNING, FINISHED, FAILED or KILLED."""
        with _refusals():
            self._client.log_batch(run_id, tags=[RunTag(*tag) for tag in tags.items()])
            if ended_at is None:
                self._client.update_run(run_id, status)
            else:
                self._client.set_terminated(run_id, status, ended_at)

    def _find_experiment(self) -> str:
        found = self._client.get_experiment_by_name(EXPERIMENT)
        experiment: str = (
            found.experiment_id if found else self._client.create_experiment(EXPERIMENT)
        )
        return experiment


def clean(name: str) -> str:
    """The name without what MLflow refuses: `metrics/mAP50(B)` becomes `metrics/mAP50_B`."""
    parts = [re.sub(r"[^A-Za-z0-9_. -]+", "_", part).strip("_ ") for part in name.split("/")]
    return "/".join(part for part in parts if part.strip("."))[:250] or "_"


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except MlflowException as error:
        if error.error_code in _PASSING:
            raise
        raise RefusedError(str(error)) from error
