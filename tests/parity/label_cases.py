"""Lines of label files."""

from collections.abc import Iterator

from parity.sets import LINES, NOTHING_LEARNT, TRAIN, VAL, Case, sound, with_labels

LABELS: dict[str, dict[str, str | bytes]] = {
    "detect": {
        "polygon": LINES["segment"],
        "keypoints without kpt_shape": LINES["pose"],
        "six columns": "0 0.4 0.4 0.3 0.3 0.9\n",
        "four columns": "0 0.4 0.4 0.3\n",
        "box and polygon": LINES["detect"] + LINES["segment"],
        "triangle": "1 0.1 0.1 0.9 0.1 0.5 0.9\n",
        "reaches over the border": "0 0.98 0.5 0.3 0.3\n",
        "middle outside": "0 1.02 0.5 0.3 0.3\n",
        "middle at tolerance": "0 1.01 0.5 0.3 0.3\n",
        "middle slightly negative": "0 -0.005 0.5 0.3 0.3\n",
        "middle at negative tolerance": "0 -0.01 0.5 0.3 0.3\n",
        "middle negative": "0 -0.02 0.5 0.3 0.3\n",
        "width over 1": "0 0.5 0.5 1.02 0.3\n",
        "negative width": "0 0.5 0.5 -0.005 0.3\n",
        "pixels": "0 320 240 64 64\n",
        "not a number": "0 nan 0.5 0.2 0.2\n",
        "infinite": "0 inf 0.5 0.2 0.2\n",
        "a word": "box 0.5 0.5 0.2 0.2\n",
        "comma": "0,0.5,0.5,0.2,0.2\n",
        "class too high": "2 0.5 0.5 0.2 0.2\n",
        "class negative": "-1 0.5 0.5 0.2 0.2\n",
        "class 1.0": "1.0 0.5 0.5 0.2 0.2\n",
        "class 0.5": "0.5 0.5 0.5 0.2 0.2\n",
        "class 1e0": "1e0 0.5 0.5 0.2 0.2\n",
        "byte order mark": b"\xef\xbb\xbf0 0.4 0.4 0.3 0.3\n",
        "not utf-8": b"0 0.4 0.4 0.3 0.3\xff\n",
        "utf-16": LINES["detect"].encode("utf-16"),
        "windows line ends": b"0 0.4 0.4 0.3 0.3\r\n1 0.5 0.5 0.1 0.1\r\n",
        "old mac line ends": b"0 0.4 0.4 0.3 0.3\r1 0.5 0.5 0.1 0.1\r",
        "tabs": "0\t0.4\t0.4\t0.3\t0.3\n",
        "blank lines": "\n\n0 0.4 0.4 0.3 0.3\n\n   \n",
        "no last line end": "0 0.4 0.4 0.3 0.3",
        "line twice": LINES["detect"] * 2,
        "nearly the same line": "0 0.4 0.4 0.3 0.3\n0 0.400000001 0.4 0.3 0.3\n",
        "no size": "0 0.5 0.5 0 0\n",
        "one sound, one wrong": LINES["detect"] + "0 5 5 0.2 0.2\n",
        "only white space": "  \n\n",
        "two classes": "0 0.4 0.4 0.3 0.3\n1 0.6 0.6 0.2 0.2\n",
    },
    "segment": {
        "box": LINES["detect"],
        "vertex outside": "0 -0.1 0.2 0.5 0.2 0.5 0.5 0.2 0.6\n",
        "vertex far outside": "0 -0.9 0.2 0.5 0.2 0.5 0.5 0.2 0.6\n",
        "vertex past the end": "0 0.5 0.5 1.3 0.5 1.3 0.9 0.5 0.9\n",
        "wider than the image": "0 -0.1 0.2 1.1 0.2 1.1 0.5 -0.1 0.5\n",
        "middle outside": "0 0.9 0.5 1.3 0.5 1.3 0.9 0.9 0.9\n",
        "odd number": "0 0.1 0.1 0.5 0.5 0.9 0.2 0.3\n",
        "two points": "0 0.1 0.1 0.5 0.5\n",
        "two points beside a polygon": LINES["segment"] + "0 0.1 0.1 0.5 0.5\n",
        "one point beside a polygon": LINES["segment"] + "0 0.1 0.1\n",
        "a class alone beside a polygon": LINES["segment"] + "0\n",
        "six numbers": "0 0.1 0.1 0.5 0.5 0.9\n",
        "class too high": "7 0.2 0.2 0.5 0.2 0.5 0.5\n",
        "polygon twice": LINES["segment"] * 2,
        "same box, other polygon": "0 0.2 0.2 0.5 0.2 0.5 0.5\n0 0.2 0.2 0.5 0.5 0.2 0.5\n",
        "line without area": "0 0.2 0.2 0.5 0.2 0.7 0.2\n",
        "pixels": "0 20 20 50 20 50 50\n",
        "many points": "0 " + " ".join(f"0.{n:03} 0.{999 - n:03}" for n in range(200)) + "\n",
        "not a number": "0 nan 0.2 0.5 0.2 0.5 0.5\n",
        "both classes": LINES["segment"] + "1 0.6 0.6 0.9 0.6 0.9 0.9\n",
        "empty": "",
    },
    "obb": {
        "corner outside": "0 -0.04 0.30 0.20 0.18 0.30 0.40 0.06 0.52\n",
        "corner past the end": "0 0.8 0.8 1.05 0.85 1.0 1.1 0.75 1.0\n",
        "six corners": "0 0.2 0.2 0.35 0.15 0.5 0.25 0.45 0.5 0.3 0.55 0.2 0.5\n",
        "three corners": "0 0.2 0.2 0.5 0.2 0.5 0.5\n",
        "box": LINES["detect"],
        "box with an angle": "0 0.4 0.4 0.3 0.3 0.5\n",
        "eight numbers": "0 0.2 0.2 0.5 0.25 0.45 0.5 0.2\n",
        "middle outside": "0 1.0 0.2 1.2 0.2 1.2 0.5 1.0 0.5\n",
        "class too high": "3 0.2 0.2 0.5 0.25 0.45 0.5 0.2 0.5\n",
        "twice": LINES["obb"] * 2,
        "pixels": "0 20 20 50 25 45 50 20 50\n",
        "box and corners": LINES["obb"] + LINES["detect"],
        "negative class": "-1 0.2 0.2 0.5 0.25 0.45 0.5 0.2 0.5\n",
        "empty": "",
    },
    "pose": {
        "visibility -1": "0 0.4 0.4 0.3 0.3 0.3 0.3 -1 0.4 0.4 2\n",
        "visibility 3": "0 0.4 0.4 0.3 0.3 0.3 0.3 3 0.4 0.4 2\n",
        "box outside": "0 0.98 0.4 1.3 0.3 0.3 0.3 2 0.4 0.4 2\n",
        "box far outside": "0 7 0.4 9 0.3 0.3 0.3 2 0.4 0.4 2\n",
        "keypoint outside": "0 0.4 0.4 0.3 0.3 1.4 0.3 2 0.4 0.4 2\n",
        "keypoint negative": "0 0.4 0.4 0.3 0.3 -0.4 0.3 2 0.4 0.4 2\n",
        "keypoint slightly negative": "0 0.4 0.4 0.3 0.3 -0.005 0.3 2 0.4 0.4 2\n",
        "keypoint at 0": "0 0.4 0.4 0.3 0.3 0 0 0 0.4 0.4 2\n",
        "box only": LINES["detect"],
        "one keypoint": "0 0.4 0.4 0.3 0.3 0.3 0.3 2\n",
        "three keypoints": "0 0.4 0.4 0.3 0.3 0.3 0.3 2 0.4 0.4 2 0.5 0.5 2\n",
        "without visibility": "0 0.4 0.4 0.3 0.3 0.3 0.3 0.4 0.4\n",
        "negative width": "0 0.4 0.4 -0.3 0.3 0.3 0.3 2 0.4 0.4 2\n",
        "no size": "0 0.4 0.4 0 0 0.3 0.3 2 0.4 0.4 2\n",
        "class too high": "2 0.4 0.4 0.3 0.3 0.3 0.3 2 0.4 0.4 2\n",
        "twice": LINES["pose"] * 2,
        "same box, other keypoints": LINES["pose"] + LINES["pose"].replace("0.3 2", "0.2 2"),
        "not a number": "0 0.4 0.4 0.3 0.3 nan 0.3 2 0.4 0.4 2\n",
        "empty": "",
    },
}


