"""Shared by the benches: a dataset that can change, runs of `yolo`, and tables."""

import json
import os
import shutil
import statistics
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[1]
YARD = ROOT / "apps/cli/.venv/bin/yard"
TRAINER = ROOT / "apps/trainer-ultralytics/.venv/bin/python"


class Pages:
    """A copy of a detect set; each `vary` makes it one that no machine has cached."""

    def __init__(self, pages: Path) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self.pages = Path(self._folder.name) / "pages"
        shutil.copytree(pages, self.pages)
        self.data = Path(self._folder.name) / "data.yaml"
        self.data.write_text(f"path: {self.pages}\n{(self.pages / 'data.yaml').read_text()}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._folder.cleanup()

    def push(self) -> str:
        """Push it as it is; returns the dataset's id."""
        command: list[str | Path] = [YARD, "dataset", "push", self.pages]
        command += ["--name", "bench", "--task", "detect"]
        pushed = subprocess.run([*command, "--json"], check=True, capture_output=True)
        return str(json.loads(pushed.stdout)["id"])

    def vary(self) -> None:
        """Change a label's spelling, not its meaning."""
        label = next(iter(sorted((self.pages / "labels/train").iterdir())))
        label.write_text(label.read_text() + "\n")


def yolo(data: Path, config: dict[str, Any], mark: str, ranks: int = 1) -> list[float]:
    """Run `yolo train` from scratch; the times at which it passed `mark` (see yolo_cli.py).

    Several ranks run under torchrun (see yolo_ranks.py).
    """
    with tempfile.TemporaryDirectory() as folder:
        given = {"model": "yolo11n.yaml", "data": str(data), "project": folder, "device": "cpu"}
        given |= config
        command: list[str | Path] = [TRAINER, ROOT / "bench/yolo_cli.py", "detect", "train"]
        command += [f"{key}={value}" for key, value in given.items()]
        if ranks > 1:
            command = [TRAINER, "-m", "torch.distributed.run", f"--nproc-per-node={ranks}"]
            command += ["--standalone", ROOT / "bench/yolo_ranks.py", f"{folder}/peers"]
            command += [json.dumps(given)]
        env = os.environ | {"YOLO_OFFLINE": "1", "YOLO_AUTOINSTALL": "0", "YOLO_CONFIG_DIR": folder}
        run = subprocess.run(command, check=False, capture_output=True, text=True, env=env)
        if run.returncode:
            raise SystemExit(f"yolo train failed:\n{run.stderr[-2000:]}")
    lines = run.stderr.splitlines()
    return [float(line.removeprefix(mark)) for line in lines if line.startswith(mark)]


def spread(seconds: Sequence[float]) -> list[str]:
    """Median and 95th percentile, as a row of a table shows them."""
    p95 = statistics.quantiles(seconds, n=20)[-1]
    return [f"{statistics.median(seconds):.2f}", f"{p95:.2f}"]


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print one table, the first column left and numbers right."""
    drawn = Table(title=title, title_justify="left")
    for index, column in enumerate(columns):
        drawn.add_column(column, justify="right" if index else "left")
    for row in rows:
        drawn.add_row(*row)
    Console().print(drawn)
