"""What a job may ask for: CPU, memory, GPUs, a placement, and batches that ranks can share."""

import copy
import json
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock

import api_support
import httpx
import pytest
from api_support import add_dataset, get_job
from backend.orchestration import attempts
from fake_launcher import fake_launcher

pytestmark = pytest.mark.databases("postgresql")


def _with_device() -> dict[str, Any]:
    manifest: dict[str, Any] = copy.deepcopy(api_support.MANIFEST) | {"command": ["true"]}
    rules = {"type": "string", "default": "auto", "description": "Where.", "gpu_number": True}
    manifest["config_schema"]["properties"]["device"] = rules
    half = {"type": "boolean", "default": False, "description": "With 16 bits."}
    manifest["config_schema"]["properties"]["half"] = half
    no_half = {"half": {"const": True}, "device": {"const": "cpu"}}
    excluded = {"required": ["half", "device"], "properties": no_half}
    manifest["config_schema"]["allOf"] = [{"description": "No 16 bits on a CPU.", "not": excluded}]
    return manifest


async def test_a_job_stays_within_what_the_platform_offers(
    database_url: str, tmp_path: Path
) -> None:
    chosen = api_support.settings(
        database_url,
        tmp_path,
        job_limits={"cpu": 4, "memory": "8Gi", "gpu": 0},
        job_placements={"a100": {"nodeSelector": {"gpu": "a100"}}, "spot": {}},
        job_priorities=["normal", "high"],
    )
    async with api_support.serving(chosen) as api:
        body = {"dataset_id": await add_dataset(api.ctx), "trainer": "plain"}

        async def ask(**resources: object) -> httpx.Response:
            return await api.http.post("/api/v1/jobs", json={**body, "resources": resources})

        accepted = await ask(cpu=2, memory="4Gi", nodes=2)  # of which nothing trains on several
        assert [error["field"] for error in accepted.json()["errors"]] == ["resources.nodes"]
        refused = await ask(cpu=2.5, memory="4Gi", nodes=2)
        told = {error["field"]: error["message"] for error in refused.json()["errors"]}
        assert told["resources.cpu"].endswith("4 cpu at most here; this one asks for 2 × 2.5.")
        assert told.keys() == {"resources.cpu", "resources.nodes"}
        accepted = await ask(cpu=4, memory="8192Mi", placement="a100", priority="high")
        assert accepted.status_code == 201, accepted.text
        chosen = accepted.json()["resources"]
        assert (chosen["placement"], chosen["priority"]) == ("a100", "high")
        refused = await ask(cpu=4.5, memory="8193Mi", gpu=1, placement="a10", priority="urgent")
        assert refused.status_code == 422
        assert {error["field"]: error["message"] for error in refused.json()["errors"]} == {
            "resources.cpu": "A job may ask for 4 cpu at most here; this one asks for 4.5.",
            "resources.gpu": "A job may ask for 0 gpu at most here; this one asks for 1.",
            "resources.memory": "A job may ask for 8Gi memory at most here; "
            "this one asks for 8193Mi.",
            "resources.placement": 'There is no placement "a10". The platform offers a100, spot.',
            "resources.priority": 'There is no priority "urgent". The platform offers normal, high.',
        }


async def test_a_job_asks_for_no_more_gpus_than_the_launcher_s_machine_has(
    database_url: str, tmp_path: Path
) -> None:
    chosen = api_support.settings(database_url, tmp_path, launcher_socket=tmp_path / "s")
    async with api_support.serving(chosen) as api:
        body = {"dataset_id": await add_dataset(api.ctx), "trainer": "plain"}

        async def ask(gpu: int) -> httpx.Response:
            return await api.http.post("/api/v1/jobs", json={**body, "resources": {"gpu": gpu}})

        async with fake_launcher(tmp_path / "s"):
            assert (await ask(2)).status_code == 201
            refused = await ask(8)
        assert refused.status_code == 422
        assert "has 2 GPUs; this job asks for 8" in refused.json()["detail"]
        assert (await ask(8)).status_code == 201  # it waits for its launcher


