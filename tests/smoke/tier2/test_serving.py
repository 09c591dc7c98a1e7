"""A registered model served by the chart; its alias moves while it is asked."""

import io
import json
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import httpx
import pytest
from PIL import Image
from support.api import Api
from support.cluster import CONNECT, MLFLOW_URL, run, upgraded
from support.waiting import wait_for

from smoke.training import submit

pytestmark = pytest.mark.timeout(900)
MODEL, ALIAS = "squares", "production"


def _register(api: Api, dataset_id: str) -> int:
    """Train for an epoch, and register what that leaves."""
    job_id = submit(api, dataset_id)
    assert api.wait(job_id, seconds=300)["status"] == "succeeded"

    def registered() -> int | None:
        reply = api.post(f"/api/v1/models/{MODEL}/versions", json={"job_id": job_id})
        return int(reply.json()["version"]) if reply.status_code == 201 else None

    return int(wait_for(registered, 120))  # MLflow has the job's end first


def _move(version: int) -> None:
    """Move the alias in MLflow itself, without the platform's gate."""
    body = {"name": MODEL, "alias": ALIAS, "version": str(version)}
    url = f"{MLFLOW_URL}/api/2.0/mlflow/registered-models/alias"
    httpx.post(url, json=body, timeout=30).raise_for_status()


def test_a_served_model_is_replaced_without_a_failed_request(
    api: Api, dataset_id: str, port_forward: Callable[[str, str], str]
) -> None:
    first, second = (_register(api, dataset_id) for _ in range(2))
    _move(first)
    picture = io.BytesIO()
    Image.new("RGB", (64, 64), "white").save(picture, "PNG")
    values = (
        f"serving.models.squares.model=model:{MODEL}@{ALIAS}",
        "serving.resources.requests.cpu=50m",
    )
    with upgraded(*values):
        run("kubectl rollout status -n platform deployment/serve-squares --timeout=300s")
        command = ["kubectl", "exec", "-n", "platform", "deployment/mlflow", "--", "python", "-c"]
        found = json.loads(run([*command, CONNECT, "serve-squares:8000"]).stdout)
        assert found == {"serve-squares:8000": False}  # without the label to-serving
        url = f"http://{port_forward('deployment/serve-squares', ':8000')}"
        before, ending = httpx.get(f"{url}/healthz", timeout=30).json(), Event()

        def hammer() -> Counter[int]:
            answers = Counter[int]()
            while not ending.is_set():
                reply = httpx.post(f"{url}/predict", content=picture.getvalue(), timeout=60)
                answers[reply.status_code] += 1
            return answers

        with ThreadPoolExecutor(2) as pool:
            hammers = [pool.submit(hammer) for _ in range(2)]
            try:
                _move(second)
                after = wait_for(
                    lambda: (
                        (told := httpx.get(f"{url}/healthz", timeout=30).json()) != before and told
                    ),
                    120,
                )
            finally:
                ending.set()
            answers = sum((one.result() for one in hammers), Counter[int]())
        assert before["model"] == after["model"] == f"model:{MODEL}@{ALIAS}"
        assert before["sha256"] != after["sha256"]
        assert set(answers) == {200}
