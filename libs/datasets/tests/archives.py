"""Small datasets, as files by name and as zip archives, whole and broken."""

import io
import warnings
import zipfile
from functools import cache
from pathlib import Path

from PIL import Image

# Whoever loads this pickle runs the command.
PICKLE_CANARY = b"cposix\nsystem\n(S'touch canary'\ntR."


@cache
def picture(kind: str = "JPEG", size: tuple[int, int] = (32, 32), shade: int = 90) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, (shade, 20, 200)).save(buffer, kind)
    return buffer.getvalue()


TASKS = ("detect", "segment", "classify", "pose", "obb")
BOX = "0 0.5 0.5 0.2 0.2\n"
LINES = {
    "detect": BOX,
    "segment": "0 0.1 0.1 0.9 0.1 0.5 0.9\n",
    "pose": "0 0.5 0.5 0.2 0.2 0.4 0.4 2 0.6 0.6 2\n",
    "obb": "0 0.1 0.1 0.9 0.1 0.9 0.9 0.1 0.9\n",
}
YAML = "train: images/train\nval: images/val\nnames: [cat, dog]\n"


def files(task: str = "detect", train: int = 4, val: int = 2) -> dict[str, bytes]:
    """A sound dataset with `train` and `val` images."""
    if task == "classify":
        return {
            f"{split}/{name}/{index}.jpg": picture()
            for split, count in (("train", train), ("val", val))
            for name in ("cat", "dog")
            for index in range(count)
        }
    yaml = YAML + ("kpt_shape: [2, 3]\nflip_idx: [1, 0]\n" if task == "pose" else "")
    found = {"data.yaml": yaml.encode()}
    for split, count in (("train", train), ("val", val)):
        for index in range(count):
            found[f"images/{split}/{index}.jpg"] = picture()
            found[f"labels/{split}/{index}.txt"] = LINES[task].encode()
    return found


def unpacked(files: dict[str, bytes], folder: Path) -> Path:
    """Write files into a folder."""
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def zipped(entries: dict[str, bytes], *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def with_entry(info: zipfile.ZipInfo, data: bytes = b"x") -> bytes:
    """A sound detect set and one entry more."""
    buffer = io.BytesIO(zipped(files()))
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "a") as archive:
        warnings.simplefilter("ignore")  # a name twice is what some tests want
        archive.writestr(info, data)
    return buffer.getvalue()


def special(name: str, mode: int) -> bytes:
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = mode << 16
    return with_entry(info, b"/etc/passwd")


def patched(archive: bytes, old: bytes, new: bytes) -> bytes:
    """Overwrite bytes in place, wherever they stand."""
    assert old in archive
    assert len(old) == len(new)
    return archive.replace(old, new)


def encrypted() -> bytes:
    data = bytearray(zipped(files(), method=zipfile.ZIP_STORED))
    with zipfile.ZipFile(io.BytesIO(bytes(data))) as archive:
        start = archive.start_dir
    data[start + 8] |= 1  # the flag, in the first entry of the table of contents
    return bytes(data)


def overlapping(other: str = "images/train/y.jpg", inside: int = 0) -> bytes:
    """An entry of the table of contents that lies in the body of another."""
    entries = files() | {"images/train/x.jpg": picture()}
    entries |= {other: b"" if other.endswith("/") else picture()}
    data = bytearray(zipped(entries, method=zipfile.ZIP_STORED))
    with zipfile.ZipFile(io.BytesIO(bytes(data))) as archive:
        shared = archive.getinfo("images/train/x.jpg").header_offset + inside
    at = data.rindex(other.encode()) - 4
    data[at : at + 4] = shared.to_bytes(4, "little")
    return bytes(data)


def reaching_over(comment: bytes = b"") -> bytes:
    """The local header of images/train/0.jpg leads to the bytes of images/train/1.jpg."""
    data = bytearray(zipped(files(), method=zipfile.ZIP_STORED))
    zero, one = (data.index(f"images/train/{number}.jpg".encode()) for number in (0, 1))
    data[zero - 2 : zero] = (one - zero).to_bytes(2, "little")
    if comment:
        data[-2:] = len(comment).to_bytes(2, "little") + comment
    return bytes(data)
