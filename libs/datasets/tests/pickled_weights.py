"""Files of weights, built by hand: what PyTorch writes, and what somebody hostile would."""

import io
import zipfile

DETECTOR = b"cultralytics.nn.tasks\nDetectionModel\n"
MAKE = b")\x81"
EMPTY = b"\x80\x02}."


def text(value: str) -> bytes:
    """The instruction that puts it on the stack."""
    return b"X" + len(value).to_bytes(4, "little") + value.encode()


def model(kind: str = "DetectionModel", yaml_file: str = "yolo11n.yaml", scale: str = "n") -> bytes:
    """The pickle of `{"model": MODEL}`, whose `yaml` tells these."""
    about = b"}(" + text("scale") + text(scale) + text("yaml_file") + text(yaml_file) + b"u"
    state = b"}" + text("yaml") + about + b"s"
    made = b"cultralytics.nn.tasks\n" + kind.encode() + b"\n" + MAKE + b"q\x01" + state + b"b"
    return b"\x80\x02}" + text("model") + made + b"s."


def archive(
    *files: tuple[str, bytes],
    pickled: bytes = b"",
    compressed: bool = False,
    behind: bytes = b"",
    folder: str = "best",
) -> bytes:
    """A zip archive as PyTorch writes them, with `pickled` as its data.pkl, and more files.

    It stands `behind` other bytes, and its table of contents counts them.
    """
    file = io.BytesIO()
    file.write(behind)
    method = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
    first = [(f"{folder}/data.pkl", pickled)] if pickled else []
    with zipfile.ZipFile(file, "w", method) as whole:
        for name, data in (*first, *files, (f"{folder}/version", b"3\n")):
            whole.writestr(zipfile.ZipInfo(name), data, method)
    return file.getvalue()
