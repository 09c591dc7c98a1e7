"""Manifests: read, refused, and served."""

import json
from pathlib import Path
from typing import Any

import data_support
import httpx
import pytest
from backend.catalog import TrainerCatalog
from backend.infra import problem_handlers
from backend.infra.problems import Problem
from backend.trainers.routes import router
from fastapi import FastAPI
from trainyard_manifest import (
    Manifest,
    ManifestError,
    Resources,
)

ULTRALYTICS = Path(__file__).parents[2] / "trainer-ultralytics" / "trainer.json"
REPOSITORY = Path(__file__).parents[3]


def manifest(**changes: Any) -> dict[str, Any]:
    return data_support.MANIFEST.model_dump(mode="json") | changes


def schema(**rules: Any) -> dict[str, Any]:
    whole = {"type": "integer", "default": 1, "description": "Epochs."} | rules
    kept = {key: value for key, value in whole.items() if value is not None}
    return {"type": "object", "properties": {"epochs": kept}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "Invalid JSON"),
        ("[]", "Input should be an object"),
        (json.dumps(manifest(name="Über")), "name: String should match pattern"),
        (json.dumps(manifest(tasks=["guess"])), "tasks.0: Input should be 'detect'"),
        (json.dumps(manifest(tasks=[])), "tasks: List should have at least 1 item"),
        (json.dumps(manifest(command=[])), "command: List should have at least 1 item"),
        (json.dumps(manifest(imgae="x")), "imgae: Extra inputs are not permitted"),
        (json.dumps(manifest(resources={"memory": "lots"})), "resources.memory: String should"),
        (
            json.dumps(manifest(config_schema=schema(description=None))),
            '"epochs" lacks "description"',
        ),
        (json.dumps(manifest(config_schema=schema(default=None))), '"epochs" lacks "default"'),
        (json.dumps(manifest(config_schema={"type": "array"})), 'must have "type": "object"'),
        (
            json.dumps(manifest(config_schema=schema(minimum="one"))),
            "config_schema.properties.epochs.minimum: 'one' is not of type 'number'",
        ),
        (json.dumps(manifest(config_schema=schema(minimum=5))), 'the default of "epochs" is wrong'),
        (
            json.dumps(manifest(config_schema=schema(unavailable=[{"enum": ["engine"]}]))),
            "config_schema.properties.epochs.unavailable.0: 'description' is a required property",
        ),
        (
            json.dumps(manifest(config_schema=schema(items={"unavailable": "engine"}))),
            "config_schema.properties.epochs.items.unavailable: 'engine' is not of type 'array'",
        ),
        (
            json.dumps(manifest(config_schema=schema() | {"refused": {"project": 1}})),
            "config_schema.refused.project: 1 is not of type 'string'",
        ),
        (
            json.dumps(manifest(config_schema=schema() | {"allOf": [{"not": {}}]})),
            "config_schema.allOf.0: 'description' is a required property",
        ),
    ],
    ids=lambda value: str(value)[-24:],
)
def test_a_bad_manifest_names_file_and_reason(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mine" / "trainer.json"
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(ManifestError) as raised:
        TrainerCatalog(tmp_path)
    assert str(raised.value).startswith(f"{path}: ")
    assert message in str(raised.value)


def test_no_manifest(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="TRAINERS_DIR"):
        TrainerCatalog(tmp_path)


async def test_right_manifests_are_served_beside_wrong_ones(tmp_path: Path) -> None:
    for name, text in {
        "a": json.dumps(manifest()),
        "b": json.dumps(manifest()),
        "c": json.dumps(manifest(name="mine", description=False)),
    }.items():
        (tmp_path / f"{name}.json").write_text(text)
    catalog = TrainerCatalog(tmp_path)
    assert [served.name for served in catalog.all()] == ["plain"]
    twice, wrong_type = (
        r'b\.json: the trainer "plain" stands in .*a\.json. Rename',
        r"c\.json: description",
    )
    with pytest.raises(ManifestError, match=f"{twice}.*{wrong_type}"):
        await catalog.check()
    with pytest.raises(Problem, match=rf'There is no trainer "mine".*{wrong_type}'):
        catalog.get("mine")
    await TrainerCatalog(ULTRALYTICS.parent).check()


async def test_what_changes_in_the_folder_counts_from_then_on(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(manifest()))
    catalog = TrainerCatalog(tmp_path)
    added = tmp_path / "mine/trainer.json"
    added.parent.mkdir()
    added.write_text(json.dumps(manifest(name="mine", version="1")))
    assert catalog.get("mine").version == "1"
    changed = tmp_path / "new"
    changed.write_text(json.dumps(manifest(name="mine", version="2")))
    changed.rename(added)
    assert [one.version for one in catalog.all() if one.name == "mine"] == ["2"]
    await catalog.check()
    (tmp_path / "dangling.json").symlink_to(tmp_path / "nowhere")
    with pytest.raises(ManifestError, match=r"dangling\.json"):
        await catalog.check()
    added.unlink()
    assert [one.name for one in catalog.all()] == ["plain"], "served beside what cannot be read"
    (tmp_path / "a.json").unlink()
    (tmp_path / "dangling.json").unlink()
    with pytest.raises(ManifestError, match="Left out: all"):
        await catalog.check()


@pytest.mark.parametrize(("text", "number"), [("512Mi", 512 * 2**20), ("4Gi", 2**32)])
def test_memory_in_bytes(text: str, number: int) -> None:
    assert Resources(memory=text).memory_bytes == number


async def test_routes() -> None:
    class Context:
        trainers = data_support.catalog(data_support.MANIFEST)

    app = FastAPI()
    app.state.context = Context
    app.include_router(router)
    problem_handlers.install(app)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://backend") as client:
        listed = (await client.get("/api/v1/trainers")).json()["items"]
        assert listed == [
            {
                "name": "plain",
                "version": "1",
                "description": "A trainer for tests.",
                "tasks": ["detect"],
            }
        ]
        shown = (await client.get("/api/v1/trainers/plain")).json()
        accepts = shown.pop("accepts")
        assert Manifest.model_validate(shown) == data_support.MANIFEST
        assert accepts.keys() == data_support.MANIFEST.config_schema["properties"].keys()
        assert accepts["epochs"] == "a whole number at least 1"
        missing = await client.get("/api/v1/trainers/plane")
        assert missing.status_code == 404
        assert 'Did you mean "plain"?' in missing.json()["detail"]


def test_the_chart_takes_the_manifests_that_the_catalog_takes() -> None:
    [other] = TrainerCatalog(REPOSITORY / "tests/chart/trainers").all()
    assert other.name == "other"
    text = (REPOSITORY / "charts/platform/values.schema.json").read_text()
    chart = json.loads(text)["$defs"]["manifest"]
    ours = Manifest.model_json_schema()
    assert set(chart["properties"]) == set(ours["properties"])
    assert set(chart["required"]) == set(ours["required"])
    assert chart["properties"]["tasks"]["items"]["enum"] == ours["$defs"]["Task"]["enum"]
    resources = chart["properties"]["resources"]["properties"]
    assert set(resources) == set(ours["$defs"]["Resources"]["properties"])
