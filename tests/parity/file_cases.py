"""Images, names, archives, and sets that train on something else than people think."""

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator

from parity.sets import (
    ANY_FOLDER,
    TRAIN,
    UNLISTABLE,
    UNSAFE,
    YAML,
    Case,
    image,
    moved,
    sound,
    with_labels,
)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png(stream: bytes) -> bytes:
    head = struct.pack(">IIBBBBB", 32, 32, 8, 2, 0, 0, 0)
    body = _chunk(b"IHDR", head) + _chunk(b"IDAT", stream) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def odd_images() -> Iterator[tuple[str, str, bytes]]:
    """Name, suffix and bytes of images that some reader cannot read."""
    big = (200, 200)
    row = bytes(32 * 3)
    for kind, suffix in (
        *(("BMP", "bmp"), ("TIFF", "tif"), ("JPEG2000", "jp2"), ("JPEG", "jpg"), ("PNG", "png")),
        *(("WEBP", "webp"), ("AVIF", "avif")),
    ):
        whole = image(5, kind, big)
        yield f"{kind} whole", suffix, whole
        yield f"{kind} cut", suffix, whole[: int(len(whole) * 0.6)]
        yield f"{kind} head only", suffix, whole[:40]
        yield f"{kind} with more behind", suffix, whole + bytes(20)
        yield f"{kind} named jpg", "jpg", whole
    for mode in ("L", "1", "P", "RGBA", "LA", "I;16"):
        yield f"PNG {mode}", "png", image(5, "PNG", big, mode)
    for mode in ("L", "CMYK"):
        yield f"JPEG {mode}", "jpg", image(5, "JPEG", big, mode)
    for mode in ("L", "1", "P", "RGBA", "CMYK", "I;16", "I", "F", "YCbCr", "LA"):
        yield f"TIFF {mode}", "tif", image(5, "TIFF", big, mode)
    for how in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
        yield f"TIFF {how}", "tif", image(5, "TIFF", big, compression=how)
    yield "TIFF group4", "tif", image(5, "TIFF", big, "1", compression="group4")
    for mode in ("L", "1", "P", "RGBA"):
        if mode != "RGBA":
            yield f"BMP {mode}", "bmp", image(5, "BMP", big, mode)
    for mode in ("L", "LA", "RGBA"):
        yield f"JPEG2000 {mode}", "jp2", image(5, "JPEG2000", big, mode)
    yield "JPEG progressive", "jpg", image(5, "JPEG", big, progressive=True)
    yield "JPEG cut, with an end", "jpg", image(5, "JPEG", big)[:600] + b"\xff\xd9"
    yield "PNG bad stream", "png", _png(b"\x78\x9c" + b"\xff" * 300)
    yield "PNG bad filter", "png", _png(zlib.compress((b"\x09" + row) * 32))
    yield "PNG short", "png", _png(zlib.compress((b"\0" + row) * 20))
    yield "GIF named png", "png", image(5, "GIF", big, "P")
    yield "text", "png", b"hello"
    yield "nothing", "png", b""
    yield "9 pixels wide", "png", image(5, "PNG", (9, 32))
    yield "10 pixels wide", "png", image(5, "PNG", (10, 32))
    yield "an HTML page", "jpg", b"<html>404</html>"


def pictures() -> Iterator[Case]:
    for name, suffix, data in odd_images():
        files = {n: d for n, d in sound().items() if n != "images/train/0.png"}
        yield Case(f"image: {name}", "detect", files | {f"images/train/0.{suffix}": data})
    for name in ("PNG bad stream", "JPEG cut", "TIFF F"):
        [(suffix, data)] = [(s, d) for n, s, d in odd_images() if n == name]
        files = sound("classify") | {f"train/ant/x.{suffix}": data}
        yield Case(f"classify image: {name}", "classify", files)
    bad = sound() | {f"images/train/{n}.png": b"x" for n in range(TRAIN - 1)}
    yield Case("all but one image unusable", "detect", bad, "5 of 6 (83%) images in train")
    bad = sound() | {f"images/train/{n}.png": b"x" for n in range(TRAIN)}
    yield Case("all images unusable", "detect", bad, "train has no usable image")
    bad = sound() | {"images/val/0.png": b"x"}
    yield Case("one of three images of val unusable", "detect", bad, "1 of 3 (33%) images in val")


class _Raw(zipfile.ZipInfo):
    """An entry whose name has other bytes than zipfile would write, and no flag."""

    raw = b""

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:  # noqa: N802 - zipfile's own
        return self.raw, self.flag_bits & ~0x800


