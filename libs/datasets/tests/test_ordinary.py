"""The fast ways for ordinary archives, images and labels find what the slow ones find."""

import io
import random
import stat
import tracemalloc
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

import archives
import pytest
from PIL import Image, PngImagePlugin
from trainyard_datasets import directory, images, labels, limits
from trainyard_datasets.archive import Archive
from trainyard_datasets.files import UnreadableError
from trainyard_datasets.problems import RejectedError

SAVED: list[tuple[str, dict[str, Any]]] = [
    ("JPEG", {}),
    ("JPEG", {"progressive": True, "dpi": (72, 72), "comment": b"made by a test"}),
    ("JPEG", {"exif": b"Exif\0\0II*\0\x08\0\0\0\0\0", "icc_profile": bytes(300)}),
    ("PNG", {}),
    ("PNG", {"dpi": (72, 72)}),
]
NUMBERS = ("0", "1", "0.5", "0.25", "1.0", "0.0", "1.01", "1.02", "-0.1", ".5", "nan", "5e-1")


def pictures() -> Iterator[bytes]:
    for kind, options in SAVED:
        for mode, size in (("RGB", (32, 20)), ("L", (9, 30)), ("P", (24, 24)), ("CMYK", (16, 16))):
            buffer = io.BytesIO()
            try:
                Image.effect_noise(size, 40).convert(mode).save(buffer, kind, **options)
            except OSError:  # no such mode in this format
                continue
            yield buffer.getvalue()


def spoilt(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((0, 1, 1, 2))):
        at = rng.randrange(rng.choice((40, 300, len(changed))) % len(changed) or 1)
        match rng.randrange(4):
            case 0:
                changed[at] = rng.choice((0, 0xFF, rng.randrange(256)))
            case 1:
                del changed[at : at + rng.choice((1, 2, 30))]
            case 2:
                changed[at:at] = rng.randbytes(rng.choice((1, 2, 20)))
            case _:
                del changed[at + 1 :]
    at = 8
    while changed[:4] == b"\x89PNG" and at + 12 <= len(changed) and rng.random() < 0.9:
        end = at + 8 + int.from_bytes(changed[at : at + 4])
        changed[end : end + 4] = zlib.crc32(changed[at + 4 : end]).to_bytes(4)
        at = end + 4
    return bytes(changed)


def test_images_are_judged_as_pillow_judges_them(monkeypatch: pytest.MonkeyPatch) -> None:
    rng, ordinary = random.Random(7), 0
    for original in pictures():
        for _ in range(30):
            data = spoilt(original, rng)
            asked = {"complete": rng.random() < 0.8, "decode": rng.random() < 0.5}
            found = images.judge(data, **asked)
            with monkeypatch.context() as patch:
                patch.setattr(images, "jpeg_size", lambda _: None)
                patch.setattr(images, "png_size", lambda _: None)
                assert images.judge(data, **asked) == found, (asked, data)
            ordinary += images._judge_ordinary(data, **asked) is not None
    assert ordinary > 50


def test_a_second_header_of_a_png_is_left_to_pillow() -> None:
    data = archives.picture("PNG")
    second = bytearray(data[8:33])
    second[8:12] = (5).to_bytes(4)
    second[-4:] = zlib.crc32(second[4:-4]).to_bytes(4)
    judged = images.judge(data[:33] + second + data[33:], complete=True, decode=False)
    assert judged.fault is not None
    assert "5x32 pixels" in judged.fault


def test_a_jpeg_that_ends_in_an_empty_header_is_left_to_pillow() -> None:
    judged = images.judge(b"\xff\xd8\xff\xc0\x00\x02", complete=True)
    assert judged.fault is not None
    assert "Cannot read" in judged.fault


def test_many_texts_in_a_png_are_left_to_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PngImagePlugin, "MAX_TEXT_MEMORY", 2 << 20)
    data, body = archives.picture("PNG"), b"tEXtkey\0" + b"x" * 60_000
    text = (len(body) - 4).to_bytes(4) + body + zlib.crc32(body).to_bytes(4)
    assert images.judge(data[:33] + text + data[33:], complete=True, decode=False).fault is None
    judged = images.judge(data[:33] + text * 50 + data[33:], complete=True, decode=False)
    assert judged.fault is not None
    assert "Too much memory used in text chunks" in judged.fault


