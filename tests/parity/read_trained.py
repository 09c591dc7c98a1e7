# SPDX-License-Identifier: AGPL-3.0-only
"""Reads each dataset of a list as a training does; runs in the trainer's environment.

Each line of stdin is {"archive": path, "task": task}; each line of stdout has two readings by
Ultralytics' own loader: `plain`, of all files of the archive, and `unpacked`, of what the trainer
unpacks by the index beside it (null where there is none).
"""

import json
import multiprocessing
import os
import sys
import tempfile
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

from trainer.dataset import fetch
from trainer.yolo import offline, torchvision_shim

offline.prepare(Path(sys.argv[1]))
torchvision_shim.install()
# What follows reads the environment that this has set.
from ultralytics.cfg import get_cfg  # noqa: E402
from ultralytics.data import base, dataset, utils  # noqa: E402
from ultralytics.utils import LOGGER  # noqa: E402
from ultralytics.utils.patches import imread  # noqa: E402


def _silent(self: list[Any], found: Any = (), **_: Any) -> None:
    """No progress is drawn."""
    list.__init__(self, found or ())


# None of these decides about a dataset.
utils.check_font = lambda *_: None
dataset.check_file_speeds = base.check_file_speeds = lambda *_, **__: None
dataset.NUM_THREADS = 1
dataset.TQDM = type("Silent", (list,), {"__init__": _silent, "close": lambda _: None})
LOGGER.disabled = True


def read(folder: Path, task: str) -> dict[str, Any]:
    os.chdir(folder)  # paths of data.yaml count from where a training is started
    try:
        return _classified(folder) if task == "classify" else _labelled(folder, task)
    except Exception as error:  # noqa: BLE001 - every error is a refusal
        return {"accepted": False, "why": f"{type(error).__name__}: {error}"[:300]}


def _labelled(folder: Path, task: str) -> dict[str, Any]:
    data = utils.check_det_dataset(str(folder / "data.yaml"), autodownload=False)
    images, instances = {}, {}
    for split in ("train", "val"):
        found = dataset.YOLODataset(
            img_path=data[split], data=data, task=task, imgsz=32, augment=split == "train"
        )
        usable = [label for label in found.labels if imread(label["im_file"]) is not None]
        if not usable:
            raise ValueError(f"no image of {split} can be decoded")
        images[split] = len(usable)
        instances[split] = Counter(int(c) for label in usable for c in label["cls"].flat)
    names = [data["names"][index] for index in sorted(data["names"])]
    return {"accepted": True, "images": images, "names": names, "instances": instances}


def _classified(folder: Path) -> dict[str, Any]:
    args = get_cfg(overrides={"imgsz": 32})
    data = utils.check_cls_dataset(folder, split="val")
    images, instances = {}, {}
    for split in ("train", "val"):
        found = dataset.ClassificationDataset(
            str(data[split]), args, augment=split == "train", prefix=split, names=data["names"]
        )
        usable = [sample for sample in found.samples if found.imread(sample[0]) is not None]
        if not usable:
            raise ValueError(f"no image of {split} can be decoded")
        images[split] = len(usable)
        instances[split] = Counter(int(sample[1]) for sample in usable)
    names = [data["names"][index] for index in sorted(data["names"])]
    return {"accepted": True, "images": images, "names": names, "instances": instances}


def extract(archive: Path, folder: Path) -> Path:
    """Everything but hidden files; the one folder that holds it all is the set."""
    with zipfile.ZipFile(archive) as source:
        for info in source.infolist():
            name = fetch._path(info)
            parts = name.split("/")
            if info.is_dir() or any(p == "__MACOSX" or p.startswith(".") for p in parts):
                continue
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(source.read(info))
    tops = [path for path in folder.iterdir() if path.is_dir()]
    has_set = (folder / "data.yaml").exists() or (folder / "train").exists()
    return tops[0] if len(tops) == 1 and not has_set else folder


def answer(line: str) -> str:
    case = json.loads(line)
    archive, task = Path(case["archive"]), case["task"]
    index = archive.with_suffix(".jsonl")
    with tempfile.TemporaryDirectory(dir=archive.parent) as scratch:
        plain, unpacked = Path(scratch) / "plain", Path(scratch) / "unpacked"
        plain.mkdir()
        try:
            first: dict[str, Any] = read(extract(archive, plain), task)
        except Exception as error:  # noqa: BLE001 - no zip archive
            first = {"accepted": False, "why": repr(error)[:300]}
        second = None
        if index.exists():
            fetch.unpack(archive, index, unpacked)
            second = read(unpacked, task)
        os.chdir("/")
    return json.dumps({"plain": first, "unpacked": second})


def main() -> None:
    with multiprocessing.get_context("fork").Pool(2) as processes:
        for text in processes.imap(answer, sys.stdin, chunksize=8):
            sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    main()
