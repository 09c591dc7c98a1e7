"""A job that predicts: as `yard model predict` answers, without a dataset, and from a hostile image."""

import base64
import io
import json
import os
from pathlib import Path
from typing import Any

import pytest
from conftest import Jobs
from forks import ForkServer
from launching import Launcher
from PIL import Image
from test_evaluation import WEIGHTS, digits, ended

DIGITS = WEIGHTS / "digits-synthetic.pt"


def encoded(form: str, size: tuple[int, int] = (96, 96)) -> bytes:
    page = Image.open(io.BytesIO(digits(train=1, val=0)["images/train/0.png"])).resize(size)
    data = io.BytesIO()
    page.convert("RGB").save(data, form, quality=90)
    return data.getvalue()


def predicted(
    launcher: Launcher, jobs: Jobs, image: str, **config: Any
) -> tuple[dict[str, Any], Path]:
    # There is no such dataset: a job that asked for it would fail.
    env = jobs.env() | {"DATASET_ID": "0" * 12}
    jobs.start_from(env, DIGITS.read_bytes(), "digits")
    record, run = ended(launcher, jobs, env, "predict", image=image, **config)
    if record["exit_code"] == 0:
        assert jobs.kept(env) == {"predictions.json"}
    return record, run


@pytest.mark.parametrize("form", ["JPEG", "WEBP"])
def test_the_same_as_yard_model_predict(
    launcher: Launcher, forks: ForkServer, jobs: Jobs, tmp_path: Path, form: str
) -> None:
    file = tmp_path / f"page.{form.lower()}"
    file.write_bytes(encoded(form))
    image = base64.b64encode(file.read_bytes()).decode()
    record, run = predicted(launcher, jobs, image, imgsz=96, conf=0.1)
    assert record["exit_code"] == 0, jobs.backend.log.decode()
    told = json.loads((run / "predictions.json").read_text())
    command = ["-m", "trainer", "predict", "--weights", DIGITS]
    options = ["--imgsz", "96", "--conf", "0.1", "--device", "cpu", file]
    done = forks.run([*command, *options], env=os.environ, check=True)
    [line] = [one for one in done.stdout.splitlines() if one.startswith("{")]
    assert told["boxes"]
    assert told["boxes"] == json.loads(line)["boxes"]
    assert (told["width"], told["height"], told["imgsz"]) == (96, 96, 96)


def test_an_image_that_is_none_or_too_large_is_refused_before_its_pixels_are_read(
    launcher: Launcher, jobs: Jobs
) -> None:
    for content, words in (
        (b"no image", "it is no JPEG or WebP file"),
        (encoded("PNG"), "it is no JPEG or WebP file"),
        (encoded("WEBP", (5000, 16)), "it has 5000 x 16 pixels"),
        (encoded("WEBP")[:200], "The image cannot be used: it"),
    ):
        predicted(launcher, jobs, base64.b64encode(content).decode())
        assert jobs.backend.finish["cause"] == "config_invalid", jobs.backend.log.decode()
        assert words in jobs.backend.finish["message"]
    predicted(launcher, jobs, "=" * 9)
    assert "it is no JPEG or WebP file as base64" in jobs.backend.finish["message"]