def test_labels_are_read_as_line_by_line(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(7)

    def parsed(data: bytes, form: labels.Format) -> labels.Labels | str:
        try:
            return labels.parse(data, form)
        except labels.LabelError as error:
            return f"{error.kind}: {error}"

    for _ in range(2000):
        columns = rng.choice((5, 5, 7, 9, 8, 11))
        usual = NUMBERS[: rng.choice((6, 6, len(NUMBERS)))]
        lines = [
            " ".join([rng.choice("0012"), *rng.choices(usual, k=columns - 1)])
            for _ in range(rng.choice((0, 1, 2, 5)))
        ]
        lines += lines[: rng.randrange(2)]
        data = rng.choice(("\n", "\n", "\r\n", " \n", "\n\n")).join([*lines, ""]).encode()
        task = rng.choice(("detect", "segment", "pose"))
        form = labels.Format(task, rng.choice((2, 3)), rng.choice((None, (2, 3))))
        found = parsed(data, form)
        with monkeypatch.context() as patch:
            patch.setattr(labels, "_parse_plain", lambda *_: None)
            assert parsed(data, form) == found, (form, data)


@pytest.mark.parametrize("limit", [zipfile.ZIP64_LIMIT, 100])  # what is larger is told in 64 bits
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_archives_are_read_as_zipfile_reads_them(
    method: int, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng, ordinary = random.Random(7), 0
    odd = {"große Dateien/1.bin": b"", "[a] ~'100%'/-.bin": b"", "c:/d": b"", "e/f:<|>": b""}
    with monkeypatch.context() as patch:
        patch.setattr(zipfile, "ZIP64_LIMIT", limit)
        sound = archives.zipped(archives.files(train=3, val=1) | odd, method=method)
        del odd["c:/d"]  # a path of Windows, which both refuse
        refused, sound = sound, archives.zipped(archives.files(train=3, val=1) | odd, method=method)
    assert directory.read(io.BytesIO(refused), len(refused)) is None

    def found(data: bytes) -> object:
        try:
            archive = Archive(io.BytesIO(data), len(data))
        except Exception as error:  # noqa: BLE001 - whatever the archive's fault is
            return repr(error)
        read = {
            name: (d if isinstance(d, bytes) else str(d))
            for name, d in archive.sweep(archive.names)
        }
        return list(archive.names), read

    for number in range(200):
        data = bytearray(sound)
        for _ in range(min(number, 2)):
            start = rng.choice((0, len(data) * 3 // 4))
            data[rng.randrange(start, len(data))] = rng.choice((0, 1, 0xFF, rng.randrange(256)))
        ordinary += directory.read(io.BytesIO(data), len(data)) is not None
        ours = found(bytes(data))
        with monkeypatch.context() as patch:
            patch.setattr(directory, "read", lambda *_: None)
            assert found(bytes(data)) == ours
    assert ordinary > 50


@pytest.mark.parametrize("comment", [b"", b"for zipfile"])
def test_a_file_that_reaches_over_the_next_entry_is_left_out(comment: bytes) -> None:
    """Python's newer versions of zipfile, the trainer's, refuse it."""
    data = archives.reaching_over(comment)
    archive = Archive(io.BytesIO(data), len(data))
    read = dict(archive.sweep(archive.names))
    refused = read.pop("images/train/0.jpg")
    assert "damaged in the archive (it reaches over the next entry)" in str(refused)
    assert all(isinstance(found, bytes) for found in read.values())
    with pytest.raises(UnreadableError):
        archive.read("images/train/0.jpg", 10)


def test_an_entry_with_a_folders_mode_is_a_folder() -> None:
    info = zipfile.ZipInfo("images/more")
    info.create_system, info.external_attr = 3, (stat.S_IFDIR | 0o755) << 16
    data = archives.with_entry(info, b"")
    assert set(Archive(io.BytesIO(data), len(data)).names) == archives.files().keys()


@pytest.mark.parametrize("comment", [b"", b"for zipfile"])
def test_too_many_entries_are_refused_before_all_are_read(
    comment: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = archives.zipped({f"{number}.jpg": b"" for number in range(100)})
    data = data[:-2] + len(comment).to_bytes(2, "little") + comment
    made: list[str] = []

    class Info(zipfile.ZipInfo):
        def __init__(self, name: str) -> None:
            super().__init__(name)
            made.append(name)

    monkeypatch.setattr(zipfile, "ZipInfo", Info)
    monkeypatch.setattr(limits, "MAX_ENTRIES", 5)
    with pytest.raises(RejectedError, match="more than 5 entries"):
        Archive(io.BytesIO(data), len(data))
    assert len(made) == 6


def test_an_entry_of_an_archive_takes_few_bytes() -> None:
    count = 4000
    data = archives.zipped({f"images/train/{n:06}.jpg": b"" for n in range(count)})
    tracemalloc.start()
    try:
        archive = Archive(io.BytesIO(data), len(data))
        used = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert len(archive.names) == count
    assert used / count < 300  # 620 as zipfile keeps them
