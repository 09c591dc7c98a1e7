"""Models beside Ultralytics' own YOLO: RT-DETR, and a YAML that a job brings as text."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import samples
import ultralytics
from conftest import Jobs
from jsonschema import Draft202012Validator
from launching import Launcher
from test_evaluation import EXPORT_SCHEMA, SCHEMA, ended
from trainer.contract import AttemptError
from trainer.yolo import architecture

MANIFEST = json.loads((Path(__file__).parents[1] / "trainer.json").read_text())
OFFICIAL = Path(ultralytics.__file__).parent / "cfg/models"
OWN = """\
nc: 80
scale: s
scales:
  n: [1.0, 0.25, 64]
  s: [1.0, 0.5, 64]
backbone:
  - [-1, 1, Conv, [32, 3, 2]]
  - [-1, 1, Conv, [32, 3, 2]]
  - [-1, 1, Conv, [64, 3, 2]]
  - [-1, 2, C2f, [64, True]]
  - [-1, 1, SPPF, [64, 5]]
head:
  - [-1, 1, Conv, [64, 3, 2]]
"""
RTDETR = OWN + "  - [[4, 5], 1, RTDETRDecoder, [nc, 32, 20, 2, 2, 1, 64]]\n"
YOLO = OWN + '  - [4, 1, nn.Upsample, [None, 1, "nearest"]]\n  - [[6, 5], 1, Detect, [nc]]\n'


def trained(launcher: Launcher, env: dict[str, str], jobs: Jobs) -> tuple[Path, dict[str, Any]]:
    """The run's folder, and its evaluation."""
    launcher.launch(env)
    record = launcher.wait_ended(env["JOB_ID"])
    assert record["exit_code"] == 0, (jobs.backend.finish, jobs.backend.log.decode())
    [run] = (launcher.folder / "state" / f"{env['JOB_ID']}-1").rglob("work/run")
    told = json.loads((run / "evaluation.json").read_text())
    Draft202012Validator(SCHEMA).validate(told)
    return run, told


@pytest.mark.timeout(400)  # two trainings, then jobs that evaluate and export
def test_an_rt_detr_trains_and_is_evaluated_exported_and_used(
    launcher: Launcher, jobs: Jobs, home: Path, tmp_path: Path
) -> None:
    env = jobs.env(model=RTDETR, epochs=2)
    run, told = trained(launcher, env, jobs)
    assert jobs.backend.epochs == [0, 1]
    row = next(beat["metrics"] for beat in jobs.backend.heartbeats if "metrics" in beat)
    assert {"train/giou_loss", "train/cls_loss", "train/l1_loss"} <= row.keys()
    assert "scale='s'" in jobs.backend.log.decode()
    weights = (run / "weights/best.pt").read_bytes()

    # Also weights of another model are a start, as far as they fit.
    env = jobs.env(model=YOLO, epochs=2)
    jobs.start_from(env, weights)
    other, _ = trained(launcher, env, jobs)
    log = (other.parents[1] / "attempt.log").read_text()
    assert "Transferred " in log
    assert "Transferred 0/" not in log
    launcher.launch(env | {"ATTEMPT": "2"})
    assert launcher.wait_ended(env["JOB_ID"], 2)["exit_code"] == 0
    log = (launcher.folder / f"state/{env['JOB_ID']}-2/attempt.log").read_text()
    assert "Resuming after epoch 2" in log

    env = jobs.env()
    jobs.start_from(env, weights)
    record, again = ended(launcher, jobs, env, "evaluate", imgsz=32)
    assert record["exit_code"] == 0, jobs.backend.log.decode()
    assert json.loads((again / "evaluation.json").read_text())["metrics"] == told["metrics"]

    env = jobs.env()
    jobs.start_from(env, weights)
    record, exported = ended(launcher, jobs, env, "export", formats=["onnx"], imgsz=32)
    assert record["exit_code"] == 0, jobs.backend.log.decode()
    found = json.loads((exported / "export.json").read_text())
    Draft202012Validator(EXPORT_SCHEMA).validate(found)
    assert [one["drop"] for one in found["exports"]] == pytest.approx([0], abs=1e-3)

    (tmp_path / "image.png").write_bytes(samples.picture(9))
    command = ["predict", "--conf", "0.001", "--imgsz", "32"]
    boxes = []
    for model in (run / "weights/best.pt", exported / "model.onnx"):
        done = subprocess.run(
            [sys.executable, "-m", "trainer", *command, "--weights", model, tmp_path / "image.png"],
            env=os.environ | {"TRAINER_HOME": str(home)},
            stdout=subprocess.PIPE,
            check=True,
        )
        line = json.loads(done.stdout.splitlines()[-1])
        boxes.append([(one["class"], one["xyxy"]) for one in line["boxes"]])
    assert len(boxes[0]) == 20  # its queries: no suppression
    assert boxes[1] == boxes[0]


