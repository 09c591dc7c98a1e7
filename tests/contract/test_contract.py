"""docs/training-contract.json is what backend, chart, trainer and page have."""

import json
import subprocess
import sys
from pathlib import Path

import archives
import pytest
from chart import ROOT

from contract import sides

CONTRACT = json.loads((ROOT / "docs/training-contract.json").read_text())
VARIABLES = CONTRACT["variables"]


def set_by(side: str) -> set[str]:
    return {name for name, about in VARIABLES.items() if side in about["set_by"]}


def test_the_backend_sets_its_variables() -> None:
    assert sides.backend()["env"].keys() == set_by("backend")


@pytest.mark.parametrize(
    ("side", "owner", "container"),
    [("job", "Job/training", "trainer"), ("launcher", "Deployment/backend", "launcher")],
)
def test_the_chart_sets_its_variables(side: str, owner: str, container: str) -> None:
    assert sides.chart_sets(owner, container) == set_by(side)


def test_the_trainer_reads_its_variables_and_no_others() -> None:
    reads = {name for name, about in VARIABLES.items() if "trainer" in about["read_by"]}
    assert set(sides.trainer()["env"]) == reads


def test_the_trainer_takes_buckets_and_grace_from_the_backend() -> None:
    told = sides.backend()["env"]
    assert sides.trainer()["buckets"] == [told["DATASETS_BUCKET"], told["MODELS_BUCKET"]]
    assert sides.trainer()["stop_grace_s"] == float(told["STOP_GRACE_S"]) == 42


def test_causes_are_the_same() -> None:
    reportable, observed = CONTRACT["causes"]["reportable"], CONTRACT["causes"]["observed"]
    assert sorted(sides.backend()["causes"]) == sorted(reportable + observed)
    assert sorted(sides.backend()["reportable"]) == sorted(reportable)
    assert sorted(sides.trainer()["reportable"]) == sorted(reportable)


def test_tasks_and_phases_are_the_same() -> None:
    manifest = json.loads((ROOT / "apps/trainer-ultralytics/trainer.json").read_text())
    assert sorted(sides.backend()["tasks"]) == sorted(CONTRACT["tasks"])
    assert sorted(manifest["tasks"]) == sorted(CONTRACT["tasks"])
    assert sides.backend()["phases"] == CONTRACT["phases"]


def test_object_keys_and_limits_are_the_backend_s() -> None:
    keys = {name: about["key"] for name, about in CONTRACT["objects"].items()}
    assert sides.backend()["objects"] == keys
    assert sides.backend()["limits"] == CONTRACT["limits"]


def test_a_served_model_is_found_by_the_tag_that_its_version_has() -> None:
    assert sides.ask("backend", sides.JOB_TAG) == sides.ask(
        "trainer-ultralytics", sides.SERVED_JOB_TAG
    )


def test_image_suffixes_are_ultralytics_own() -> None:
    assert sides.ask("trainer-ultralytics", sides.IMAGE_SUFFIXES) == CONTRACT["image_suffixes"]
    assert sides.ask("backend", sides.CHECKED_SUFFIXES) == CONTRACT["image_suffixes"]


@pytest.mark.parametrize("task", CONTRACT["tasks"])
def test_the_trainer_unpacks_by_the_index_that_the_check_writes(task: str, tmp_path: Path) -> None:
    files = archives.files(task)
    unusable = next(name for name in files if name.endswith("train/3.jpg") or "train/cat" in name)
    hostile = {unusable: b"no image", "labels/train.cache": archives.PICKLE_CANARY}
    extra = {f"{unusable}{number}.jpg": archives.picture() for number in range(40)}
    path = tmp_path / "set.zip"
    path.write_bytes(archives.zipped(files | extra | hostile))
    given = f"ARCHIVE, TASK = {str(path)!r}, {task!r}\n"
    report = sides.ask("backend", given + sides.CHECK)
    assert [p["file"] for p in report["problems"] if p["severity"] == "error"] == []
    unpacked = sides.ask("trainer-ultralytics", given + sides.UNPACK)
    expected = {*files, *extra} - {unusable}
    if task != "classify":
        expected -= {unusable.replace("images", "labels").replace(".jpg", ".txt")}
        expected |= {"train.txt", "val.txt"}
    assert set(unpacked) == expected


def test_the_page_shows_the_variables() -> None:
    check = [sys.executable, str(ROOT / "ci/contract_docs.py"), "--check"]
    assert subprocess.run(check, check=False).returncode == 0, "Run `python ci/contract_docs.py`."
