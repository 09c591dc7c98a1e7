"""Names what a dataset is that training does not read: another tool's format, another archive."""

import re

from trainyard_datasets.files import Files, UnreadableError, read_or_error

_LOOKED_AT = 20
_HEAD_BYTES = 64 * 1024
_ARCHIVES = (
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (0, b"Rar!\x1a\x07", "a rar archive"),
    (0, b"\x1f\x8b", "gzip (.gz or .tar.gz)"),
    (0, b"BZh", "bzip2 (.bz2 or .tar.bz2)"),
    (0, b"\xfd7zXZ", "xz (.xz or .tar.xz)"),
    (0, b"\x28\xb5\x2f\xfd", "zstd"),
    (257, b"ustar", "a tar archive"),
)
_JSON = (
    ("LabelMe", rb'"shapes"\s*:.*"imagePath"|"imagePath"\s*:.*"shapes"'),
    ("VIA", rb'"_via_img_metadata"'),
    ("Label Studio", rb'\A\s*\[.*"(?:completed_by|completions|from_name|rectanglelabels)"'),
    ("COCO", rb'"(?:annotations|categories)"\s*:\s*\[.*"images"\s*:\s*\[|"images"\s*:\s*\['),
)
_XML = (("CVAT", rb"<annotations\b"), ("Pascal VOC", rb"<annotation\b"))


def archive_kind(start: bytes) -> str | None:
    """What the first bytes of a file that is no zip archive are."""
    return next((kind for at, mark, kind in _ARCHIVES if start[at:].startswith(mark)), None)


def annotations(files: Files) -> str | None:
    """A sentence about annotations of another tool, or None."""
    known = {".json": _JSON, ".xml": _XML}
    candidates = [name for name in files.others if name[name.rfind(".") :].lower() in known]
    for name in candidates[:_LOOKED_AT]:
        head = read_or_error(files, name, _HEAD_BYTES)
        if isinstance(head, UnreadableError):
            continue
        for kind, pattern in known[name[name.rfind(".") :].lower()]:
            if re.search(pattern, head, re.DOTALL):
                return (
                    f"{name} looks like {kind} annotations, which training does not read. Export "
                    "the dataset as YOLO (images, a .txt label file each, and data.yaml), or "
                    "convert it, and push that."
                )
    return None
