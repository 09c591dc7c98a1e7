"""Predictions: the numbers that Ultralytics gives, and labels that can be trained on again."""

import json
import os
import socket
import struct
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pytest
import samples
import torch
import yaml
from forks import ForkServer
from PIL import Image
from torch import nn
from trainer.yolo.pictures import UnreadableError, _frames, _is_trimmed

TASKS = {"detect": "", "segment": "-seg", "pose": "-pose", "obb": "-obb"}
# All tasks in one process, for importing takes longer than predicting. The models are not trained,
# so that they find many objects, and none of them surely.
SCRIPT = """
import base64, json, shutil, sys
from pathlib import Path
from trainer.yolo import offline
home, folder = Path(sys.argv[1]), Path(sys.argv[2])
offline.prepare(home)
offline.load()
import cv2, torch
from ultralytics import YOLO
from trainer.yolo import predict as ours
sources = sorted(folder.glob("in/*"))
frames = [cv2.imread(str(path)) for path in sources if path.stem.startswith("small")]
video = cv2.VideoWriter(str(folder / "in/z.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 5, (64, 64))
for frame in frames:
    video.write(frame)
video.release()
sources.append(folder / "in/z.mp4")
for task, suffix in json.loads(sys.argv[3]).items():
    torch.manual_seed(1)
    weights = folder / f"{task}.pt"
    YOLO(f"yolo11n{suffix}.yaml").save(weights)
    bare = YOLO(weights)
    expected = {}
    for path in sources:
        if path.suffix == ".png" and path.stem != "broken":
            found = bare.predict(str(path), conf=1e-6, imgsz=64, device="cpu", max_det=300)[0]
            boxes = found.boxes if found.obb is None else found.obb
            expected[str(path)] = [boxes.cls.tolist(), boxes.conf.tolist()]
    print(json.dumps({"task": task, "expected": expected}))
    drawn = folder / "detect/out" if task == "detect" else None  # drawing 300 boxes takes a while
    options = ours.PredictOptions(weights, drawn, folder / task / "set", 1e-6, 64, 4, None)
    print(json.dumps({"code": ours.predict(options, sources)}))
# What cannot be read, by the task that has one case more; then one that can.
whole = folder / "whole.avi"
video = cv2.VideoWriter(str(whole), cv2.VideoWriter.fourcc(*"MJPG"), 5, (64, 64))
for _ in range(40):
    video.write(frames[0])
video.release()
(folder / "bad/cut.avi").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
weights = folder / "classify.pt"
YOLO("yolo11n-cls.yaml").save(weights)
options = ours.PredictOptions(weights, None, None, 0.25, 224, 4, None)
bad = [folder / "bad" / name for name in json.loads(sys.argv[5])]
print(json.dumps({"task": "bad", "expected": {}}))
print(json.dumps({"code": ours.predict(options, [*bad, sources[1]])}))
# After the last task, for it changes what is imported: the same models, as MLflow loads them.
sys.path.append(sys.argv[4])
from trainer.yolo import mlflow_model
import mlflow.pyfunc
for task in json.loads(sys.argv[3]):
    files = folder / task / "files"
    files.mkdir(parents=True)
    shutil.copyfile(folder / f"{task}.pt", files / "best.pt")
    mlflow_model.write(files)
    model = mlflow.pyfunc.load_model(str(files), model_config={"conf": 1e-6, "imgsz": 64})
    large = folder / "in/large.png"
    given = [str(large), large.read_bytes(), base64.b64encode(large.read_bytes()).decode()]
    print(json.dumps({"served": task, "found": model.predict(given)}))
"""
MLFLOW = Path(__file__).parents[3] / ".tools/mlflow/lib/python3.11/site-packages"

BAD = {
    "bomb.png": "it has more than 178,956,970 pixels",
    "cut.avi": "it tells of 40 frames, of which 1",
    "empty.png": "it is empty",
    "folder.png": "it is no file",
    "gone.png": "it is not there",
    "half.png": "it cannot be decoded as an image",
    "narrow.png": "it is too narrow with 60000 x 1 pixels",
}


def with_size(png: bytes, side: int) -> bytes:
    """The PNG, whose header tells another size now."""
    header = png[12:16] + side.to_bytes(4, "big") * 2 + png[24:29]
    return png[:12] + header + zlib.crc32(header).to_bytes(4, "big") + png[33:]


