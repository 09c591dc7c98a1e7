"""Real trainings, small: a 64-pixel picture set and the real trainer image."""

from datetime import datetime
from typing import Any

from conformance.api import Api

SMALL = {"imgsz": 64, "batch": 4, "workers": 0, "mosaic": 0}


def submit(api: Api, dataset_id: str, epochs: int = 1, **fields: Any) -> str:
    """Submit a training of the real trainer; a page of 8 pictures, so an epoch takes a second."""
    return api.submit(dataset_id, {**SMALL, "epochs": epochs}, trainer="ultralytics", **fields)


def seconds(job: dict[str, Any], begin: str, end: str) -> float:
    """Time between two of a job's times."""
    first, last = (datetime.fromisoformat(job[key]) for key in (begin, end))
    return (last - first).total_seconds()
