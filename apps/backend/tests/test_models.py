"""Registered models against a real MLflow: versions, the gate of an alias, the way back."""

import asyncio
import json
import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import api_support
import httpx
import pytest
import servers
from api_support import Api, add_dataset, add_running, get_job
from backend.infra.database import new_id
from backend.state.artifacts import Artifact
from backend.state.statuses import JobStatus
from training_support import mlflow_settings, until
from weights_support import MANIFEST

pytestmark = [pytest.mark.xdist_group("mlflow"), pytest.mark.databases("postgresql")]

METRIC = "metrics/mAP50-95(B)"
LOSS = "val/loss"


@pytest.fixture
async def api(
    database_url: str,
    tmp_path: Path,
    store: servers.S3Server,
    mlflow_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Api]:
    metrics = {"detect": {"main": LOSS, "goal": "min"}}
    monkeypatch.setattr(api_support, "MANIFEST", MANIFEST | {"metrics": metrics})
    chosen = api_support.settings(database_url, tmp_path, store, **mlflow_settings(mlflow_url))
    judge = MANIFEST | {"name": "judge", "needs_weights_of": "plain", "pretrained": {}}
    judge["config_schema"] = {"type": "object", "properties": {}}
    (tmp_path / "judge.json").write_text(json.dumps(judge))
    async with api_support.serving(chosen) as api:
        yield api


async def trained(api: Api, sha256: str, **columns: Any) -> str:
    """A job that has ended, with its best.pt, and that MLflow knows."""
    columns = {"config": {"model": "yolo11n"}, "dataset_id": await add_dataset(api.ctx)} | columns
    job = await add_running(api.ctx, **{"status": JobStatus.SUCCEEDED} | columns)
    async with api.ctx.db.transaction() as session:
        session.add(Artifact(job_id=job.job_id, name="best.pt", attempt=1, size=1, sha256=sha256))

    async def mirrored() -> bool:
        return (await get_job(api.ctx, job.job_id)).mlflow_done

    await until(mirrored, "MLflow has the job")
    return job.job_id


async def _registered(api: Api, name: str, job_id: str) -> int:
    """The number of the job's new version, whose source has its model."""
    # As of a job that MLflow had before it got files.
    await api.ctx.store.put("models", f"{job_id}/1/artifacts/best.pt", job_id.encode())
    reply = await api.http.post(f"/api/v1/models/{name}/versions", json={"job_id": job_id})
    assert reply.status_code == 201, reply.text
    made = reply.json()
    assert made["run_id"] == (await get_job(api.ctx, job_id)).mlflow_run_id
    assert made["source"] == await api.ctx.mlflow.files_of(made["run_id"])
    assert made["tags"]["trainyard.job_id"] == job_id
    query = {"run_id": made["run_id"], "path": "best.pt"}
    uri, login = api.ctx.settings.mlflow_tracking_uri, api.ctx.settings.mlflow_login
    async with httpx.AsyncClient(base_url=str(uri), auth=login) as client:
        file = (await client.get("/get-artifact", params=query)).raise_for_status()
    assert file.text == job_id
    return int(made["version"])


async def judged(  # noqa: PLR0917
    api: Api, sha256: str, dataset_id: str, value: float | None, split: str, metric: str = METRIC
) -> None:
    weights = {"name": "any.pt", "key": "any", "sha256": sha256}
    best = {"epoch": None, "metric": metric, "value": value}
    columns = {"trainer": "judge", "config": {"split": split}, "dataset_id": dataset_id}
    await add_running(api.ctx, JobStatus.SUCCEEDED, weights=weights, best=best, **columns)


async def _what_has_the_alias_is_judged_too(
    api: Api, promote: Callable[..., Awaitable[Any]]
) -> None:
    """By the gate that is asked for; who moved it there, and its way back, stay told."""
    assert (await promote(2, threshold=0.71))["title"] == "Gate not passed"
    assert (await promote(2, await add_dataset(api.ctx)))["title"] == "Not judged"
    before = (await promote(2, threshold=0.7))["tags"]
    assert (await promote(2, threshold=0.65))["tags"] == before
    assert before["trainyard.production.replaced"] == "1"


