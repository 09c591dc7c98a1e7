"""Jobs of the benches, run through the API."""

import os
from typing import Any

from support.api import Api


def platform() -> Api:
    """A client of the `yard dev` around."""
    headers = {"Authorization": f"Bearer {os.environ['YARD_TOKEN']}"}
    return Api(base_url=os.environ["YARD_URL"], headers=headers, timeout=60)


def run_job(
    api: Api, dataset_id: str, config: dict[str, Any], trainer: str = "ultralytics"
) -> dict[str, Any]:
    """Submit a job and return it once it has succeeded."""
    job = api.wait(api.submit(dataset_id, config, trainer=trainer), seconds=600, every_s=0.2)
    if job["status"] != "succeeded":
        raise SystemExit(f"A job of the bench {job['status']}: {job['message']}")
    return job
