"""Time from submit to the first trained batch, beside `yolo train` on the same dataset and config.

Warm: the dataset is cached. Cold: each job has a new version of the dataset. The three take turns, so
that noise of the machine hits each of them. Runs inside `yard dev -- …`.
"""

import argparse
import statistics
import time
from datetime import datetime
from pathlib import Path

from common import Pages, table, yolo
from jobs import platform, run_job
from rich.progress import track
from support.api import Api

CONFIG = {"model": "yolo11n", "epochs": 1, "imgsz": 96, "batch": 8, "workers": 0, "mosaic": 0}


def first_batch(api: Api, dataset_id: str) -> float:
    """Seconds from the submit to the end of the first batch, by the backend's clock."""
    job = run_job(api, dataset_id, CONFIG)
    begin, end = (datetime.fromisoformat(job[key]) for key in ("created_at", "first_step_at"))
    return (end - begin).total_seconds()


def yolo_first_batch(data: Path) -> float:
    """Seconds from starting the shell command to the end of its first batch."""
    begin = time.time()
    passed = {key: value for key, value in CONFIG.items() if key != "model"}
    return yolo(data, passed, "batch end at ")[0] - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pages", type=Path, help="a detect set: data.yaml, images/, labels/")
    parser.add_argument("--runs", type=int, default=20)
    options = parser.parse_args()
    times: dict[str, list[float]] = {"warm": [], "cold": [], "yolo train": []}
    with platform() as api, Pages(options.pages) as pages:
        warm = pages.push()
        first_batch(api, warm)
        for _ in track(range(options.runs), "first batches"):
            times["warm"].append(first_batch(api, warm))
            times["yolo train"].append(yolo_first_batch(pages.data))
            pages.vary()
            times["cold"].append(first_batch(api, pages.push()))
    peer = times["yolo train"]
    rows = []
    for name, values in times.items():
        p95 = statistics.quantiles(values, n=20)[-1]
        ratio = statistics.median(p / v for p, v in zip(peer, values, strict=True))
        rows.append([name, f"{statistics.median(values):.2f}", f"{p95:.2f}", f"{ratio:.1f}"])
    table(
        f"Submit → first batch trained, {options.runs} runs (target: warm p95 < 1 s, ≥ 5 × sooner)",
        ["", "median s", "p95 s", "× sooner than yolo train"],
        rows,
    )


if __name__ == "__main__":
    main()
