"""Checks each dataset of a list; runs in the environment of libs/datasets.

Each line of stdin is {"archive": path, "task": task}; each line of stdout the check's result. The
index of one that is ready is written beside its archive.
"""

import json
import sys
from pathlib import Path
from typing import Any

from trainyard_datasets.archive import Archive
from trainyard_datasets.check import Check


def read(path: Path, task: str) -> dict[str, Any]:
    check = Check(task)
    with check.rejecting(), path.open("rb") as file:
        check.run(Archive(file, path.stat().st_size))
    report = check.report()
    result = {"accepted": check.accepted, "problems": report["problems"]}
    if not check.accepted:
        return result
    index = path.with_suffix(".jsonl")
    with index.open("wb") as target:
        check.write_index(target)
    images = dict.fromkeys(("train", "val"), 0)
    for line in index.read_text().splitlines()[1:]:
        batch = json.loads(line)
        if batch["split"] in images:
            images[batch["split"]] += len(batch["files"])
    counts = {s: {c["index"]: c[s] for c in report["classes"] if c[s]} for s in images}
    return result | {
        "images": images,
        "names": [c["name"] for c in report["classes"]],
        "instances": counts,
    }


def main() -> None:
    for line in sys.stdin:
        case = json.loads(line)
        sys.stdout.write(json.dumps(read(Path(case["archive"]), case["task"])) + "\n")


if __name__ == "__main__":
    main()
