"""Trains apps/trainer-ultralytics/weights/digits-synthetic.pt, from which the demo starts.

Its data are digits of type faces (those that matplotlib ships) on synthetic pages: none of the
scans that the demo trains and is judged on. It is trained on the platform itself, in about five
minutes on two cores; the trainer's environment has matplotlib:

    yard dev -- apps/trainer-ultralytics/.venv/bin/python demo/train_checkpoint.py
"""

import json
import pickletools
import subprocess
import tempfile
import zipfile
from pathlib import Path

import matplotlib as mpl
import numpy as np
from pages import Gray, Item, write_data_yaml, write_pages
from PIL import Image, ImageDraw, ImageFilter, ImageFont

SEED = 7
ITEMS = {"train": 6000, "val": 500}
PAGES = {"train": 900, "val": 60}
TRAINING = {
    "model": "yolo11n",
    "epochs": 36,
    "imgsz": 96,
    "batch": 32,
    "optimizer": "AdamW",
    "lr0": 0.002,
    "warmup_epochs": 1,
    "warmup_bias_lr": 0,
    "mosaic": 0,
    "fliplr": 0,
    "seed": 7,
}
CANVAS = 128  # pixels; a digit is drawn large, bent, and then reduced to 8x8 like a scan
ROOT = Path(__file__).parents[1]
WEIGHTS = ROOT / "apps/trainer-ultralytics/weights/digits-synthetic.pt"


def faces() -> list[Path]:
    """Return matplotlib's type faces that have digits (the display faces have none)."""
    folder = Path(mpl.get_data_path()) / "fonts/ttf"
    found = [*folder.glob("DejaVu*.ttf"), *folder.glob("STIXGeneral*.ttf")]
    return sorted(face for face in found if "Display" not in face.name)


def _bend(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Slant, turn and stretch, as hands do."""
    turn, slant = rng.uniform(-0.2, 0.2), rng.uniform(-0.35, 0.35)
    wide, high = rng.uniform(0.75, 1.3, 2)
    matrix = np.array([[wide, slant], [0, high]]) @ np.array(
        [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    )
    middle = np.array([CANVAS / 2, CANVAS / 2])
    shift = middle - matrix @ middle
    data = (matrix[0, 0], matrix[0, 1], shift[0], matrix[1, 0], matrix[1, 1], shift[1])
    return image.transform(image.size, Image.Transform.AFFINE, data, Image.Resampling.BILINEAR)


def draw(digit: int, face: Path, rng: np.random.Generator) -> Item:
    """Draw one digit of a type face with a pen of some width, reduced to 8x8."""
    image = Image.new("L", (CANVAS, CANVAS))
    font = ImageFont.truetype(str(face), 84)
    ImageDraw.Draw(image).text((CANVAS / 2, CANVAS / 2), str(digit), 255, font, anchor="mm")
    pen = int(rng.integers(0, 4))
    if pen:
        image = image.filter(ImageFilter.MaxFilter(2 * pen + 1))
    image = _bend(image, rng)
    box = image.getbbox() or (0, 0, CANVAS, CANVAS)
    cut = image.crop(box)
    side = max(cut.size)
    square = Image.new("L", (side, side))
    square.paste(cut, ((side - cut.width) // 2, (side - cut.height) // 2))
    ink: Gray = np.asarray(square.resize((8, 8), Image.Resampling.BOX), dtype=np.float32) / 255
    return Item(digit, (ink / max(float(ink.max()), 0.1)).astype(np.float32))


def make_data(folder: Path, digits: dict[str, int] = ITEMS, pages: dict[str, int] = PAGES) -> None:
    """Write the synthetic dataset; the faces of val are not in train."""
    every = faces()
    groups = {"train": every[::2] + every[1::4], "val": every[3::4]}
    for number, (group, chosen) in enumerate(groups.items()):
        rng = np.random.default_rng([SEED, number])
        items = [
            draw(index % 10, chosen[int(rng.integers(len(chosen)))], rng)
            for index in range(digits[group])
        ]
        write_pages(items, pages[group], folder / "images" / group, folder / "labels" / group, rng)
    write_data_yaml(folder)


def nameless(source: Path, target: Path) -> None:
    """Copy a torch file; blank the paths of this machine in it at their length."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = bytearray(old.read(name))
            if name.endswith("data.pkl"):
                for opcode, value, at in pickletools.genops(bytes(content)):
                    if opcode.name == "BINUNICODE" and str(value).startswith("/"):
                        start = (at or 0) + 5  # one byte of opcode, four of length
                        length = len(str(value).encode())
                        content[start : start + length] = b"-" * length
            new.writestr(name, bytes(content))


def yard(*words: str) -> None:
    """Run a yard command, in sight."""
    subprocess.run([ROOT / "apps/cli/.venv/bin/yard", *words], check=True)


def main() -> None:
    """Make the data, train from scratch on the platform, keep the best epoch's weights."""
    with tempfile.TemporaryDirectory() as scratch:
        make_data(Path(scratch) / "data")
        name = "digits-of-type-faces"
        yard("dataset", "push", f"{scratch}/data", "--name", name, "--task", "detect")
        settings = [word for key, value in TRAINING.items() for word in ("--set", f"{key}={value}")]
        yard("train", name, "--name", name, "--weights", "none", *settings)
        listed = subprocess.check_output(
            [ROOT / "apps/cli/.venv/bin/yard", "job", "list", "--limit", "1", "--json"]
        )
        job = json.loads(listed)[0]["id"]
        yard("model", "pull", job, "--only", "best.pt", "--out", scratch)
        WEIGHTS.parent.mkdir(exist_ok=True)
        nameless(Path(scratch) / "best.pt", WEIGHTS)


if __name__ == "__main__":
    main()
