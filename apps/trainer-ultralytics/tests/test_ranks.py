"""Several ranks that train together on this machine's CPU: their results, stops, deaths and resumes."""

import json
import re
import signal
from typing import TYPE_CHECKING, Any

import psutil
import pytest
import samples
from conftest import MODELS_BUCKET, Jobs
from launching import Launcher, wait_until
from stand_in import Backend
from trainer import processes

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def rank(env: dict[str, str], number: int) -> psutil.Process:
    found = processes.of_attempt(env["JOB_ID"], int(env["ATTEMPT"]))
    [rank] = [one for one in found if one.environ().get("RANK") == str(number)]
    return rank


def test_ranks_stop_die_and_resume_with_another_world_size(
    launcher: Launcher, jobs: Jobs, backend: Backend, s3: "S3Client"
) -> None:
    env = jobs.env(epochs=500, batch=4, ranks=2)

    def stored_epoch() -> int:
        key = f"{env['JOB_ID']}/{env['ATTEMPT']}/checkpoint"
        return int(s3.head_object(Bucket=MODELS_BUCKET, Key=key)["Metadata"]["epoch"])

    launcher.launch(env)
    wait_until(lambda: 1 in backend.epochs)
    launcher.stop(env, 60)
    assert launcher.wait_ended(env["JOB_ID"])["exit_code"] == 143
    assert backend.finish["cause"] == "preempted"
    assert processes.of_attempt(env["JOB_ID"], 1) == []
    assert stored_epoch() == backend.epochs[-1]

    env |= {"ATTEMPT": "2"}
    launcher.launch(env)
    done = len(backend.epochs)
    wait_until(lambda: len(backend.epochs) > done)
    rank(env, 1).send_signal(signal.SIGKILL)
    assert launcher.wait_ended(env["JOB_ID"], 2)["exit_code"] == 1
    assert backend.finish["cause"] == "trainer_crashed"
    assert backend.finish["message"].startswith("Rank 1 of 2 was killed by SIGKILL")
    assert processes.of_attempt(env["JOB_ID"], 2) == []

    config = json.loads(env["TRAIN_CONFIG"]) | {"ranks": 1}
    env |= {"ATTEMPT": "3", "TRAIN_CONFIG": json.dumps(config)}
    launcher.launch(env)
    done = len(backend.epochs)
    wait_until(lambda: len(backend.epochs) > done)
    backend.command = "finish"
    assert launcher.wait_ended(env["JOB_ID"], 3)["exit_code"] == 0
    # What the backend may not have heard when a rank died is told again.
    assert sorted(set(backend.epochs)) == list(range(backend.epochs[-1] + 1))


STILL = {"lr0": 1e-9, "warmup_epochs": 0, "mosaic": 0.0, "translate": 0.0, "scale": 0.0}
STILL |= {"hsv_h": 0.0, "hsv_s": 0.0, "hsv_v": 0.0, "fliplr": 0.0}


def test_two_ranks_tell_what_one_tells(
    launcher: Launcher, jobs: Jobs, backend: Backend, s3: "S3Client"
) -> None:
    content = samples.files("classify", train=16, val=8)
    env = jobs.env("classify", content=content, epochs=3, batch=8)
    losses: dict[int, dict[str, Any]] = {}
    told: dict[int, dict[str, Any]] = {}
    for ranks in (0, 1, 2):  # the first one makes the weights for the others
        job_id = env["JOB_ID"]
        launcher.launch(env)
        assert launcher.wait_ended(job_id)["exit_code"] == 0
        losses[ranks] = [one["metrics"] for one in backend.heartbeats if "epoch" in one][-1]
        prefix = f"{job_id}/1/artifacts"
        found = s3.get_object(Bucket=MODELS_BUCKET, Key=f"{prefix}/evaluation.json")
        told[ranks] = json.load(found["Body"])
        if ranks == 0:
            best = f"{prefix}/best.pt"
            sha256 = s3.head_object(Bucket=MODELS_BUCKET, Key=best)["Metadata"]["sha256"]
        env = jobs.env("classify", content=content, epochs=1, batch=8, ranks=ranks + 1, **STILL)
        env |= {"WEIGHTS_NAME": "best.pt", "WEIGHTS_KEY": best, "WEIGHTS_SHA256": sha256}
    # Normalisation sees a rank's share of a batch while it trains; a validation sees none.
    assert losses[2]["train/loss"] == pytest.approx(losses[1]["train/loss"], rel=0.05)
    assert losses[2]["val/loss"] == pytest.approx(losses[1]["val/loss"], rel=2e-3)
    for counted in ("images", "instances"):
        assert told[2]["data"][counted] == told[1]["data"][counted] == 8
    log = (launcher.folder / "state" / f"{job_id}-1" / "attempt.log").read_bytes()
    assert re.search(rb"^\[rank 0\] 1 epochs completed", log, re.MULTILINE)
