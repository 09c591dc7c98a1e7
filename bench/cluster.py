"""Start-up time and memory in the kind cluster of `make tier1` or `make tier2`.

Tier 1: submit → first batch, warm. Tier 2: submit → the trainer's first output, beside the same Job
and Secret applied by `kubectl`, in turns. Both: memory of each container at rest and with 20 jobs
that only send heartbeats. The bench adds its trainer to the ConfigMap `trainers` meanwhile, which
restarts the backend twice. Runs in the CLI's environment.
"""

import argparse
import json
import os
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from common import Pages, spread, table
from first_batch import first_batch
from jobs import run_job
from rich.progress import track
from support.api import Api
from support.cluster import API_URL, CONTEXT, TOOLS, api_client
from support.waiting import wait_for

JOBS = 20
TRAINER = """
import time; print(time.time(), flush=True)
import json, os, urllib.request
url = os.environ["BACKEND_URL"] + "/api/v1/jobs/" + os.environ["JOB_ID"] + "/heartbeat"
headers = {"Authorization": "Bearer " + os.environ["CALLBACK_TOKEN"], "Content-Type": "application/json"}
for step in range(json.loads(os.environ["TRAIN_CONFIG"])["heartbeats"]):
    body = json.dumps({"seq": step, "step": step + 1, "phase": "training"}).encode()
    urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=30)
    time.sleep(2)
"""
MANIFEST = {
    "name": "bench",
    "version": "1",
    "description": "Says what time it is, and sends heartbeats.",
    "image": "trainer-ultralytics:latest",
    "command": ["python", "-c", TRAINER],
    "tasks": ["detect"],
    "config_schema": {
        "type": "object",
        "properties": {"heartbeats": {"type": "integer", "default": 0, "description": "How many"}},
    },
    "resources": {"cpu": 0.01, "memory": "256Mi", "gpu": 0},
}


