"""Delay from a printed log line to `yard logs -f`, and from cancel to the end of the last process.

The bench prints by appending to the output file of a running training, as the trainer's processes
do. Runs inside `yard dev -- …`.
"""

import argparse
import random
import subprocess
import threading
import time
from pathlib import Path
from typing import IO

import psutil
from common import YARD, Pages, spread, table
from jobs import platform
from rich.progress import track
from support.api import Api
from support.waiting import wait_for

CONFIG = {"model": "yolo11n", "epochs": 500, "imgsz": 96, "batch": 8, "workers": 0, "mosaic": 0}
MARK = "bench line "


def start(api: Api, dataset_id: str) -> str:
    """Submit a training and return its id once it trains."""
    job_id = api.submit(dataset_id, CONFIG, trainer="ultralytics")
    wait_for(lambda: api.job(job_id)["step"] is not None, 60, every_s=0.1)
    return job_id


def processes(work: Path) -> list[psutil.Process]:
    """Every process of an attempt by its folder: supervisor, trainer and all that they started."""
    found = []
    for process in psutil.process_iter():
        try:
            if Path(process.cwd()).is_relative_to(work):
                found.append(process)
        except psutil.Error:
            continue
    return found


def print_lines(job_id: str, work: Path, lines: int) -> list[float]:
    """Print lines into a training; seconds until `yard logs -f` had printed each."""
    delays: list[float] = []
    all_seen = threading.Event()

    def read(output: IO[str]) -> None:
        for line in output:
            if line.startswith(MARK):
                delays.append(time.time() - float(line.removeprefix(MARK)))
                if len(delays) == lines:
                    all_seen.set()

    command = [str(YARD), "logs", job_id, "-f"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as follower:
        assert follower.stdout
        threading.Thread(target=read, args=(follower.stdout,), daemon=True).start()
        with (work / "output.log").open("a", buffering=1) as output:
            for _ in range(lines):
                time.sleep(random.uniform(0, 0.4))
                output.write(f"{MARK}{time.time()}\n")
        if not all_seen.wait(30):
            raise SystemExit(f"Only {len(delays)} of {lines} lines were seen.")
        follower.terminate()
    return delays


def cancel(api: Api, job_id: str, work: Path) -> float:
    """Seconds from the request to the end of the last process."""
    tree = processes(work)
    begin = time.monotonic()
    api.post(f"/api/v1/jobs/{job_id}/cancel").raise_for_status()
    psutil.wait_procs(tree, timeout=60)
    took = time.monotonic() - begin
    if left := processes(work):
        raise SystemExit(f"Processes are left: {left}")
    return took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pages", type=Path, help="a detect set: data.yaml, images/, labels/")
    parser.add_argument("state", type=Path, help="the state folder of the `yard dev` around")
    parser.add_argument("--lines", type=int, default=100)
    parser.add_argument("--cancels", type=int, default=10)
    options = parser.parse_args()
    with platform() as api, Pages(options.pages) as pages:
        dataset_id = pages.push()
        delays = list[float]()
        cancels = list[float]()
        for turn in track(range(options.cancels), "cancels"):
            job_id = start(api, dataset_id)
            work = options.state.resolve() / f"data/launcher/{job_id}-1"
            if turn == 0:
                delays = print_lines(job_id, work, options.lines)
            cancels.append(cancel(api, job_id, work))
    table(
        "Beside a training on the same cores",
        ["", "median s", "p95 s"],
        [
            ["log line → `yard logs -f` (p95 < 0.5)", *spread(delays)],
            ["cancel → no process left (≤ 2)", *spread(cancels)],
        ],
    )


if __name__ == "__main__":
    main()
