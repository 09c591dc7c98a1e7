"""Training throughput under the supervisor beside the bare library, in turns on the same dataset.

Alone, and as two ranks beside torchrun. Both train the same config. The time runs from the end of the first epoch to the end of the last, so
it contains no start-up. Runs inside `yard dev -- …`.
"""

import argparse
import statistics
from datetime import datetime
from pathlib import Path
from typing import Any

from common import Pages, table, yolo
from jobs import platform, run_job
from rich.progress import track
from support.api import Api

EPOCHS = 6
CONFIG = {"model": "yolo11n", "epochs": EPOCHS, "imgsz": 96, "batch": 8, "workers": 0, "mosaic": 0}
OURS_ALONE = {"model", "device", "export_onnx", "freeze", "ranks"}


def supervised(api: Api, dataset_id: str, ranks: int) -> tuple[float, dict[str, Any]]:
    """Seconds for EPOCHS - 1 epochs, and the job's config with its defaults."""
    job = run_job(api, dataset_id, CONFIG | {"ranks": ranks})
    rows = api.metrics(job["id"])
    first, last = (datetime.fromisoformat(rows[index]["at"]) for index in (0, -1))
    return (last - first).total_seconds(), job["config"]


def bare(data: Path, config: dict[str, Any], ranks: int) -> float:
    """The same by the library alone."""
    passed = {key: value for key, value in config.items() if key not in OURS_ALONE}
    marks = yolo(data, passed, "epoch end at ", ranks)
    return marks[EPOCHS - 1] - marks[0]


def rows_of(name: str, ours: list[float], library: list[float]) -> list[list[str]]:
    ratios = [bare_s / ours_s for ours_s, bare_s in zip(ours, library, strict=True)]
    ratio, spread = f"{statistics.median(ratios):.3f}", f"{min(ratios):.3f} … {max(ratios):.3f}"
    return [
        [f"{name}, supervised", f"{statistics.median(ours):.2f}", ratio, spread],
        [f"{name}, bare", f"{statistics.median(library):.2f}", "1", ""],
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pages", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    ours: dict[int, list[float]] = {1: [], 2: []}
    library: dict[int, list[float]] = {1: [], 2: []}
    with platform() as api, Pages(options.pages) as pages:
        dataset_id = pages.push()
        for _ in track(range(options.runs), "trainings"):
            for ranks in (1, 2):
                seconds, config = supervised(api, dataset_id, ranks)
                ours[ranks].append(seconds)
                library[ranks].append(bare(pages.data, config, ranks))
    table(
        "Training throughput, supervised ÷ bare (targets: alone ≥ 0.98, 2 ranks ≥ 0.97)",
        ["", "median s", "ratio, median", "ratio, min … max"],
        [
            *rows_of("alone", ours[1], library[1]),
            *rows_of("2 ranks, torchrun", ours[2], library[2]),
        ],
    )


if __name__ == "__main__":
    main()