@pytest.fixture(scope="module")
def told(home: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """By task: what Ultralytics finds, our lines, and the folder of what was written."""
    folder = tmp_path_factory.mktemp("predict")
    (folder / "in").mkdir()
    for name, index, size in (("large", 1, 96), ("small-1", 2, 64), ("small-2", 3, 64)):
        (folder / f"in/{name}.png").write_bytes(samples.picture(index, size))
    (folder / "in/broken.png").write_bytes(b"no picture")
    (folder / "bad/folder.png").mkdir(parents=True)
    picture = samples.picture(1, 96)
    (folder / "bad/bomb.png").write_bytes(with_size(picture, 60_000))
    (folder / "bad/empty.png").touch()
    (folder / "bad/half.png").write_bytes(picture[: len(picture) // 2])
    Image.new("L", (60_000, 1)).save(folder / "bad/narrow.png")
    arguments = [str(home), str(folder), json.dumps(TASKS), str(MLFLOW), json.dumps(list(BAD))]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    by_task: dict[str, Any] = {}
    for line in map(json.loads, filter(lambda line: line.startswith("{"), done.stdout.split("\n"))):
        if "served" in line:
            by_task[line["served"]]["served"] = line["found"]
        elif "task" in line:
            current = by_task[line["task"]] = line | {"lines": []}
            current["folder"] = folder / line["task"]
        else:
            current["lines"].append(line)
    return by_task


@pytest.mark.parametrize("task", TASKS)
def test_mlflow_s_load_model_finds_the_same(told: dict[str, Any], task: str) -> None:
    [line] = [one for one in told[task]["lines"] if one.get("image", "").endswith("large.png")]
    assert line["boxes"]
    assert told[task]["served"] == [{"boxes": line["boxes"]}] * 3  # by path, bytes and base64


@pytest.mark.parametrize("task", TASKS)
def test_it_finds_what_ultralytics_finds(told: dict[str, Any], task: str) -> None:
    lines = {line["image"]: line for line in told[task]["lines"] if "boxes" in line}
    assert len(told[task]["expected"]) == 3
    for path, (classes, confidences) in told[task]["expected"].items():
        boxes = lines[path]["boxes"]
        assert [box["class"] for box in boxes] == classes
        assert [box["confidence"] for box in boxes] == pytest.approx(confidences, abs=1e-4)
        own = {"detect": (), "segment": ("polygon",), "pose": ("keypoints",), "obb": ("corners",)}
        assert all(key in box for box in boxes for key in own[task])


def test_a_file_that_cannot_be_opened_does_not_stop_the_others(told: dict[str, Any]) -> None:
    lines = told["detect"]["lines"]
    assert [Path(line["image"]).name for line in lines[:-1]] == [
        *("broken.png", "large.png", "small-1.png", "small-2.png", "z.mp4", "z.mp4"),
    ]
    assert "cannot be decoded" in lines[0]["error"]
    assert lines[-1] == {"code": 1}


def test_each_file_that_cannot_be_read_is_named_with_its_reason(told: dict[str, Any]) -> None:
    *lines, good, code = told["bad"]["lines"]
    assert "classes" in good
    assert code == {"code": 1}
    why = {Path(line["image"]).name: line["error"] for line in lines if "error" in line}
    assert {name: why[name][: len(words)] for name, words in BAD.items()} == BAD
    # What a damaged video has is not lost.
    assert len([line for line in lines if "frame" in line]) == int(why["cut.avi"].split()[7])


@pytest.mark.parametrize(("begins_s", "lasts_s"), [(5, 3), (0, 4), (0, 8)])
def test_a_trimmed_video_is_whole_and_a_damaged_one_is_not(
    tmp_path: Path, begins_s: int, lasts_s: int
) -> None:
    path = tmp_path / "trimmed.mp4"
    video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 5, (64, 64))
    for shade in range(40):
        video.write(np.full((64, 64, 3), shade, np.uint8))
    video.release()
    data = bytearray(path.read_bytes())
    ticks = {box: data.find(box) + 16 for box in (b"mdhd", b"mvhd")}
    per_s = {box: int.from_bytes(data[at : at + 4]) for box, at in ticks.items()}
    edit = data.find(b"elst") + 12
    data[edit : edit + 8] = struct.pack(">II", lasts_s * per_s[b"mvhd"], begins_s * per_s[b"mdhd"])
    is_trimmed = lasts_s < 8
    if not is_trimmed:  # most of its pictures are no pictures
        start = data.find(b"mdat") + 400
        data[start : data.find(b"moov") - 4] = bytes(data.find(b"moov") - 4 - start)
    path.write_bytes(data)
    frames = _frames(path, 0)
    if is_trimmed:
        assert 10 <= len(list(frames)) <= 30
    else:
        with pytest.raises(UnreadableError, match="tells of 40 frames"):
            list(frames)


def test_what_only_looks_like_an_edit_list_harms_nothing(tmp_path: Path) -> None:
    path = tmp_path / "odd.mp4"
    for data in (b"elst", b"mvhd", b"elst" + bytes(20) + b"mdhd", (b"elst" + bytes(16)) * 1000):
        path.write_bytes(data)
        assert not _is_trimmed(path, 1)


def test_a_video_is_drawn_as_a_video(told: dict[str, Any]) -> None:
    frames = [line for line in told["detect"]["lines"] if "frame" in line]
    assert [line["frame"] for line in frames] == [0, 1]
    assert {line["drawn"] for line in frames} == {str(told["detect"]["folder"] / "out/004-z.mp4")}
    assert Path(frames[0]["drawn"]).stat().st_size > 1000


@pytest.mark.parametrize(
    ("task", "values"), [("detect", 4), ("segment", None), ("pose", 4 + 17 * 3), ("obb", 8)]
)
def test_the_labels_are_a_dataset_s(told: dict[str, Any], task: str, values: int | None) -> None:
    folder = told[task]["folder"] / "set"
    keys = yaml.safe_load((folder / "data.yaml").read_text())
    assert keys["names"] == [str(number) for number in range(80)]
    assert keys.get("kpt_shape") == ([17, 3] if task == "pose" else None)
    images = {path.stem for path in folder.glob("images/*/*")}
    labels = {path.stem: path.read_text().splitlines() for path in folder.glob("labels/*/*.txt")}
    assert images == set(labels)
    assert len(images) == 5
    assert len(list(folder.glob("images/val/*"))) == 1
    assert any(labels.values())
    for line in (line for lines in labels.values() for line in lines):
        index, *told_values = line.split()
        assert int(index) < len(keys["names"])
        assert len(told_values) == values or (values is None and len(told_values) >= 6)
        assert all(0 <= float(value) <= 1 or value == "2" for value in told_values)


@contextmanager
def serving(home: Path, weights: Path, listener: socket.socket) -> Iterator[subprocess.Popen[str]]:
    """A server of these weights on a socket that others may share, once it is ready."""
    command = [sys.executable, "-m", "trainer", "serve", "--weights", str(weights)]
    command += ["--conf", "1e-6", "--imgsz", "64", "--device", "cpu", "--max-bytes", "100000"]
    server = subprocess.Popen(
        [*command, "--fd", str(listener.fileno())],
        env=os.environ | {"TRAINER_HOME": str(home)},
        pass_fds=[listener.fileno()],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout
        assert any('"ready"' in line for line in server.stdout)
        yield server
    finally:
        server.kill()
        server.communicate()


def test_a_served_model_answers_as_predict_and_is_replaced_without_a_loss(
    told: dict[str, Any], home: Path
) -> None:
    folder = told["detect"]["folder"].parent
    lines = {Path(line["image"]).name: line for line in told["detect"]["lines"] if "image" in line}
    with socket.create_server(("127.0.0.1", 0)) as listener, ExitStack() as stack:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"

        def ask(image: bytes) -> httpx.Response:
            return httpx.post(f"{url}/predict", content=image, timeout=60)

        first = stack.enter_context(serving(home, folder / "detect.pt", listener))
        for name in ("large.png", "small-1.png"):
            answer = ask((folder / "in" / name).read_bytes())
            assert answer.json() == {"boxes": lines[name]["boxes"]}
        assert httpx.get(f"{url}/healthz").json() == {"status": "ok"}
        bomb, large = ((folder / name).read_bytes() for name in ("bad/bomb.png", "in/large.png"))
        wrong = {b"no picture": 415, bomb: 413, bytes(100_001): 413, b"": 415}
        wrong |= {large[: len(large) // 2]: 415, with_size(large, 12_000): 413}
        for body, status in wrong.items():
            answer = ask(body)
            assert answer.status_code == status
            assert answer.json()["detail"].startswith("The image ")
        metrics = httpx.get(f"{url}/metrics").text
        assert 'trainyard_serve_requests_total{status="200"} 2\n' in metrics
        assert "trainyard_serve_seconds_count 2\n" in metrics

        image, until = (folder / "in/small-1.png").read_bytes(), threading.Event()

        def hammer() -> list[Any]:
            answers = []
            while not until.is_set():
                answers.append(ask(image).json())
            return answers

        with ThreadPoolExecutor(4) as pool:
            hammers = [pool.submit(hammer) for _ in range(4)]
            try:
                stack.enter_context(serving(home, folder / "detect.pt", listener))
                first.terminate()
                assert first.wait(60) == 0
                after = ask(image).json()
            finally:
                until.set()
            answers = [answer for one in hammers for answer in one.result()]
        assert len(answers) > 20
        assert all(answer == after for answer in answers)


def test_a_device_or_model_that_is_none_is_said(
    home: Path, forks: ForkServer, tmp_path: Path
) -> None:
    given = tmp_path / "model.pt"
    given.write_bytes(samples.picture(1))
    own = tmp_path / "own.pt"  # as a trainer of one's own may have written it
    torch.save({"model": nn.Linear(2, 2).state_dict(), "names": ["disc"]}, own)
    for device, model, words in (
        ("7", given, "The device 7 is not here: there are "),
        ("gpu", given, "The device gpu is not here: there are "),
        ("cpu", given, f"{given} cannot be loaded: it is no archive of PyTorch; save it anew"),
        ("cpu", own, f"{own} cannot be loaded: it references types outside the supported"),
    ):
        command = ["-m", "trainer", "predict", "--weights", model, "--device", device, given]
        done = forks.run(command, env=os.environ | {"TRAINER_HOME": str(home)})
        assert done.returncode == 2
        [line] = done.stderr.splitlines()
        assert line.startswith(words)


def test_many_files_come_on_standard_input(home: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "trainer", "predict", "--weights", tmp_path / "none.pt"],
        input=f"{tmp_path / 'a b'}\0",
        env=os.environ | {"TRAINER_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "There is no file" in done.stderr
