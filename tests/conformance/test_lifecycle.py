"""A job from submit to its end, on any executor."""

import asyncio
import hashlib
import io
import json
import os
import re
import signal
import subprocess
import zipfile
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import trainyard
from support.api import Api
from support.datasets import squares_archive
from support.waiting import wait_for

from conformance.base import Platform

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.databases("postgresql")


def test_a_scripted_trainer_succeeds(api: Api, dataset_id: str) -> None:
    job_id = api.submit(dataset_id, {"epochs": 3, "lines_per_epoch": 2})
    job = api.wait(job_id)
    assert (job["status"], job["cause"], job["attempt"]) == ("succeeded", "completed", 1)
    assert [row["epoch"] for row in api.metrics(job_id)] == [0, 1, 2]
    assert job["metrics"]["loss"] == pytest.approx(1 / 3)
    expected = "".join(
        f"attempt 1 epoch {epoch} line {line} äöü\n" for epoch in range(3) for line in range(2)
    )
    assert api.log(job_id) == expected
    assert job["log_size"] == len(expected.encode())


def test_a_minimal_trainer_succeeds(api: Api, dataset_id: str) -> None:
    job_id = api.submit(dataset_id, trainer="minimal")
    job = api.wait(job_id)
    assert job["status"] == "succeeded", api.log(job_id)
    assert [row["values"]["loss"] for row in api.metrics(job_id)] == pytest.approx(
        [1, 1 / 2, 1 / 3]
    )
    assert "epoch 2" in api.log(job_id)


