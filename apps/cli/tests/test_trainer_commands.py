"""`yard trainer`."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from conftest import Server, Yard, answer, job


def test_settings_are_shown_by_group_and_the_seldom_changed_on_demand(
    server: Server, yard: Yard
) -> None:
    fields: dict[str, dict[str, object]] = {
        "model": {"group": "Model", "default": "n", "description": "Its size."},
        "epochs": {"group": "Training", "default": 9, "description": "Passes."},
        "nbs": {"group": "Training", "default": 64, "description": "Nominal.", "advanced": True},
    }
    accepts = dict.fromkeys(fields, "a whole number from 1 to 4096 or -1 or a number above 0")
    trainer: dict[str, object] = {
        "name": "t",
        "version": "1",
        "tasks": ["detect"],
        "description": "d",
    }
    trainer |= {"config_schema": {"properties": fields}, "accepts": accepts}
    server.on("GET /trainers/t", answer(200, trainer))
    few, all_ = (
        yard("trainer", "show", "t").stdout,
        yard("trainer", "show", "t", "--advanced").stdout,
    )
    assert re.search(r"\n\nModel *\nmodel .*\n\nTraining *\nepochs +9 +a whole .* or -1 …", few)
    assert "nbs" not in few
    assert "1 more are seldom changed" in few
    assert "\nnbs" in all_
    assert "seldom" not in all_


def test_a_job_shows_what_it_sets_otherwise_than_the_defaults(server: Server, yard: Yard) -> None:
    fields = {"epochs": {"default": 100}, "seed": {"default": 0}, "lr0": {"default": 0.01}}
    trainer = answer(200, {"config_schema": {"properties": fields}})
    server.on(
        "GET /jobs/0123456789ab", answer(200, job(config={"epochs": 5, "seed": 0, "lr0": 0.01}))
    )
    server.on("GET /trainers/ultralytics", trainer, answer(404, {"title": "gone", "status": 404}))
    shown, alone = [yard("job", "show", "0123456789ab").stdout for _ in range(2)]
    assert "epochs=5, 2 defaults\n" in shown
    assert "epochs=5, seed=0, lr0=0.01\n" in alone


@pytest.fixture
def dev(server: Server, tmp_path: Path) -> Path:
    """A state folder whose `yard dev` has the server's address; returns that of its trainers."""
    (tmp_path / ".trainyard").mkdir()
    address = {"url": server.url, "folder": "", "pid": 1, "started": 0}
    (tmp_path / ".trainyard/address.json").write_text(json.dumps(address))
    server.on("GET /trainers", answer(200, {"items": [{"name": "ultralytics"}]}))
    server.on("GET /trainers/mine", answer(200, {}))
    return tmp_path / ".trainyard/trainers"


def test_a_new_trainer_is_added_again_after_an_edit_and_removed(
    yard: Yard, dev: Path, server: Server, tmp_path: Path
) -> None:
    assert yard("trainer", "new", "mine", "here").returncode == 0
    assert not [path for path in (tmp_path / "here").iterdir() if "NAME" in path.read_text()]
    again = yard("trainer", "new", "mine", "here")
    assert (again.returncode, "is there already" in again.stderr) == (2, True)

    assert yard("trainer", "add", "here").returncode == 0
    added = json.loads((dev / "mine/trainer.json").read_text())
    assert added["command"] == ["python", str(tmp_path / "here/train.py")]
    server.on("GET /trainers", answer(200, {"items": [{"name": "mine"}]}))
    manifest = json.loads((tmp_path / "here/trainer.json").read_text())
    (tmp_path / "here/trainer.json").write_text(json.dumps(manifest | {"version": "2"}))
    assert yard("trainer", "add", "here").returncode == 0
    assert json.loads((dev / "mine/trainer.json").read_text())["version"] == "2"
    (tmp_path / "here").rename(tmp_path / "there")
    elsewhere = yard("trainer", "add", "there")
    assert (elsewhere.returncode, "a trainer mine already" in elsewhere.stderr) == (4, True)

    assert yard("trainer", "remove", "mine").returncode == 0
    assert not list(dev.iterdir())
    assert yard("trainer", "remove", "mine").returncode == 3


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda text: text.replace("mine", "ultralytics"),
            "there is a trainer ultralytics already",
        ),
        (lambda text: text.replace("mine", "My Own", 1), "'My Own' cannot be a trainer's name"),
        (lambda text: text.replace('"classify"', '"guess"'), "tasks.0: Input should be 'detect'"),
        (lambda text: text.replace("train.py", "tain.py"), "there is no program tain.py"),
        (lambda text: text.replace('"python"', '"pyton"'), "there is no program pyton"),
        (lambda text: text[:-3], "is no manifest"),
        (lambda text: f"[{text}]", "it must hold a JSON object"),
    ],
    ids=["name taken", "name", "task", "file", "program", "no JSON", "no object"],
)
def test_what_is_wrong_with_a_trainer_is_said_before_it_is_added(
    change: Callable[[str], str], said: str, yard: Yard, dev: Path, tmp_path: Path
) -> None:
    manifest = Path(__file__).parents[1] / "src/yard/new_trainer/trainer.json"
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/train.py").touch()
    text = manifest.read_text().replace("NAME", "mine")
    (tmp_path / "mine/trainer.json").write_text(change(text))
    refused = yard("trainer", "add", "mine")
    assert refused.returncode in (2, 4)
    assert said in refused.stderr
    assert not dev.exists()


def test_for_a_cluster_it_prints_values_of_the_chart(
    yard: Yard, server: Server, tmp_path: Path
) -> None:
    server.on("GET /trainers", answer(200, {"items": []}))
    yard("trainer", "new", "mine")
    done = yard("trainer", "add", "mine")
    assert "helm upgrade platform" in done.stderr
    assert f"is known to HOME={tmp_path}; if one runs there" in done.stderr.replace("\n", " ")
    manifest = json.loads((tmp_path / "mine/trainer.json").read_text())
    assert yaml.safe_load(done.stdout) == {"trainer": {"manifests": {"mine": manifest}}}
    server.on("GET /trainers", answer(200, {"items": [{"name": "mine"}]}))
    assert "the HOME that it was started with" in yard("trainer", "add", "mine").stderr
    assert yard("trainer", "remove", "mine").returncode == 3
