"""Two replicas: autoscaling, disruption budget, and live updates between them."""

import json
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from support.api import Api
from support.cluster import API_HEADERS, api_client, get, ready, run, wait_ready
from support.waiting import wait_for

from smoke.training import submit

PROMPT_S = 1.0  # a stream without wakeups reads the database every 2 s


def names(app: str) -> list[str]:
    """The app's pods that serve."""
    return [pod["metadata"]["name"] for pod in get("pods", f"app={app}") if ready(pod)]


def budget(app: str) -> dict[str, Any]:
    [found] = get("poddisruptionbudgets", f"app={app}")
    return dict(found["status"])


@pytest.mark.parametrize("app", ["backend", "frontend"])
def test_the_autoscaler_keeps_its_minimum(app: str) -> None:
    """Scaling itself needs a metrics-server."""
    [scaler] = get("horizontalpodautoscalers", f"app={app}")
    assert scaler["spec"]["minReplicas"] == 2
    assert scaler["status"]["desiredReplicas"] == 2
    assert len(names(app)) == 2


@pytest.mark.parametrize("app", ["backend", "frontend"])
def test_one_pod_may_be_disrupted(app: str) -> None:
    assert budget(app)["disruptionsAllowed"] == 1


def evict(pod: str, folder: Path) -> str:
    """As `kubectl drain` does it; returns what the API server said."""
    body = folder / "eviction.json"
    metadata = {"name": pod, "namespace": "platform"}
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": metadata}
    body.write_text(json.dumps(eviction))
    path = f"/api/v1/namespaces/platform/pods/{pod}/eviction"
    done = run(["kubectl", "create", "--raw", path, "-f", str(body)], check=False)
    return done.stdout + done.stderr


@contextmanager
def watched() -> Iterator[list[int]]:
    """Ask page and API all the time until the end of the block; yields the answers' statuses."""
    statuses: list[int] = []
    over = Event()

    def ask() -> None:
        with api_client() as api:
            while not over.wait(0.1):
                statuses.extend(api.get(path).status_code for path in ("/", "/api/v1/jobs"))

    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(ask)
        try:
            yield statuses
        finally:
            over.set()
            asking.result()


@pytest.mark.parametrize("app", ["backend", "frontend"])
def test_a_drain_takes_one_pod_at_a_time_and_no_request_fails(app: str, tmp_path: Path) -> None:
    first, second = names(app)
    with watched() as statuses:
        assert '"status":"Success"' in evict(first, tmp_path)
        assert "violate the pod's disruption budget" in evict(second, tmp_path)
        wait_for(lambda: budget(app)["disruptionsAllowed"] == 1, 120, lambda: budget(app))
        wait_ready()
    assert first not in names(app)
    assert len(statuses) > 20
    assert set(statuses) == {200}


@pytest.fixture
def replicas(port_forward: Callable[[str, str], str]) -> Iterator[tuple[Api, Api]]:
    """The API of each backend pod."""
    one, other = (f"http://{port_forward(f'pod/{name}', ':8000')}" for name in names("backend"))
    headers = {"Authorization": API_HEADERS["Authorization"]}
    with Api(base_url=one, headers=headers) as here, Api(base_url=other, headers=headers) as there:
        yield here, there


def test_both_replicas_listen_to_redis() -> None:
    command = "kubectl exec -n platform deployment/redis -- valkey-cli pubsub numsub trainyard:jobs"
    assert run(command).stdout.split() == ["trainyard:jobs", "2"]


@pytest.fixture
def attempt(api: Api, dataset_id: str) -> Iterator[tuple[str, str]]:
    """A job whose attempt can never be scheduled, and the attempt's token, for a test that plays its trainer."""
    resources = {"cpu": 1000, "memory": "64Mi", "gpu": 0}
    job_id = api.submit(dataset_id, trainer="ultralytics", resources=resources)
    [secret] = wait_for(lambda: get("secrets", f"trainyard.dev/job={job_id}"), 60)
    yield job_id, b64decode(secret["data"]["CALLBACK_TOKEN"]).decode()
    api.post(f"/api/v1/jobs/{job_id}/cancel").raise_for_status()
    api.wait(job_id, seconds=60)


def test_a_live_stream_shows_at_once_what_the_other_replica_received(
    replicas: tuple[Api, Api], attempt: tuple[str, str]
) -> None:
    here, there = replicas
    job_id, token = attempt
    path = f"/api/v1/jobs/{job_id}"
    there.headers["Authorization"] = f"Bearer {token}"
    delays = []
    with here.stream("GET", f"{path}/events") as stream:
        lines = stream.iter_lines()
        for epoch in range(5):
            heartbeat = {"epoch": epoch, "metrics": {"loss": 1}}
            there.post(f"{path}/heartbeat", json=heartbeat).raise_for_status()
            told = time.monotonic()
            next(line for line in lines if line.startswith("event: metrics"))
            delays.append(time.monotonic() - told)
    assert max(delays) < PROMPT_S, delays


def test_a_training_is_followed_to_its_end_through_the_ingress(api: Api, dataset_id: str) -> None:
    """Its heartbeats go to either replica, the stream comes from one; nothing on the way holds events back."""
    job_id = submit(api, dataset_id, epochs=3)
    with api.stream("GET", f"/api/v1/jobs/{job_id}/events", timeout=180) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        news = (line for line in stream.iter_lines() if line.startswith("event: metrics"))
        seen = [api.job(job_id)["status"] for _ in news]  # asked as each is told
    assert len(seen) == 3
    assert seen[0] == "running"
    assert api.job(job_id)["status"] == "succeeded"