def raw_zip(files: dict[str, bytes], encoding: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            info = _Raw(name)
            info.raw = name.encode(encoding)
            archive.writestr(info, data)
    return buffer.getvalue()


def names() -> Iterator[Case]:
    for name, stem in {
        "narrow no-break space": "Screenshot 2026-08-28 at 8.55.11\u202fPM",
        "no-break space": "Sn\u00edmek v\u00a013.05",
        "ideographic space": "\u5199\u771f\u3000\uff11",
        "right-to-left mark": "\u200f\u05dc\u05db\u05d9\u05d3\u05d4",
        "zero-width joiner": "\U0001f468\u200d\U0001f469",
        "soft hyphen": "co\u00adop",
        "private use": "icon \uf8ff",
        "spaces": " a  b ",
        "percent": "100%",
        "brackets": "a[1]{2}*?",
        "quotes": 'it\'s "x"',
        "hash": "#1",
        "decomposed": "cafe\u0301",
        "minus": "-rf",
    }.items():
        yield Case(f"file name: {name}", "detect", moved(sound(), ("train/0.", f"train/{stem}.")))
    for name, text in {
        "line break": "a\nb",
        "line separator": "a\u2028b",
        "bell": "a\x07b",
    }.items():
        files = moved(sound(), ("train/0.", f"train/{text}."))
        yield Case(f"file name: {name}", "detect", files, "control characters", UNLISTABLE)
    korean = moved(sound("classify"), ("/ant/", "/\uace0\uc591\uc774/"), ("/cat/", "/\uac1c/"))
    yield Case("zip from macOS", "classify", raw_zip(korean, "utf-8"))
    japanese = moved(sound("classify"), ("/ant/", "/\u732b/"), ("/cat/", "/\u72ac/"))
    told = "does not say how its names are encoded"
    yield Case("zip from Windows, Japanese", "classify", raw_zip(japanese, "cp932"), told)
    chinese = moved(sound(), ("train/0.", "train/\u7167\u7247\u6d4b\u8bd5."))
    yield Case("zip from Windows, Chinese", "detect", raw_zip(chinese, "gbk"), told)
    half = moved(sound(), ("train/0.", "train/\u88681."))
    yield Case("a half character that is a backslash", "detect", raw_zip(half, "cp932"), told)
    windows = {name.replace("/", "\\"): data for name, data in sound().items()}
    yield Case("backslashes", "detect", raw_zip(windows, "ascii"))
    yield Case("./ in front", "detect", {f"./{name}": data for name, data in sound().items()})
    yield Case("a folder ./ of its own", "detect", {"./": b""} | sound())
    for name in ("../x.png", "/etc/x.png", "images/../../x.png"):
        yield Case(f"unsafe: {name}", "detect", sound() | {name: image(9)}, None, UNSAFE)


def told() -> Iterator[Case]:
    """Sets that train on something else than people think, and what is none of ours."""
    two = sound() | {"images/train/0.jpg": image(77, "JPEG")}
    yield Case("two images, one label", "detect", two, "belong to more than one image")
    copy = sound() | {"images/train/1.png": image(0)}
    yield Case("an image twice in train", "detect", copy, "images of train repeat others")
    across = sound() | {"images/val/0.png": image(0)}
    yield Case("an image in train and val", "detect", across, "are in train and in val")
    inside = sound(yaml="train: images\nval: images/val\nnames: [a, b]\n")
    yield Case("val inside train", "detect", inside, "3 images are in train and in val")
    same = sound(yaml="train: images/val\nval: images/val\nnames: [a, b]\n")
    yield Case("train is val", "detect", same, "3 images are in train and in val")
    flat = with_labels("detect", "0 0.5 0.5 0 0\n", TRAIN)
    yield Case("boxes without size", "detect", flat, "have no width or no height")
    never = sound(yaml=YAML.replace("ball", "never"))
    yield Case("a class that never occurs", "detect", never, "cannot be learnt: never")
    some = {n: d for n, d in sound().items() if n != "labels/train/0.txt"}
    yield Case("an image without a label", "detect", some, "1 of 6 (17%) images in train have no")
    none = {n: d for n, d in sound().items() if n != "data.yaml" and not n.startswith("labels")}
    coco = b'{"info": {}, "images": [{"id": 1}], "annotations": [], "categories": []}'
    for name, file, data in (
        ("COCO", "annotations/instances_train.json", coco),
        ("Pascal VOC", "Annotations/0.xml", b"<annotation><object/></annotation>"),
        (
            "CVAT",
            "annotations.xml",
            b"<?xml version='1.0'?>\n<annotations><version/></annotations>",
        ),
        ("Label Studio", "export.json", b'[{"id": 1, "annotations": [{"completed_by": 1}]}]'),
        ("LabelMe", "images/train/0.json", b'{"shapes": [], "imagePath": "0.png"}'),
    ):
        # Where the format has a folder of its own, there are two folders, and so two classes.
        folder = ANY_FOLDER if "annotations/" in file.lower() else None
        for task, differs in (("detect", None), ("classify", folder)):
            says = f"looks like {name}"
            yield Case(f"{name} as {task}", task, none | {file: data}, says, differs)
    for name, start, says in (
        ("7z", b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
        ("rar", b"Rar!\x1a\x07\x01\x00", "a rar archive"),
        ("tar.gz", b"\x1f\x8b\x08\x00", "gzip"),
        ("tar", bytes(257) + b"ustar\x0000", "a tar archive"),
        ("text", b"hello", "not a zip archive"),
    ):
        yield Case(f"archive: {name}", "detect", start + bytes(600), says)
