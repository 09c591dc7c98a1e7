"""A job's runs in MLflow."""

from typing import Any

import httpx
from support.cluster import MLFLOW_URL


def mlflow_runs(job_id: str) -> list[dict[str, Any]]:
    """Runs of a job, as MLflow's API shows them."""
    with httpx.Client(base_url=f"{MLFLOW_URL}/api/2.0/mlflow", timeout=30) as mlflow:
        found = mlflow.get("/experiments/search", params={"max_results": 100}).json()
        query = {
            "experiment_ids": [item["experiment_id"] for item in found["experiments"]],
            "filter": f"tags.`trainyard.job_id` = '{job_id}'",
        }
        return list(mlflow.post("/runs/search", json=query).json()["runs"])


def mlflow_steps(run_id: str, metric: str) -> list[int]:
    """The steps of a run's metric, as they were logged."""
    query: dict[str, Any] = {"run_id": run_id, "metric_key": metric, "max_results": 1000}
    reply = httpx.get(
        f"{MLFLOW_URL}/api/2.0/mlflow/metrics/get-history", params=query, timeout=30
    ).raise_for_status()
    return [int(point["step"]) for point in reply.json()["metrics"]]
