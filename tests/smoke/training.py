"""Small trainings of the real trainer image on 64-pixel pictures."""

import os
from datetime import datetime
from typing import Any

from support.api import Api

SMALL = {"imgsz": 64, "batch": 4, "workers": 0, "mosaic": 0}
# Fits beside the platform on a node of two cores, with the control plane of ci/kind.yaml.
CPU = float(os.environ.get("SMOKE_CPU", "0.6"))


def submit(
    api: Api,
    dataset_id: str,
    epochs: int = 1,
    memory: str = "2Gi",
    plots: bool = False,
    **fields: Any,
) -> str:
    """Submit a training of the real trainer."""
    resources = {"cpu": CPU, "memory": memory, "gpu": 0}
    config = {**SMALL, "epochs": epochs, "plots": plots}
    return api.submit(dataset_id, config, trainer="ultralytics", resources=resources, **fields)


def seconds(job: dict[str, Any], begin: str, end: str) -> float:
    """Time between two of a job's times."""
    first, last = (datetime.fromisoformat(job[key]) for key in (begin, end))
    return (last - first).total_seconds()
