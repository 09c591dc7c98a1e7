"""The platform's training is Ultralytics' own: the same arguments and seed give the same losses.

From scratch, and from the same weights.
"""

import csv
import os
from pathlib import Path
from typing import Any

import pytest
import samples
from conftest import Jobs
from forks import ForkServer
from launching import Launcher

ARGUMENTS: dict[str, Any] = {"epochs": 3, "imgsz": 32, "batch": 4, "seed": 3, "model": "yolo11n"}
BARE = """
import sys
from pathlib import Path
from trainer.yolo import offline
offline.prepare(Path(sys.argv[2]))
offline.load()
from ultralytics import YOLO
_, data, project, weights, epochs, imgsz, batch, seed = sys.argv
model = YOLO("yolo11n.yaml")
if weights:
    model = model.load(weights)
model.train(
    data=data, project=project, name="bare", device="cpu",
    epochs=int(epochs), imgsz=int(imgsz), batch=int(batch), seed=int(seed), plots=False,
)
"""

MAKE = """
import sys
from pathlib import Path
from trainer.yolo import offline
offline.prepare(Path(sys.argv[2]))
offline.load()
import torch
from ultralytics import YOLO
torch.manual_seed(7)
YOLO("yolo11n.yaml").save(sys.argv[1])
"""


def losses(results: Path) -> list[dict[str, float]]:
    with results.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [
        {key: float(value) for key, value in row.items() if "loss" in key or "lr" in key}
        for row in rows
    ]


@pytest.fixture(scope="module")
def checkpoint(home: Path, forks: ForkServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file as a training leaves it, of a model that was not trained and has other classes."""
    path = tmp_path_factory.mktemp("weights") / "own.pt"
    forks.run(["-c", MAKE, path, home], env=os.environ, check=True)
    return path


@pytest.mark.parametrize("starts", ["from scratch", "from weights"])
def test_same_losses_as_by_ultralytics_alone(
    starts: str,
    checkpoint: Path,
    launcher: Launcher,
    forks: ForkServer,
    *,
    jobs: Jobs,
    tmp_path: Path,
) -> None:
    env = jobs.env(**ARGUMENTS, mosaic=1.0)
    weights = checkpoint if starts == "from weights" else None
    if weights:
        jobs.start_from(env, weights.read_bytes())
    launcher.launch(env)
    assert launcher.wait_ended(env["JOB_ID"])["exit_code"] == 0
    if weights:
        assert b"know 80 classes, and the dataset has others, " in jobs.backend.log
    [ours] = (launcher.folder / "state" / f"{env['JOB_ID']}-1").rglob("results.csv")

    for name, content in samples.files("detect").items():
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    words = [str(ARGUMENTS[name]) for name in ("epochs", "imgsz", "batch", "seed")]
    alone = ["-c", BARE, tmp_path / "data/data.yaml", tmp_path, weights or "", *words]
    forks.run(alone, env=os.environ, cwd=tmp_path, check=True)
    theirs = losses(tmp_path / "bare/results.csv")
    assert len(theirs) == ARGUMENTS["epochs"]
    for own, bare in zip(losses(ours), theirs, strict=True):
        assert own.keys() == bare.keys()
        assert all(abs(own[key] - bare[key]) <= 1e-3 * max(1, abs(bare[key])) for key in bare)
