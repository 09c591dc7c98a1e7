"""Tiny datasets of every task, drawn on the spot, as zip archives with their indexes."""

import io
import json
import zipfile
from typing import Any

import numpy as np
import yaml
from PIL import Image, ImageDraw

KEYS: dict[str, dict[str, Any]] = {"pose": {"kpt_shape": [2, 3], "flip_idx": [0, 1]}}
LABELS = {
    "detect": "{c} 0.5 0.5 0.5 0.5\n",
    "segment": "{c} 0.25 0.25 0.75 0.25 0.75 0.75 0.25 0.75\n",
    "pose": "{c} 0.5 0.5 0.5 0.5 0.3 0.3 2 0.7 0.7 2\n",
    "obb": "{c} 0.25 0.25 0.75 0.25 0.75 0.75 0.25 0.75\n",
}


def picture(index: int, size: int = 64, form: str = "PNG") -> bytes:
    noise = np.random.default_rng(index).integers(0, 60, (size, size, 3), dtype=np.uint8)
    image = Image.fromarray(noise)
    box = [size // 4, size // 4, 3 * size // 4, 3 * size // 4]
    draw = ImageDraw.Draw(image)
    (draw.rectangle if index % 2 else draw.ellipse)(box, fill=(200, 40, 40))
    data = io.BytesIO()
    image.save(data, form)
    return data.getvalue()


def files(task: str, train: int = 4, val: int = 2) -> dict[str, bytes]:
    """A dataset's files by name; two classes."""
    found: dict[str, bytes] = {}
    for split, count in (("train", train), ("val", val)):
        for index in range(count):
            if task == "classify":
                found[f"{split}/{'square' if index % 2 else 'disc'}/{index}.png"] = picture(index)
                continue
            found[f"images/{split}/{index}.png"] = picture(index)
            found[f"labels/{split}/{index}.txt"] = LABELS[task].format(c=index % 2).encode()
    if task != "classify":
        keys = {"train": "images/train", "val": "images/val", "names": ["disc", "square"]}
        found["data.yaml"] = yaml.safe_dump(keys | KEYS.get(task, {})).encode()
    return found


def with_a_cut_image() -> dict[str, bytes]:
    """As `files("detect")`; what one image is can be read, and its pixels cannot."""
    return files("detect", train=3) | {
        "images/train/cut.bmp": picture(9, form="BMP")[:2000],
        "labels/train/cut.txt": b"0 0.5 0.5 0.5 0.5",
    }


def archive(content: dict[str, bytes]) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as target:
        for name, body in content.items():
            target.writestr(name, body)
    return data.getvalue()


def index(content: dict[str, bytes], task: str, **changes: Any) -> bytes:
    """The index that the platform's check writes of a dataset (docs/training-contract.md)."""
    keys = yaml.safe_load(content.get("data.yaml", b"{}"))
    images = [name for name in content if name.endswith((".png", ".bmp"))]
    splits = {split: [n for n in images if split in n.split("/")] for split in ("train", "val")}
    header = {
        "format": 1,
        "sha256": None,
        "task": task,
        "top": "",
        "names": keys.get("names", ["disc", "square"]),
        "folders": {
            split: [split if task == "classify" else f"images/{split}"] for split in splits
        },
        "kpt_shape": keys.get("kpt_shape"),
        "flip_idx": keys.get("flip_idx"),
    }
    lines: list[dict[str, Any]] = [header | changes]
    for split, found in splits.items():
        labels = [n.replace("images", "labels").replace(".png", ".txt") for n in found]
        files = [[i, n if n in content else None] for i, n in zip(found, labels, strict=True)]
        lines.append({"split": split, "files": files})
    return "".join(json.dumps(line) + "\n" for line in lines).encode()