@pytest.mark.parametrize(
    ("launcher", "asked", "gets"),
    [(True, {"gpu": 1}, 1), (True, {}, 1), (True, {"gpu": 0}, 0), (False, {"gpu": 1}, 1), (False, {}, 0)],
)  # fmt: skip
async def test_a_config_names_no_gpu_that_the_training_does_not_get(
    database_url: str, tmp_path: Path, launcher: bool, asked: dict[str, int], gets: int
) -> None:
    """Of its own: of a machine with a launcher one unless it says otherwise, of a pod none."""
    chosen = api_support.settings(database_url, tmp_path, launcher_socket=tmp_path / "s")
    (tmp_path / "trainer.json").write_text(json.dumps(_with_device()))
    async with api_support.serving(chosen) as api, fake_launcher(tmp_path / "s"):
        if not launcher:
            api.ctx.executor.gpus = AsyncMock(return_value=None)  # type: ignore[method-assign]
        body = {"dataset_id": await add_dataset(api.ctx), "trainer": "plain"}

        async def ask(device: str, **more: object) -> httpx.Response:
            wanted = {"config": {"device": device, **more}, "resources": asked}
            return await api.http.post("/api/v1/jobs", json=body | wanted)

        for device in ("auto", *map(str, range(gets))):
            accepted = await ask(device)
            assert (accepted.status_code, accepted.json()["resources"]["gpu"]) == (201, gets)
        # What trains on the CPU keeps no GPU from others, unless it asks for one by number.
        accepted = await ask("cpu")
        assert (accepted.status_code, accepted.json()["resources"]["gpu"]) == (
            201,
            asked.get("gpu", 0),
        )
        # "auto" is the CPU where the training gets no GPU.
        half = await ask("auto", half=True)
        assert half.status_code == (201 if gets else 422)
        if not gets:
            [error] = half.json()["errors"]
            assert error["field"] == "config.device"
            assert "gets no GPU. No 16 bits on a CPU." in error["message"]
        refused = await ask(str(gets))
    assert refused.status_code == 422
    [error] = refused.json()["errors"]
    assert error["field"] == "config.device"
    told = {0: "gets no GPU.", 1: "gets GPU 0 only."}.get(gets, f"gets the GPUs 0 to {gets - 1}.")
    assert told in error["message"]
    assert "Leave it out" in error["message"]  # there may be none to choose from


@pytest.mark.parametrize(
    ("wanted", "most", "gets"),
    [
        ({}, None, None),
        ({"config": {"device": "0"}}, None, None),
        ({"resources": {"gpu": 0}}, None, 0),
        ({"resources": {"gpu": 2}}, None, 2),
        ({"config": {"device": "cpu"}}, None, 0),
        ({}, 0, 0),
    ],
)
async def test_the_launcher_decides_where_it_was_away_and_nobody_named_a_number(
    database_url: str, tmp_path: Path, wanted: dict[str, Any], most: int | None, gets: int | None
) -> None:
    chosen = api_support.settings(
        database_url, tmp_path, launcher_socket=tmp_path / "s", job_limits={"gpu": most}
    )
    (tmp_path / "trainer.json").write_text(json.dumps(_with_device()))
    async with api_support.serving(chosen) as api:
        api.ctx.store.session_keys = AsyncMock(return_value={})  # type: ignore[method-assign]
        body = {"dataset_id": await add_dataset(api.ctx), "trainer": "plain"} | wanted
        accepted = await api.http.post("/api/v1/jobs", json=body)
        assert (accepted.status_code, accepted.json()["resources"]["gpu"]) == (201, gets or 0)
        # A replica of an older version, which knows neither, reads this row too.
        stored = (await get_job(api.ctx, accepted.json()["id"])).resources
        assert not {"nodes", "priority"} & stored.keys()
        async with fake_launcher(tmp_path / "s") as launcher:
            await attempts.launch(api.ctx, accepted.json()["id"])
    assert launcher.gpus == [gets]


