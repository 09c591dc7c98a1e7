"""evaluation.json: as `yolo val` judges the same weights, small, and by its schema."""

import hashlib
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import matplotlib as mpl
import numpy as np
import pytest
import yaml
from conftest import Jobs
from jsonschema import Draft202012Validator
from launching import OWN_COMMAND, Launcher
from PIL import Image, ImageDraw, ImageFont
from trainer.yolo import evaluation

SCHEMA = json.loads((Path(__file__).parents[3] / "docs/evaluation.schema.json").read_text())
EXPORT_SCHEMA = json.loads((Path(__file__).parents[3] / "docs/export.schema.json").read_text())
WEIGHTS = Path(__file__).parents[1] / "weights"
FONT = Path(mpl.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"
# Pages of different shapes: validation puts those of a shape into one batch.
SHAPES = [(96, 96), (120, 64), (64, 112)]
VAL = """
import json, sys
from pathlib import Path
from trainer.yolo import offline
offline.prepare(Path(sys.argv[1]))
offline.load()
from ultralytics import YOLO
found = YOLO(sys.argv[2]).val(data=sys.argv[3], imgsz=96, project=sys.argv[1], device="cpu")
print("RESULT", json.dumps({
    "metrics": found.results_dict,
    "maps": {int(c): float(found.maps[c]) for c in found.ap_class_index},
    "confusion": found.confusion_matrix.matrix.tolist(),
}))
"""


def digits(train: int = 4, val: int = 24) -> dict[str, bytes]:
    """Pages with three digits each, which the weights in the image know well, but not perfectly."""
    rng = np.random.default_rng(5)
    found: dict[str, bytes] = {}
    for split, count in (("train", train), ("val", val)):
        for number in range(count):
            width, height = SHAPES[number % len(SHAPES)]
            page = Image.new("L", (width, height), 225)
            lines = []
            for place in range(3):
                digit = int(rng.integers(10))
                font = ImageFont.truetype(str(FONT), int(rng.integers(18, 30)))
                column, row = place % 2 * width // 2 + 6, place // 2 * height // 2 + 3
                ImageDraw.Draw(page).text((column, row), str(digit), fill=40, font=font)
                x1, y1, x2, y2 = font.getbbox(str(digit), anchor="la")
                x, y = column + (x1 + x2) / 2, row + (y1 + y2) / 2
                sides = (x / width, y / height, (x2 - x1) / width, (y2 - y1) / height)
                lines.append(" ".join(map(str, (digit, *sides))))
            data = io.BytesIO()
            page.save(data, "PNG")
            found[f"images/{split}/{number}.png"] = data.getvalue()
            found[f"labels/{split}/{number}.txt"] = "\n".join(lines).encode()
    keys = {"train": "images/train", "val": "images/val", "names": [str(n) for n in range(10)]}
    return found | {"data.yaml": yaml.safe_dump(keys).encode()}


def by_yolo_val(weights: Path, content: dict[str, bytes], folder: Path) -> dict[str, Any]:
    for name, body in content.items():
        path = folder / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    done = subprocess.run(
        [sys.executable, "-c", VAL, folder, weights, folder / "data/data.yaml"],
        check=True,
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
    )
    [line] = [line for line in done.stdout.splitlines() if line.startswith("RESULT")]
    found: dict[str, Any] = json.loads(line.removeprefix("RESULT"))
    return found


@pytest.mark.timeout(400)  # a training, then jobs that evaluate and export
def test_same_as_yolo_val_of_best_pt(launcher: Launcher, jobs: Jobs, tmp_path: Path) -> None:
    content = digits()
    env = jobs.env(content=content, imgsz=96, batch=4, lr0=1e-6, optimizer="AdamW", plots=True)
    jobs.start_from(env, (WEIGHTS / "digits-synthetic.pt").read_bytes())
    launcher.launch(env)
    assert launcher.wait_ended(env["JOB_ID"])["exit_code"] == 0, jobs.backend.log.decode()
    [run] = (launcher.folder / "state" / f"{env['JOB_ID']}-1").rglob("work/run")
    told = json.loads((run / "evaluation.json").read_text())
    Draft202012Validator(SCHEMA).validate(told)
    theirs = by_yolo_val(run / "weights/best.pt", content, tmp_path)

    assert 0.1 < theirs["metrics"]["metrics/mAP50-95(B)"] < 1
    assert told["metrics"] == pytest.approx(theirs["metrics"], abs=1e-4)
    by_class = {one["index"]: one["metrics"] for one in told["classes"] if one["instances"]}
    main = {str(index): values["metrics/mAP50-95(B)"] for index, values in by_class.items()}
    assert main == pytest.approx(theirs["maps"], abs=1e-4)
    matrix = np.zeros_like(theirs["confusion"])
    for predicted, true, count in told["confusion"]["cells"]:
        matrix[predicted][true] = count
    assert matrix.tolist() == theirs["confusion"]
    assert told["confusion"]["confidence"] == 0.001

    assert (told["data"]["images"], told["data"]["instances"]) == (24, 72)
    assert told["data"]["sha256"] == env["DATASET_SHA256"]
    sha256 = hashlib.sha256((run / "weights/best.pt").read_bytes()).hexdigest()
    assert told["weights"]["sha256"] == sha256
    assert told["weights"]["parameters"] > 2_000_000
    assert told["weights"]["gflops"] > 0
    assert [curve["name"] for curve in told["curves"]][:2] == [
        "Precision-Recall(B)",
        "F1-Confidence(B)",
    ]
    assert told["worst"]["images"]
    faults = [one["missed"] + one["false"] for one in told["worst"]["images"]]
    assert faults == sorted(faults, reverse=True)
    [sheet] = told["worst"]["sheets"]
    assert (run / sheet).stat().st_size < 200_000

    last = [beat for beat in jobs.backend.heartbeats if "metrics" in beat][-1]
    assert "epoch" not in last
    assert last["metrics"] == told["metrics"] | {"best/epoch": told["best"]["epoch"]}

    check_job_that_evaluates(launcher, jobs, content, run / "weights/best.pt", told)
    check_job_that_exports(launcher, jobs, content, run / "weights/best.pt", told)


def ended(
    launcher: Launcher, jobs: Jobs, env: dict[str, str], work: str, **config: Any
) -> tuple[dict[str, Any], Path]:
    """How a job with other work than training ended, and the folder that it filled."""
    env["TRAIN_CONFIG"] = json.dumps(config)
    launcher.launch(env, [*OWN_COMMAND, work])
    record = launcher.wait_ended(env["JOB_ID"])
    [work_dir] = (launcher.folder / "state" / f"{env['JOB_ID']}-1").rglob("work")
    return record, work_dir / "run"


def check_job_that_evaluates(
    launcher: Launcher, jobs: Jobs, content: dict[str, bytes], weights: Path, told: dict[str, Any]
) -> None:
    env = jobs.env(content=content)
    jobs.start_from(env, weights.read_bytes(), "digits")
    record, run = ended(launcher, jobs, env, "evaluate")
    assert record["exit_code"] == 0, jobs.backend.log.decode()
    again = json.loads((run / "evaluation.json").read_text())
    Draft202012Validator(SCHEMA).validate(again)
    for part in ("metrics", "classes", "curves", "confusion"):
        assert again[part] == told[part]
    assert (again["data"]["split"], again["data"]["images"]) == ("val", 24)
    assert again["weights"] == told["weights"] | {"name": "digits"}
    assert jobs.kept(env) == {path.name for path in run.iterdir()}

    keys = yaml.safe_load(content["data.yaml"])
    for names, split, words in (
        (keys["names"], "test", "set split to train or val"),
        ([*keys["names"], "ten"], "val", "know 10 classes, the dataset has 11: judge them by"),
        ([*"1032456789"], "val", "know '0' as class 0, the dataset as 1, counted from 0"),
    ):
        theirs = content | {"data.yaml": yaml.safe_dump(keys | {"names": names}).encode()}
        refused = jobs.env(content=theirs, JOB_ID=uuid4().hex[:12])
        jobs.start_from(refused, weights.read_bytes())
        ended(launcher, jobs, refused, "evaluate", split=split)
        assert jobs.backend.finish["cause"] == "config_invalid"
        assert words in jobs.backend.finish["message"]


def check_job_that_exports(
    launcher: Launcher, jobs: Jobs, content: dict[str, bytes], weights: Path, told: dict[str, Any]
) -> None:
    env = jobs.env(content=content)
    jobs.start_from(env, weights.read_bytes(), "digits")
    record, run = ended(launcher, jobs, env, "export", formats=["torchscript", "onnx", "openvino"])
    assert record["exit_code"] == 0, jobs.backend.log.decode()
    found = json.loads((run / "export.json").read_text())
    Draft202012Validator(EXPORT_SCHEMA).validate(found)
    assert [one["format"] for one in found["exports"]] == ["torchscript", "onnx", "openvino"]
    assert [one["drop"] for one in found["exports"]] == pytest.approx([0, 0, 0], abs=0.01)
    assert jobs.kept(env) == {
        *("export.json", "model.onnx", "model.torchscript", "model_openvino_model.zip")
    }
    beat = [beat for beat in jobs.backend.heartbeats if "metrics" in beat][-1]
    assert "epoch" not in beat
    for of, one in [("", found["weights"]), *((f"{x['format']}/", x) for x in found["exports"])]:
        main = "metrics/mAP50-95(B)"
        for name, value in {
            main: one["metrics"][main],
            "drop": one.get("drop"),
            "latency_p50_ms": one["latency_ms"]["p50"],
            "latency_p95_ms": one["latency_ms"]["p95"],
            "size_megabytes": one["size"] / 1e6,
        }.items():
            assert beat["metrics"].get(of + name) == value

    env = jobs.env(content=content)
    jobs.start_from(env, weights.read_bytes(), "digits")
    record, run = ended(launcher, jobs, env, "export", int8=True, max_drop=0)
    found = json.loads((run / "export.json").read_text())
    Draft202012Validator(EXPORT_SCHEMA).validate(found)
    [one] = found["exports"]
    assert one["size"] < found["weights"]["size"]
    assert one["drop"] > 0
    assert jobs.backend.finish["cause"] == "config_invalid"
    assert "of metrics/mAP50-95(B), more than max_drop 0" in jobs.backend.finish["message"]
    assert jobs.kept(env) == {"export.json", "model_int8.onnx"}


@pytest.mark.timeout(400)  # a training, then jobs that evaluate and export
def test_a_classifier_is_evaluated_and_exported(launcher: Launcher, jobs: Jobs) -> None:
    """No boxes, no data.yaml: another loader, another validator, and two accuracies."""
    env = jobs.env("classify", plots=True)
    launcher.launch(env)
    assert launcher.wait_ended(env["JOB_ID"])["exit_code"] == 0, jobs.backend.log.decode()
    [run] = (launcher.folder / "state" / f"{env['JOB_ID']}-1").rglob("work/run")
    weights = (run / "weights/best.pt").read_bytes()
    told = json.loads((run / "evaluation.json").read_text())

    env = jobs.env("classify")
    jobs.start_from(env, weights)
    record, run = ended(launcher, jobs, env, "evaluate", imgsz=32)
    assert record["exit_code"] == 0, jobs.backend.log.decode()
    again = json.loads((run / "evaluation.json").read_text())
    Draft202012Validator(SCHEMA).validate(again)
    assert again["best"]["metric"] == "metrics/accuracy_top1"
    for part in ("metrics", "classes", "confusion"):
        assert again[part] == told[part]

    env = jobs.env("classify")
    jobs.start_from(env, weights)
    record, run = ended(launcher, jobs, env, "export", formats=["onnx", "torchscript"], imgsz=32)
    assert record["exit_code"] == 0, jobs.backend.log.decode()
    found = json.loads((run / "export.json").read_text())
    Draft202012Validator(EXPORT_SCHEMA).validate(found)
    assert [one["drop"] for one in found["exports"]] == [0, 0]
    assert jobs.kept(env) == {"export.json", "model.onnx", "model.torchscript"}


def test_what_is_large_is_shortened_and_told(tmp_path: Path) -> None:
    curve = [{"index": index, "y": [0.1234] * 100} for index in range(1000)]
    worst = [{"file": f"{index}.png", "boxes": []} for index in range(50)]
    document = {
        "classes": [{"index": 1}],
        "curves": [{"name": "a", "classes": curve}, {"name": "b", "classes": curve}],
        "confusion": {"cells": [[1, 2, 3]] * 20_000},
        "worst": {"images": worst},
    }
    evaluation._write(tmp_path, document)
    written = tmp_path / evaluation.NAME
    assert written.stat().st_size <= evaluation.MAX_BYTES
    kept = json.loads(written.read_text())
    assert kept["left_out"] == ["curves"]
    assert len(kept["worst"]["images"]) == 50
