"""Run the commands that docs/cli.md shows, and write what they print: `python ci/cli_docs.py [--check]`.

A `console` block of the page holds commands, each on a line that starts with `$ `, and their
output. They run in the page's order against one `yard dev`, in a folder that has a small dataset
`digits` and the demo's weights. The page stays as it is where a run differs from it only in values such as times and ids.
`--check` writes nothing; it shows the differences and exits with 1 if there are any.
"""

import difflib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/cli.md"
BLOCK = re.compile(r"(?<=^```console\n).*?(?=^```$)", re.DOTALL | re.MULTILINE)
WIDTH = 160  # characters; JSON that is longer ends in an ellipsis
SERVER = "yard dev"
READY = r"Trainyard is ready at \S+"
FINISHED = ["succeeded", "failed", "cancelled"]
WAITS = {  # statuses that a job must have for the command to print what the page shows
    "yard job cancel": ["running"],
    "yard job retry": FINISHED,
    "yard job finish": ["running"],
    "yard job delete": FINISHED,
}
MAKE_DATASET = """
from pathlib import Path
from train_checkpoint import make_data
make_data(Path("digits"), {"train": 160, "val": 40}, {"train": 24, "val": 4})
"""
VOLATILE = {
    # What differs between two runs, each by the form in which `yard` prints it.
    r"\b[0-9a-f]{12}\b": "<id>",
    r"\b[0-9a-f]{6}(?=`)": "<id>",
    r"\byard_[\w-]{43}": "<secret>",
    r"\b127\.0\.0\.1:\d+": "<address>",
    r"\b(?:\d+ h \d\d min|\d+ min \d\d s|\d+(?:\.\d)? s)\b": "<duration>",
    r"\b\d+(?:\.\d)? (?:B|[KMGT]iB)\b": "<size>",
    r"\b\d+ images/s": "<speed>",
    r"\b\d+\.\d+ms\b": "<milliseconds>",
    r"\b\d+\.\d+\.\d+\b": "<version>",
    r"\b\d+\.\d ms\b": "<milliseconds>",
    r"\b(loss|mAP50|mAP50-95) \d+\.\d{3}\b": r"\1 <metric>",
    r"^((?:\w+/)?(?:metrics|train|val|drop|latency)\S*)(?: +[-+\d.e]+)+$": r"\1  <metrics>",
    r"^((?:pt|onnx|torchscript) +\S+ +<size>)(?: +(?:-?\d[\d.e-]*|—))+$": r"\1  <metrics>",
    r"^device  +.*$": "device  <device>",
    r"(?<= first )[0-9a-f]{6}\b": "<id>",  # of the table that compares
    r"^(\d +\d+)(?: +(?:\d[\d.e-]*|—))+$": r"\1 <metrics>",  # of a class
    r"^(\S+\.png  )\d+x \d(?:, \d+x \d)*$": r"\1<found>",
    r"^(?:queued|preparing|running|uploading)\n": "",  # a status that passes quickly may go unseen
    r"^(?:page ready|[Tt]he web page is) .*\n": "",  # it may not be built where this runs
    r"^.* has port \d+; the backend takes \d+\n": "",  # where something else runs beside it
    r" {3,}": "  ",  # a column is as wide as its widest value
}


def comparable(text: str) -> str:
    """Return printed text without what differs between two runs."""
    for form, stand_in in VOLATILE.items():
        text = re.sub(form, stand_in, text, flags=re.MULTILINE)
    # Services start side by side.
    return re.sub(
        r"(?:^\w+ ready after <duration>\n)+",
        lambda lines: "".join(sorted(lines[0].splitlines(keepends=True))),
        text,
        flags=re.MULTILINE,
    )


class Shell:
    """Runs the page's commands in a folder of their own, against a `yard dev`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._env = {
            "WEIGHTS_DOWNLOAD": "",
            "PATH": f"{ROOT / 'apps/cli/.venv/bin'}:{os.environ['PATH']}",
            "HOME": str(folder),
            "XDG_CACHE_HOME": str(folder / "cache"),
        }

    def _start(self, command: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["bash", "-c", f"exec {command}" if command == SERVER else command],
            cwd=self._folder, env=self._env, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    @contextmanager
    def server(self) -> Iterator[list[str]]:
        """Make the dataset and run `yard dev`; yield the lines that it prints, in the end all of them.

        Raises:
            RuntimeError: it has ended before it was ready.
        """
        child = self._start(SERVER)
        assert child.stdout
        lines = list[str]()
        try:
            self._make_dataset()
            for line in child.stdout:
                lines.append(line)
                if re.match(READY, line):
                    break
            else:
                raise RuntimeError("".join(lines))
            yield lines
        finally:
            child.send_signal(signal.SIGINT)
            lines += child.stdout
            child.wait()

    def _make_dataset(self) -> None:
        python = ROOT / "apps/trainer-ultralytics/.venv/bin/python"  # it has numpy and matplotlib
        env = self._env | {"PYTHONPATH": str(ROOT / "demo")}
        subprocess.run([python, "-c", MAKE_DATASET], cwd=self._folder, env=env, check=True)
        shutil.copy(ROOT / "apps/trainer-ultralytics/weights/digits-synthetic.pt", self._folder)

    def run(self, command: str) -> str:
        """Run a command once its job has got so far; return what it prints, with its exit code."""
        words = command.split()
        statuses = WAITS.get(" ".join(words[:3]))
        while statuses and self._status(words[3]) not in statuses:
            time.sleep(0.2)
        child = self._start(command)
        printed, _ = child.communicate()
        if printed.startswith(("[", "{")) and len(printed) > WIDTH:
            printed = f"{printed[:WIDTH]} …"
        lines = [line.rstrip() for line in printed.rstrip().splitlines()]
        if child.returncode:
            lines.append(f"# exit code {child.returncode}")
        return "".join(f"{line}\n" for line in lines)

    def _status(self, name: str) -> str:
        there = json.loads((self._folder / ".trainyard/address.json").read_text())
        headers = {"Authorization": f"Bearer {there['token']}"}
        jobs_there = urllib.request.Request(f"{there['url']}/api/v1/jobs", headers=headers)
        with urllib.request.urlopen(jobs_there) as reply:
            jobs = json.load(reply)["items"]
        [status] = [job["status"] for job in jobs if job["name"] == name]
        return str(status)


def written(page: str) -> str:
    """Return the page with what its commands print now."""
    with tempfile.TemporaryDirectory() as folder:
        shell = Shell(Path(folder))
        with shell.server() as log:
            printed = [
                [(line, log if line == SERVER else [shell.run(line)]) for line in commands(block)]
                for block in BLOCK.findall(page)
            ]
    blocks = iter(printed)
    return BLOCK.sub(
        lambda _: "".join(f"$ {line}\n{''.join(output)}" for line, output in next(blocks)), page
    )


def commands(block: str) -> list[str]:
    return [line.removeprefix("$ ") for line in block.splitlines() if line.startswith("$ ")]


if __name__ == "__main__":
    page = PAGE.read_text()
    current = written(page)
    difference = list(
        difflib.unified_diff(
            comparable(page).splitlines(), comparable(current).splitlines(),
            "docs/cli.md", "printed now", lineterm="",
        )
    )  # fmt: skip
    if sys.argv[1:] == ["--check"]:
        print("\n".join(difference))
        sys.exit(bool(difference))
    if difference:
        PAGE.write_text(current)