def kubectl(*arguments: str, text: str | None = None) -> str:
    command = ["kubectl", "--context", CONTEXT, "--namespace", "platform", *arguments]
    done = subprocess.run(
        command, input=text, capture_output=True, text=True, check=False, env=os.environ | TOOLS
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return done.stdout


def get(kind: str, name: str = "") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(kubectl("get", kind, *([name] if name else []), "-o=json"))
    return found


def serves(api: Api, *, bench: bool) -> bool:
    """Whether the new backend answers: with the bench's trainer, or without."""
    items = api.get("/api/v1/trainers").raise_for_status().json()["items"]
    ready = set(api.get("/readyz").json()["checks"].values()) == {"ok"}
    return ready and bench is ("bench" in {item["name"] for item in items})


@contextmanager
def bench_trainer(api: Api) -> Iterator[None]:
    def put(manifest: str | None) -> None:
        patch = json.dumps({"data": {"bench.json": manifest}})
        kubectl("patch", "configmap", "trainers", "--type=merge", "--patch", patch)
        kubectl("rollout", "restart", "deployment/backend")
        kubectl("rollout", "status", "deployment/backend", "--timeout=300s")
        bench = manifest is not None
        wait_for(lambda: serves(api, bench=bench), 120, catch=httpx.HTTPError, every_s=0.5)

    put(json.dumps(MANIFEST))
    try:
        yield
    finally:
        put(None)


def first_word(api: Api, dataset_id: str) -> tuple[str, float]:
    """Submit a job; its id, and seconds until its trainer's first word."""
    begin = time.time()
    job = run_job(api, dataset_id, {}, trainer="bench")
    return job["id"], float(api.log(job["id"]).split()[0]) - begin


def by_hand(job_id: str) -> dict[str, Any]:
    """The Job and Secret of a job's attempt, without names and owners."""
    items = []
    for kind in ("secret", "job"):
        thing = get(kind, f"train-{job_id}-1")
        for metadata in (
            thing["metadata"],
            thing["spec"]["template"]["metadata"] if kind == "job" else {},
        ):
            kept = {
                key: value
                for key, value in metadata.get("labels", {}).items()
                if key.startswith(("app", "trainyard.dev/to-"))
            }
            metadata.clear()
            metadata["labels"] = kept
        thing.pop("status", None)
        if kind == "job":
            del thing["spec"]["selector"]
        items.append(thing)
    return {"apiVersion": "v1", "kind": "List", "items": items}


def first_word_by_hand(objects: dict[str, Any], number: int) -> tuple[float, float]:
    """Apply them; seconds until the trainer's first word, and those that kubectl took."""
    name = f"bench-by-hand-{number}"
    for thing in objects["items"]:
        thing["metadata"]["name"] = name
        if thing["kind"] == "Job":
            container = thing["spec"]["template"]["spec"]["containers"][0]
            container["envFrom"] = [{"secretRef": {"name": name}}]
    text = json.dumps(objects)
    begin = time.time()
    kubectl("apply", "--filename=-", text=text)
    applied = time.time() - begin
    kubectl("wait", "--for=condition=complete", f"job/{name}", "--timeout=120s")
    word = float(kubectl("logs", f"job/{name}").split()[0])
    kubectl("delete", "job,secret", name, "--wait=false")
    return word - begin, applied


def overhead(api: Api, dataset_id: str, runs: int) -> None:
    job_id, _ = first_word(api, dataset_id)
    objects = by_hand(job_id)
    first_word_by_hand(objects, 0)
    times: dict[str, list[float]] = defaultdict(list)
    for number in track(range(1, runs + 1), "first words"):
        times["our job"].append(first_word(api, dataset_id)[1])
        word, applied = first_word_by_hand(objects, number)
        times["the same by kubectl apply"].append(word)
        times["… of which kubectl itself"].append(applied)
    ours, theirs = times["our job"], times["the same by kubectl apply"]
    times["difference, in pairs"] = [a - b for a, b in zip(ours, theirs, strict=True)]
    table(
        f"Until the trainer's first word, {runs} turns (target: ours ≤ 0.3 s on top)",
        ["", "median s", "p95 s"],
        [[name, *spread(values)] for name, values in times.items()],
    )


def starts(api: Api, dataset_id: str, runs: int) -> None:
    first_batch(api, dataset_id)
    times = [first_batch(api, dataset_id) for _ in track(range(runs), "first batches")]
    table(
        f"Tier 1 in the cluster, {runs} runs (target: p95 < 1 s)",
        ["", "median s", "p95 s"],
        [["submit → first batch trained, warm", *spread(times)]],
    )


def memory() -> Mapping[str, list[int]]:
    """Working sets in bytes by component and container, as the kubelet next measures them."""
    since = datetime.now(UTC)
    found: Mapping[str, list[int]] = wait_for(lambda: memory_after(since), 90, every_s=2)
    return found


def memory_after(since: datetime) -> Mapping[str, list[int]] | None:
    """As the kubelet reports it; None: measured before `since`."""
    apps = {
        pod["metadata"]["name"]: pod["metadata"]["labels"]["app"] for pod in get("pods")["items"]
    }
    found: dict[str, list[int]] = defaultdict(list)
    for node in get("nodes")["items"]:
        path = f"/api/v1/nodes/{node['metadata']['name']}/proxy/stats/summary"
        for pod in json.loads(kubectl("get", "--raw", path))["pods"]:
            app = apps.get(pod["podRef"]["name"])
            if app is None or pod["podRef"]["namespace"] != "platform":
                continue
            for container in pod.get("containers", []):
                seen = container.get("memory", {})
                if size := seen.get("workingSetBytes"):
                    if datetime.fromisoformat(seen["time"]) < since:
                        return None
                    name = container["name"]
                    found[app if name == app else f"{app}, {name}"].append(size)
    return found


def memories(api: Api, dataset_id: str) -> None:
    rest = memory()
    ids = {api.submit(dataset_id, {"heartbeats": 10_000}, trainer="bench") for _ in range(JOBS)}
    for job_id in ids:
        api.wait(job_id, "running", seconds=180, every_s=0.5)
    busy = memory()
    for job_id in ids:
        api.post(f"/api/v1/jobs/{job_id}/cancel").raise_for_status()
    shown = sorted(rest.keys() | busy.keys())
    rows = [[name, mib(rest.get(name, [])), mib(busy.get(name, []))] for name in shown]
    together = [[size for sizes in seen.values() for size in sizes] for seen in (rest, busy)]
    rows.append(["together", *map(mib, together)])
    table(f"Memory (working set), MiB, with {JOBS} jobs", ["", "at rest", "busy"], rows)


def mib(sizes: list[int]) -> str:
    return f"{sum(sizes) / 2**20:,.0f}" if sizes else ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pages", type=Path, help="a detect set: data.yaml, images/, labels/")
    parser.add_argument("--runs", type=int, default=10)
    options = parser.parse_args()
    os.environ["YARD_URL"] = API_URL
    with api_client() as api, Pages(options.pages) as pages:
        dataset_id = pages.push()
        tier1 = "launcher" in api.get("/readyz").json()["checks"]
        if tier1:
            starts(api, dataset_id, options.runs)
        with bench_trainer(api):
            if not tier1:
                overhead(api, dataset_id, options.runs)
            memories(api, dataset_id)


if __name__ == "__main__":
    main()