def labels() -> Iterator[Case]:
    """Each line in one label file, and in all of train."""
    for task, lines in LABELS.items():
        for name, line in lines.items():
            empty = not (line.strip() if isinstance(line, str) else line)
            differs = NOTHING_LEARNT if empty else None
            yield Case(f"{task}: {name}, one", task, with_labels(task, line, 1))
            yield Case(f"{task}: {name}, all", task, with_labels(task, line, TRAIN), None, differs)
    none = {n: d for n, d in sound().items() if not n.startswith("labels/train")}
    yield Case("no label file in train", "detect", none, "no usable image with a label")
    none = {n: d for n, d in sound().items() if not n.startswith("labels/val")}
    yield Case("no label file in val", "detect", none, "the metrics will be 0")
    none = sound() | {f"labels/val/{n}.txt": b"" for n in range(VAL)}
    yield Case("only background in val", "detect", none, "the metrics will be 0")
    yield Case("pose pushed as detect", "detect", sound("pose"))
    for task in ("detect", "obb"):
        yield Case(f"polygons pushed as {task}", task, sound("segment"))
    for task in ("segment", "obb"):
        yield Case(f"boxes pushed as {task}", task, sound("detect"), "Push it with task detect")
    half = with_labels("detect", LINES["segment"], TRAIN // 2)
    yield Case("half polygons in detect", "detect", half)
