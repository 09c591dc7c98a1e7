"""A dataset's folder as one zip: only what belongs, and the same bytes each time."""

import dataclasses
import hashlib
import os
import zipfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import yaml

from yard.errors import Code, YardError

IMAGES = {".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
_DETECT_COLUMNS = 5
_OBB_COLUMNS = 9
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the oldest time a zip can hold
_CHUNK = 1 << 20


@dataclasses.dataclass(frozen=True)
class Folder:
    """What of a folder belongs to the dataset, as paths relative to it, sorted."""

    root: Path
    files: Sequence[Path]
    skipped: int
    links: int

    @property
    def size(self) -> int:
        """Bytes of all files that belong."""
        return sum((self.root / file).stat().st_size for file in self.files)


def scan(root: Path) -> Folder:
    """Find the images, the label files and data.yaml; leave out caches, links and hidden files.

    Raises:
        YardError: there is no such folder, or no image in it.
    """
    if not root.is_dir():
        raise YardError(
            f"{root} is not a folder", todo="name the dataset's folder", code=Code.NOT_FOUND
        )
    files, skipped, links = list[Path](), 0, 0
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        links += sum(Path(folder, name).is_symlink() for name in subfolders)
        for name in names:
            path = Path(folder, name)
            relative = path.relative_to(root)
            if path.is_symlink():
                links += 1
            elif _belongs(relative) and path.is_file():
                files.append(relative)
            else:
                skipped += 1
    if not any(file.suffix.lower() in IMAGES for file in files):
        raise YardError(
            f"there is no image in {root}",
            f"looked for {', '.join(sorted(IMAGES))} in all its folders",
            f"its {links} symbolic links are not followed: copy what they lead to (cp -rL)"
            if links
            else "give the folder that holds data.yaml with images/ and labels/ "
            "(or train/ and val/ with one folder per class, to classify)",
            Code.USAGE,
        )
    return Folder(root, sorted(files), skipped, links)


def _belongs(path: Path) -> bool:
    if path.name.startswith("."):
        return False
    label = path.suffix == ".txt" and "labels" in path.parts[:-1]
    return label or path.suffix.lower() in IMAGES or path == Path("data.yaml")


def guess_task(folder: Folder) -> str:
    """Return the task that the files look made for.

    No data.yaml: classify. `kpt_shape` in it: pose. Else by the columns of the label files: boxes
    if at least half of the lines are, for single lines may be wrong.

    Raises:
        YardError: there are label files, but no data.yaml, or it is not YAML.
    """
    labels = [file for file in folder.files if file.suffix == ".txt"]
    if Path("data.yaml") not in folder.files:
        if labels:
            raise _no_data_yaml(folder.root)
        return "classify"
    if "kpt_shape" in _data_yaml(folder.root):
        return "pose"
    columns = Counter[int]()
    for label in labels[:50]:
        lines = (folder.root / label).read_text(errors="replace").splitlines()
        columns.update(len(line.split()) for line in lines if line.strip())
    if columns[_DETECT_COLUMNS] * 2 >= columns.total():
        return "detect"
    return "obb" if columns.keys() == {_OBB_COLUMNS} else "segment"


def _no_data_yaml(root: Path) -> YardError:
    others = ", ".join(sorted(file.name for file in root.glob("*.y*ml")))
    return YardError(
        f"there is no data.yaml in {root}",
        f"there is {others}" if others else "",
        "rename it to data.yaml"
        if others
        else "write one that names the folders train and val and the classes, e.g.\n"
        "    train: images/train\n    val: images/val\n    names: [cat, dog]",
        Code.USAGE,
    )


def _data_yaml(root: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load((root / "data.yaml").read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise YardError(
            f"{root / 'data.yaml'} is not YAML", str(error), "fix it and push again", Code.USAGE
        ) from error
    return content if isinstance(content, dict) else {}


def pack(folder: Folder, target: Path, advance: Callable[[int], None]) -> str:
    """Write the zip; return its sha256.

    Same files, same bytes: sorted names, no times, no owners. Images are stored as they are.
    """
    with zipfile.ZipFile(target, "w") as archive:
        for file in folder.files:
            info = zipfile.ZipInfo(file.as_posix(), _EPOCH)
            info.external_attr = 0o644 << 16
            stored = file.suffix.lower() in IMAGES
            info.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
            with (folder.root / file).open("rb") as source, archive.open(info, "w") as entry:
                while chunk := source.read(_CHUNK):
                    entry.write(chunk)
                    advance(len(chunk))
    with target.open("rb") as written:
        return hashlib.file_digest(written, "sha256").hexdigest()