async def test_an_alias_moves_past_its_gate_only_and_back(api: Api) -> None:
    good, bad, name = secrets.token_hex(32), secrets.token_hex(32), f"pages-{new_id()}"
    held_out = await add_dataset(api.ctx)
    jobs = [await trained(api, sha256) for sha256 in (good, bad, good)]
    path = f"/api/v1/models/{name}"
    assert [await _registered(api, name, job_id) for job_id in jobs[:2]] == [1, 2]

    async def promote(version: int, dataset_id: str | None = held_out, **gate: Any) -> Any:
        body = {"version": version, "dataset_id": dataset_id, **gate}
        reply = await api.http.put(f"{path}/aliases/production", json=body)
        return reply.json() | {"code": reply.status_code}

    refused = await promote(1)
    assert (refused["code"], refused["title"]) == (409, "Not judged")
    assert f"yard model eval model:{name}/1 --data {held_out} --split val" in refused["detail"]
    assert (await promote(1, None))["title"] == "No gate"
    for sha256, value, split in ((good, 0.8, "val"), (bad, 0.7, "val"), (bad, 0.9, "test")):
        await judged(api, sha256, held_out, value, split)
    refused = await promote(1, threshold=0.81)
    assert (refused["code"], refused["title"]) == (409, "Gate not passed")
    assert re.search(r" 0\.8 by job \w+, less than 0\.81\.", refused["detail"])
    first = await promote(1, threshold=0.8)
    assert (first["code"], first["version"], first["aliases"]) == (200, 1, ["production"])
    told = {key: first["tags"][f"trainyard.production.{key}"] for key in ("by", "replaced", "gate")}
    assert (told["by"], told["replaced"]) == ("anyone", "")
    assert f"has {METRIC} 0.8 by job" in told["gate"]
    # No worse than what it replaces, on the same images.
    assert "0.7 by job" in (await promote(2))["detail"]
    assert (await promote(2, split="test"))["title"] == "Not judged"  # the present one is not
    second = await promote(2, threshold=0.6)
    assert (second["version"], second["tags"]["trainyard.production.replaced"]) == (2, "1")
    await _what_has_the_alias_is_judged_too(api, promote)

    back = await promote(1, None)
    assert (back["version"], back["aliases"]) == (1, ["production"])
    assert back["tags"]["trainyard.production.gate"] == "back from version 2"
    assert (await promote(2, None))["title"] == "No gate"
    listed = (await api.http.get("/api/v1/models", params={"name": name, "limit": 1})).json()
    assert (len(listed["items"]), bool(listed["next_cursor"])) == (1, True)
    query = {"name": name, "cursor": listed["next_cursor"]}
    rest = (await api.http.get("/api/v1/models", params=query)).json()
    both = [*listed["items"], *rest["items"]]
    shown = {item["version"]: item["aliases"] for item in both}
    assert (shown, rest["next_cursor"]) == ({1: ["production"], 2: []}, None)

    # A registered model is something to start from, and its files stay.
    for weights, job_id in ((f"{name}@production", jobs[0]), (f"{name}/2", jobs[1])):
        body = {"dataset_id": await add_dataset(api.ctx), "trainer": "plain"}
        job = await api.http.post("/api/v1/jobs", json=body | {"weights": f"model:{weights}"})
        assert job.json()["weights"]["name"] == f"job:{job_id}/best.pt", job.text
    await _what_is_missing_is_told_with_what_there_is(api, name, body)
    assert (await promote(77))["title"] == "Model not found"
    kept = await api.http.delete(f"/api/v1/jobs/{jobs[1]}")
    assert (kept.status_code, f"{name}/2" in kept.json()["detail"]) == (409, True), kept.text
    assert (await api.http.delete(f"/api/v1/jobs/{jobs[2]}")).status_code == 204


async def _what_is_missing_is_told_with_what_there_is(
    api: Api, name: str, body: dict[str, Any]
) -> None:
    for missing in (f"{name}@nobody", f"{name}/77", f"{name}/x", name, "none'such@production", "@"):
        job = await api.http.post("/api/v1/jobs", json=body | {"weights": f"model:{missing}"})
        [error] = job.json()["errors"]
        assert (job.status_code, error["field"]) == (422, "weights"), job.text
        assert f"{missing!r} (NAME@ALIAS or NAME/VERSION). There is " in error["message"]
        assert f"{name}/1 @production" in error["message"]


async def test_less_is_better_where_the_goal_says_so_and_promotions_wait_for_each_other(
    api: Api,
) -> None:
    held_out, path = await add_dataset(api.ctx), f"/api/v1/models/losses-{new_id()}"
    for loss in (0.5, 0.4):
        sha256 = secrets.token_hex(32)
        job_id = await trained(api, sha256)
        await api.http.post(f"{path}/versions", json={"job_id": job_id})
        await judged(api, sha256, held_out, loss, "val", LOSS)

    async def promote(version: int, alias: str, **gate: Any) -> Any:
        body = {"version": version, "dataset_id": held_out, **gate}
        return (await api.http.put(f"{path}/aliases/{alias}", json=body)).json()

    refused = await promote(1, "production", threshold=0.45)
    assert refused["title"] == "Gate not passed"
    assert "more than 0.45" in refused["detail"]
    passed = await promote(2, "production", threshold=0.45)
    assert "at most 0.45" in passed["tags"]["trainyard.production.gate"]
    assert (await promote(1, "production"))["title"] == "Gate not passed"
    # Of two at once, the second replaces the first.
    both = await asyncio.gather(*(promote(each, "staging", threshold=1) for each in (1, 2)))
    replaced = {one["version"]: one["tags"]["trainyard.staging.replaced"] for one in both}
    assert replaced in ({1: "", 2: "1"}, {2: "", 1: "2"})


async def test_what_is_no_finished_model_is_not_registered(api: Api) -> None:
    failed = await trained(api, "0" * 64, status=JobStatus.FAILED)
    for job_id in (failed, "0123456789ab"):
        reply = await api.http.post("/api/v1/models/m/versions", json={"job_id": job_id})
        assert (reply.status_code, reply.json()["title"]) == (409, "No model")


@pytest.mark.parametrize(
    ("uri", "told"),
    [(None, (409, "yard dev --mlflow")), ("http://127.0.0.1:1", (503, ""))],
)
async def test_without_mlflow_it_says_what_to_do(
    database_url: str,
    tmp_path: Path,
    store: servers.S3Server,
    uri: str | None,
    told: tuple[int, str],
) -> None:
    chosen = api_support.settings(database_url, tmp_path, store, mlflow_tracking_uri=uri)
    async with api_support.serving(chosen) as api:
        reply = await api.http.get("/api/v1/models")
    assert (reply.status_code, told[1] in reply.json()["detail"]) == (told[0], True)
    assert "MLflow" in reply.json()["title"]