@pytest.mark.parametrize(
    ("what", "declared", "used"),
    [
        ("gpu", {}, "1 GPU"),
        ("gpu", {"gpus": 2}, "2 GPUs"),
        ("nodes", {}, "1 node"),
        ("nodes", {"nodes": 3}, "3 nodes"),
    ],
)
async def test_a_job_asks_for_no_more_than_its_trainer_uses(
    database_url: str, tmp_path: Path, what: str, declared: dict[str, int], used: str
) -> None:
    chosen = api_support.settings(database_url, tmp_path)
    manifest = api_support.MANIFEST | {"distributed": declared}
    (tmp_path / "trainer.json").write_text(json.dumps(manifest))
    async with api_support.serving(chosen) as api:
        body = {"dataset_id": await add_dataset(api.ctx), "trainer": "plain"}

        api.ctx.executor.gpus = AsyncMock(return_value=None)  # type: ignore[method-assign]

        async def ask(number: int) -> httpx.Response:
            return await api.http.post("/api/v1/jobs", json={**body, "resources": {what: number}})

        most = int(used[0])
        assert (await ask(most)).status_code == 201
        refused = await ask(most + 1)
    assert refused.status_code == 422
    [error] = refused.json()["errors"]
    assert error["field"] == f"resources.{what}"
    assert f"uses {used} at most; this job asks for {most + 1}" in error["message"]


async def test_one_machine_is_one_node(database_url: str, tmp_path: Path) -> None:
    chosen = api_support.settings(database_url, tmp_path, launcher_socket=tmp_path / "s")
    manifest = api_support.MANIFEST | {"distributed": {"nodes": 2}}
    (tmp_path / "trainer.json").write_text(json.dumps(manifest))
    async with api_support.serving(chosen) as api:
        body = {"dataset_id": await add_dataset(api.ctx), "trainer": "plain"}
        wanted = {**body, "resources": {"nodes": 2}}
        refused = await api.http.post("/api/v1/jobs", json=wanted)
        assert "One machine trains here; this job asks for 2 nodes" in refused.json()["detail"]
        # Submitted while trainings were Kubernetes Jobs.
        api.ctx.executor.gpus = AsyncMock(return_value=None)  # type: ignore[method-assign]
        api.ctx.store.session_keys = AsyncMock(return_value={})  # type: ignore[method-assign]
        job_id = (await api.http.post("/api/v1/jobs", json=wanted)).json()["id"]
        launched = await attempts.launch(api.ctx, job_id)
        assert launched is not None
        assert launched.ended
        ended = await api_support.get_attempt(api.ctx, job_id, 1)
    assert ended.observed_cause == "unschedulable"
    assert "the job asks for 2 nodes" in (ended.message or "")


@pytest.mark.parametrize(
    ("asks", "told"),
    [
        ((16, 2, 1, 4), None),
        ((9, 1, 1, 1), None),
        ((16, 2, 1, 3), "6 ranks share each batch. 16 cannot be shared out evenly: take 12 or 18."),
        ((9, 2, 1, 1), "2 ranks share each batch. 9 cannot be shared out evenly: take 8 or 10."),
        ((2, 0, 3, 1), "3 ranks share each batch. 2 cannot be shared out evenly: take 3."),
        ((-1, 4, 1, 1), "4 ranks share each batch. Only one alone can find out what fits: name a multiple of 4."),
        ((0.5, 1, 2, 1), "2 ranks share each batch. Only one alone can find out what fits: name a multiple of 2."),
    ],
)  # fmt: skip
async def test_ranks_share_a_batch_evenly(
    database_url: str, tmp_path: Path, asks: tuple[float, int, int, int], told: str | None
) -> None:
    batch, gpu, ranks, nodes = asks
    fields = {
        name: {"type": "number", "default": 1, "description": name} for name in ("batch", "ranks")
    }
    manifest = api_support.MANIFEST | {
        "distributed": {"gpus": 4, "nodes": 4, "ranks": "ranks", "shared": "batch"},
        "config_schema": {"type": "object", "properties": fields},
    }
    chosen = api_support.settings(database_url, tmp_path)
    (tmp_path / "trainer.json").write_text(json.dumps(manifest))
    async with api_support.serving(chosen) as api:
        body: dict[str, Any] = {"dataset_id": await add_dataset(api.ctx), "trainer": "plain"}
        api.ctx.executor.gpus = AsyncMock(return_value=None)  # type: ignore[method-assign]
        resources = {"gpu": gpu, "nodes": nodes}
        body |= {"config": {"batch": batch, "ranks": ranks}, "resources": resources}
        reply = await api.http.post("/api/v1/jobs", json=body)
    assert reply.status_code == (422 if told else 201)
    if told:
        [error] = reply.json()["errors"]
        assert (error["field"], error["message"]) == ("config.batch", told)