def of_every_task() -> dict[str, set[str]]:
    """By the official YAML's name, the tasks for which it is taken."""
    found: dict[str, set[str]] = {}
    for file in OFFICIAL.rglob("*.yaml"):
        found[file.stem] = set()
        for task in MANIFEST["tasks"]:
            try:
                architecture.check(file.read_text(), task)
                found[file.stem].add(task)
            except AttemptError:
                pass
    return found


def test_ultralytics_own_yamls_are_taken_for_their_task() -> None:
    found = of_every_task()
    suffixes = {"-seg": "segment", "-cls": "classify", "-pose": "pose", "-obb": "obb"}
    refused = ("yoloe", "world", "resnet18", "depth", "sem")
    for name, tasks in found.items():
        task = next((task for suffix, task in suffixes.items() if suffix in name), "detect")
        assert tasks == (set() if any(word in name for word in refused) else {task}), name
    assert len([tasks for tasks in found.values() if tasks]) > 50


REFUSED = [
    ("nc: 1\nhead:\n", "it has no backbone and head"),
    ("a: &a [1]\nb: *a\nhead:\n", "it has aliases"),
    ("a: [\nhead:\n", "it is no YAML"),
    ("[" * 1500 + "\nhead:\n", "it is no YAML"),
    ("!!python/object/apply:os.system [id]\nhead:\n", "it is no YAML"),
    (YOLO + "yaml_file: /etc/passwd\n", "it has no key 'yaml_file'"),
    (YOLO + "activation: __import__('os').system('id')\n", "activation must be one of torch's"),
    (YOLO.replace("SPPF", "torch_load"), "layer 4: torch_load is no layer of Ultralytics"),
    (YOLO.replace("SPPF", "DetectionModel"), "layer 4: DetectionModel is no layer"),
    (YOLO.replace("SPPF", "nn.modules.Conv2d"), "'nn.modules.Conv2d' is no word"),
    (YOLO.replace("SPPF", "nn.Sequential"), "layer 4: nn.Sequential is no layer"),
    (YOLO.replace("SPPF", "torchvision.ops.nms"), "'torchvision.ops.nms' is no word"),
    (YOLO.replace("SPPF", "TorchVision"), "layer 4: TorchVision would download weights"),
    (YOLO.replace("SPPF", "C2fAttn"), "layer 4: C2fAttn needs a text encoder"),
    (YOLO.replace("True", "layers"), "layer 3 has the word 'layers'"),
    (YOLO.replace("True", "'a()'"), "'a()' is no word that it may have"),
    (YOLO.replace("True", "2026-01-01"), "it has a date"),
    (YOLO.replace("[64, 5]", "[9999999, 5]"), "9999999 is larger than"),
    (YOLO.replace("2, C2f", "101, C2f"), "layer 3 is repeated 101 times"),
    (YOLO.replace("[[6, 5]", "[[6, 9]"), "layer 7 takes from [6, 9]"),
    (YOLO.replace("scale: s", "scale: x"), "it has no scale 'x'; it has n, s"),
    (YOLO.replace("0.5, 64", "500, 64"), "scales must hold"),
    (OWN + "  - [[4, 5], 1, Segment, [nc, 32, 64]]\n", "its last layer is Segment; a dataset for"),
]


@pytest.mark.parametrize(("text", "words"), REFUSED)
def test_what_is_no_model_is_refused_in_words(text: str, words: str) -> None:
    with pytest.raises(AttemptError) as refused:
        architecture.check(text, "detect")
    assert refused.value.cause == "config_invalid"
    assert words in refused.value.message


def test_a_model_that_cannot_be_built_is_a_wrong_config(launcher: Launcher, jobs: Jobs) -> None:
    wrong = YOLO.replace("[32, 3, 2]", "[32, 3, 2, 1, 1, 1, 1, 1, 1]")
    for model, words in (
        (wrong, "The model cannot be built: "),
        ("rtdetr-l", "rtdetr-l finds boxes only, and the dataset is for segment"),
    ):
        env = jobs.env("detect" if model == wrong else "segment", model=model)
        launcher.launch(env)
        launcher.wait_ended(env["JOB_ID"])
        assert jobs.backend.finish["cause"] == "config_invalid", jobs.backend.log.decode()
        assert words in jobs.backend.finish["message"]


def test_the_schema_takes_texts_and_tells_why_not_those_of_text_encoders() -> None:
    rules = MANIFEST["config_schema"]["properties"]["model"]
    for file in OFFICIAL.rglob("*.yaml"):
        of_text = any(word in file.stem for word in ("yoloe", "world"))
        validator = Draft202012Validator(rules)
        assert validator.is_valid(file.read_text()) != of_text, file.stem
    for wrong in ("yolov8s-world", "yoloe-11s-seg", "yolo11n.yaml", "x" * 70_000 + "\nhead:"):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, rules)
    assert "YOLO-World or YOLOE: they need a text encoder" in rules["anyOf"][1]["description"]