@pytest.mark.clients
def test_the_notebook_trains_and_leaves_a_verified_model(
    api: Api, platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zipfile.ZipFile(io.BytesIO(squares_archive())).extractall(tmp_path / "squares")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("YARD_URL", platform.url)
    monkeypatch.setenv("PATH", str(ROOT / "apps/cli/.venv/bin"), prepend=os.pathsep)
    told: dict[str, Any] = {}
    notebook = json.loads((ROOT / "docs/notebook.ipynb").read_text())
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    for cell in cells:
        exec(cell, told)
    assert [Path(one["image"]).name for one in told["found"]] == [f"{n}.png" for n in range(4)]
    readme = (ROOT / "libs/client/README.md").read_text()
    example = re.search(r"```python\n(.*?)```", readme, re.DOTALL)
    assert example
    assert set(example[1].splitlines()) <= {line for cell in cells for line in cell.splitlines()}
    job_id = told["job"].id
    assert told["text"] == api.log(job_id)
    assert list(told["table"].index) == [0, 1]
    assert told["table"]["metrics/mAP50(B)"].notna().all()
    job = api.wait(job_id, seconds=120)
    assert job["status"] == "succeeded", api.log(job_id)[-3000:]
    assert [row["epoch"] for row in api.metrics(job_id)] == [0, 1]
    assert any("mAP50" in name for name in job["metrics"])
    assert job["first_step_at"] is not None
    artifacts = api.artifacts(job_id)
    assert {"best.pt", "last.pt", "results.csv"} <= artifacts.keys()
    model = httpx.get(artifacts["best.pt"]["url"]).raise_for_status().content
    assert len(model) == artifacts["best.pt"]["size"]
    assert hashlib.sha256(model).hexdigest() == artifacts["best.pt"]["sha256"]
    assert told["path"].read_bytes() == model

    def left() -> set[str]:
        found = platform.store.client().list_objects_v2(Bucket="models", Prefix=f"{job_id}/")
        return {item["Key"].split("/")[2] for item in found.get("Contents", [])}

    wait_for(lambda: left() == {"artifacts"}, 5, left)


# What somebody's own script adds is its two lines with "trainyard"; the head keeps it offline.
SCRIPT = """
import signal, sys
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background shell has it ignored
from trainer.yolo import offline
offline.prepare(Path(sys.argv[1]))
offline.load()
from ultralytics import YOLO
import trainyard
model = YOLO("yolo11n.yaml")
trainyard.attach(model)
for name in ("finish-early", "cancel", "interrupt"):
    model.train(
        data="squares/data.yaml", project=Path("runs").resolve(), name=name, epochs=1000,
        imgsz=32, batch=8, workers=0, plots=False, device="cpu", amp=False, freeze=20,
    )
"""


@pytest.mark.clients
def test_a_training_of_an_own_script_is_a_job(api: Api, platform: Platform, tmp_path: Path) -> None:
    zipfile.ZipFile(io.BytesIO(squares_archive())).extractall(tmp_path / "squares")
    env = os.environ | {"YARD_URL": platform.url, "PYTHONPATH": str(ROOT / "libs/client/src")}
    python = ROOT / "apps/trainer-ultralytics/.venv/bin/python"
    command = [str(python), "-c", SCRIPT, str(tmp_path)]
    output = tmp_path / "output.txt"
    with output.open("wb") as file:
        script = subprocess.Popen(command, cwd=tmp_path, env=env, stdout=file, stderr=file)

    def trained(name: str) -> str | None:
        """The job's id, once it has told of two epochs."""
        assert script.poll() is None, output.read_text()
        # An earlier run of the suite may have left jobs of these names.
        running = {"name": name, "status": "running"}
        found = api.get("/api/v1/jobs", params=running).json()["items"]
        return found[0]["id"] if found and len(api.metrics(found[0]["id"])) > 1 else None

    ended = {}
    try:
        for name in ("finish-early", "cancel", "interrupt"):
            job_id = wait_for(partial(trained, name), 120, output.read_text)
            if name == "interrupt":
                script.send_signal(signal.SIGINT)
            else:
                api.post(f"/api/v1/jobs/{job_id}/{name}").raise_for_status()
            ended[name] = api.wait(job_id)
        assert script.wait(60) != 0
    finally:
        script.kill()
        script.wait()
    how = {name: (job["status"], job["cause"]) for name, job in ended.items()}
    cancelled = ("cancelled", "cancelled")
    assert how == {
        "finish-early": ("succeeded", "completed"), "cancel": cancelled, "interrupt": cancelled
    }  # fmt: skip
    finished = ended["finish-early"]
    epochs = api.metrics(finished["id"])
    assert [row["epoch"] for row in epochs] == list(range(len(epochs)))
    assert finished["epoch"] == len(epochs) - 1 < 999
    assert {"metrics/mAP50(B)", "train/box_loss", "lr/pg0"} <= epochs[0]["values"].keys()
    assert finished["config"]["model"] == "yolo11n"
    assert (finished["config"]["epochs"], finished["config"]["imgsz"]) == (1000, 32)
    assert "epochs completed in" in api.log(finished["id"])
    for job in ended.values():
        files = api.artifacts(job["id"])
        assert {"best.pt", "last.pt", "results.csv"} <= files.keys()
        model = httpx.get(files["best.pt"]["url"]).raise_for_status().content
        assert hashlib.sha256(model).hexdigest() == files["best.pt"]["sha256"]


@pytest.mark.clients
def test_the_python_client_as_coroutines(platform: Platform, api: Api, dataset_id: str) -> None:
    async def work() -> None:
        client = trainyard.AsyncClient(platform.url)
        version = api.get(f"/api/v1/datasets/{dataset_id}").json()["version"]
        dataset = await client.dataset(f"squares@{version}")
        assert dataset.id == dataset_id
        with pytest.raises(trainyard.Refused, match='"epochs"') as refused:
            await client.train(dataset, trainer="scripted", epoch=1)
        assert refused.value.errors.keys() == {"config.epoch"}
        assert (await client.train(dataset, trainer="scripted", epochs=2, name="by name")).id
        job = await client.job("by name")
        await job.wait()
        assert [row.epoch for row in await job.epochs()] == [0, 1]
        assert await job.log() == api.log(job.id)
        with pytest.raises(trainyard.Refused, match=r"has no best\.pt"):
            await job.model()
        failing = await client.train(dataset, trainer="scripted", epochs=0, exit_code=3)
        with pytest.raises(trainyard.JobFailed) as failed:
            await failing.wait()
        assert failed.value.cause == "trainer_crashed"
        with pytest.raises(trainyard.Unreachable, match="No answer from"):
            await trainyard.AsyncClient("http://127.0.0.1:9").dataset("squares")

    asyncio.run(work())


def test_the_same_idempotency_key_makes_one_job(api: Api, dataset_id: str) -> None:
    body = {"dataset_id": dataset_id, "trainer": "scripted", "config": {"epochs": 1}}
    key = {"Idempotency-Key": f"once-{dataset_id}"}
    first, second = (api.post("/api/v1/jobs", json=body, headers=key) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["id"] == second.json()["id"]
    other = api.post("/api/v1/jobs", json=body | {"max_attempts": 1}, headers=key)
    assert other.status_code == 409, other.text
    api.wait(first.json()["id"])


def test_live_events_tell_states_metrics_and_every_byte(api: Api, dataset_id: str) -> None:
    job_id = api.submit(dataset_id, {"epochs": 4, "epoch_s": 0.2})
    events: list[tuple[str, dict[str, object]]] = []
    with api.stream("GET", f"/api/v1/jobs/{job_id}/events") as stream:
        name = ""
        for line in stream.iter_lines():
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                events.append((name, json.loads(line.removeprefix("data: "))))
    assert events[-1][0] == "end"
    statuses = [data["status"] for name, data in events if name == "state"]
    assert statuses[-1] == "succeeded"
    assert "running" in statuses
    assert [data["epoch"] for name, data in events if name == "metrics"] == [0, 1, 2, 3]
    assert "".join(str(data["text"]) for name, data in events if name == "log") == api.log(job_id)


def test_a_finished_job_can_be_deleted_and_is_gone(api: Api, dataset_id: str) -> None:
    job_id = api.submit(dataset_id, {"epochs": 1})
    api.wait(job_id)
    assert api.delete(f"/api/v1/jobs/{job_id}").status_code == 204
    assert api.get(f"/api/v1/jobs/{job_id}").status_code == 404


def test_a_rejected_dataset_starts_nothing(api: Api) -> None:
    dataset = api.push("broken", b"this is no zip archive")
    assert dataset["status"] == "rejected"
    body = {"dataset_id": dataset["id"], "trainer": "scripted"}
    reply = api.post("/api/v1/jobs", json=body)
    assert reply.status_code in {409, 422}
    assert "rejected" in reply.json()["detail"]


def test_a_misspelt_config_key_is_refused_with_the_nearest_name(api: Api, dataset_id: str) -> None:
    body = {"dataset_id": dataset_id, "trainer": "ultralytics", "config": {"epoch": 3}}
    reply = api.post("/api/v1/jobs", json=body)
    assert reply.status_code == 422
    assert "epochs" in reply.text


def test_the_list_is_newest_first_and_pages(api: Api, dataset_id: str) -> None:
    jobs = [api.submit(dataset_id, {"epochs": 0}) for _ in range(3)]
    for job_id in jobs:
        api.wait(job_id)
    seen: list[str] = []
    cursor = None
    while len(seen) < 3:
        params = {"dataset_id": dataset_id, "limit": "1"} | ({"cursor": cursor} if cursor else {})
        page = api.get("/api/v1/jobs", params=params).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert seen == jobs[::-1]
