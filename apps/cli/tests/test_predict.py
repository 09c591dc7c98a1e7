"""`yard model predict` beside a stand-in for the trainer, which the real one's tests cannot replace.

What the real trainer answers is held by the examples of docs/cli.md.
"""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Server, answer, job

BOX = {"class": 1, "name": "dog", "confidence": 0.5, "xyxy": [1.0, 2.0, 3.0, 4.0]}
# Says what it was called with; whatever is not an image it cannot open.
TRAINER = """#!{python}
import json, sys
arguments = sys.argv[1:]
files = [path for path in sys.stdin.read().split("\\0") if path]
if "inspect" in arguments:
    sys.exit("it is none of Ultralytics'")
if "ends" in arguments:
    print("no such device", file=sys.stderr)
    sys.exit(2)
print("a library's banner")
for path in files:
    line = {{"error": "it cannot be opened"}} if "broken" in path else {{"boxes": [{box}]}}
    print(json.dumps({{"image": path, "arguments": arguments, **line}}), flush=True)
sys.exit(1 if any("broken" in path for path in files) else 0)
"""

Predict = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def predict(tmp_path: Path) -> Predict:
    """Run the command in a folder with a model and images, deeper ones among them."""
    python = tmp_path / "python"
    python.write_text(TRAINER.format(python=sys.executable, box=BOX))
    python.chmod(0o755)
    for name in (
        "best.pt",
        "in/a.png",
        "in/b c.JPG",
        "in/clip.mp4",
        "in/notes.txt",
        "in/deep/d.png",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")

    yard = str(Path(sys.executable).with_name("yard"))

    def run(
        *words: str, model: tuple[str, ...] = ("--weights", "best.pt"), command: str = "predict"
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [yard, "model", command, *words, *model],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            env={
                "YARD_TRAINER_PYTHON": str(python),
                "HOME": str(tmp_path),
                "PATH": "/usr/bin:/bin",
            },
            timeout=60,
        )

    return run


@pytest.mark.parametrize(
    ("source", "files"),
    [
        ("in", ["in/a.png", "in/b c.JPG", "in/clip.mp4"]),
        ("in/*.png", ["in/a.png"]),
        ("in/**/*.png", ["in/a.png", "in/deep/d.png"]),
        ("in/notes.txt", ["in/notes.txt"]),
    ],
)
def test_files_are_named_by_folder_and_pattern(
    predict: Predict, source: str, files: list[str]
) -> None:
    done = predict(source, "--json")
    assert done.returncode == 0, done.stderr
    assert [item["image"] for item in json.loads(done.stdout)] == files


def test_the_model_may_stand_in_front_as_for_eval_and_export(predict: Predict) -> None:
    """So the page and the hints of `yard detect predict` have it."""
    done = predict("best.pt", "in", "--json", model=())
    assert done.returncode == 0, done.stderr
    [first, *_] = json.loads(done.stdout)
    assert (first["image"], "best.pt" in first["arguments"]) == ("in/a.png", True)
    for words, model, told in (
        (["in/a.png", "in/deep/d.png"], (), "no model is named"),
        (["in"], (), "no model is named"),
        (["best.pt"], (), "no image is named"),
        (["first"], (), "no image is named"),
        (["in/a.png"], ("--weights", "best.pt", "--job", "first"), "two models are named"),
    ):
        done = predict(*words, model=model)
        assert (done.returncode, told in done.stderr) == (2, True), done.stderr
    away = ("--url", "http://127.0.0.1:9")
    assert predict("job:first", "in/a.png", *away, model=()).returncode == 5


@pytest.mark.parametrize("source", ["in/deep/*.jpg", "none.png", "empty"])
def test_nothing_to_predict_is_told(predict: Predict, tmp_path: Path, source: str) -> None:
    (tmp_path / "empty").mkdir()
    done = predict(source)
    assert done.returncode in {2, 3}
    assert "there is no" in done.stderr


def test_results_go_where_they_are_wanted(predict: Predict, tmp_path: Path) -> None:
    done = predict(
        *("in/a.png", "--csv", "found.csv", "--save-labels", "set", "--no-draw"),
        *("--batch", "4", "--device", "cpu", "--json"),
    )
    [item] = json.loads(done.stdout)
    given = item["arguments"]
    assert given[:3] == ["-m", "trainer", "predict"]
    assert "--out" not in given
    for name, value in (("--labels", "set"), ("--batch", "4"), ("--device", "cpu")):
        assert given[given.index(name) + 1] == value
    [row] = csv.DictReader((tmp_path / "found.csv").read_text().splitlines())
    told = {"image": "in/a.png", "frame": "", "class": "1", "name": "dog", "confidence": "0.5"}
    assert row == told | {"left": "1.0", "top": "2.0", "right": "3.0", "bottom": "4.0"}


def test_an_image_that_a_folder_and_a_pattern_name_is_looked_at_once(predict: Predict) -> None:
    done = predict("in", "in/a.png", "in/*.png", "--json")
    images = [item["image"] for item in json.loads(done.stdout)]
    assert sorted(images) == sorted(set(images))
    assert "in/a.png" in images


def test_an_image_has_at_least_32_pixels(predict: Predict) -> None:
    done = predict("in/a.png", "--imgsz", "-3")
    assert (done.returncode, "--imgsz" in done.stderr) == (2, True), done.stderr


def test_corrected_labels_are_not_overwritten(predict: Predict, tmp_path: Path) -> None:
    done = predict("in/a.png", "--save-labels", "in")
    assert done.returncode == 2
    assert "in is not empty" in done.stderr


def test_what_cannot_be_opened_is_told_with_the_results_of_the_others(
    predict: Predict, tmp_path: Path
) -> None:
    (tmp_path / "in/broken.png").symlink_to("nowhere")
    (tmp_path / "in/folder.png").mkdir()
    (tmp_path / os.fsdecode(b"in/broken-\xff.png")).write_bytes(b"x")
    done = predict("in")
    assert done.returncode == 6
    assert "in/a.png  1x dog\n" in done.stdout
    assert "2 of 5 files could not be read to their end" in done.stderr
    for name in ("in/broken.png", "in/broken-\\udcff.png"):
        assert f"{name}: it cannot be opened" in done.stderr


def test_a_trainer_that_fails_is_told_by_its_last_lines(predict: Predict) -> None:
    done = predict("in/a.png", "--device", "ends")
    assert done.returncode == 1
    assert "no such device" in done.stderr


@pytest.mark.parametrize("command", ["predict", "serve"])
def test_a_model_of_an_own_trainer_is_told_as_that(
    predict: Predict, server: Server, command: str
) -> None:
    item = {"name": "best.pt", "size": 2, "sha256": None, "url": f"{server.url}/best.pt"}
    server.on("GET /jobs/0123456789ab", answer(200, job(trainer="mine")))
    server.on("GET /jobs/0123456789ab/artifacts", answer(200, {"items": [item]}))
    server.on("GET /best.pt", answer(200, b"PK"))
    files = ["in/a.png"] if command == "predict" else ["--port", "0"]
    done = predict("0123456789ab", *files, "--url", server.url, model=(), command=command)
    assert done.returncode == 1
    assert "is in the format of the trainer mine" in done.stderr
    assert "`yard model pull 012345 --only best.pt` downloads it" in done.stderr
