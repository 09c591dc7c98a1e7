"""Trainings on the GPUs of this machine. `make smoke-gpu` runs it, and nothing else collects it."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from conftest import Jobs
from launching import Launcher, wait_until
from stand_in import Backend
from test_device_pool import seen
from test_ranks import rank
from trainer import processes

GPUS = torch.cuda.device_count()
several = pytest.mark.skipif(GPUS < 2, reason="it takes two GPUs")
pytestmark = pytest.mark.skipif(not GPUS, reason="this machine has no GPU that torch can use")
# Too little for the training of a large model, enough for CUDA itself.
LEFT_BYTES = 1 << 30
# Each of the two would run for ten minutes: the test ends it.
HOLD = """
import sys, time, torch
free, _ = torch.cuda.mem_get_info()
held = torch.empty(free - int(sys.argv[1]), dtype=torch.uint8, device="cuda")
print("held", flush=True)
time.sleep(600)
"""
TELL = """
import os, time, torch
print("sees", torch.cuda.device_count(), os.environ["CUDA_VISIBLE_DEVICES"], ".", flush=True)
time.sleep(600)
"""


@contextmanager
def full_gpu() -> Iterator[None]:
    """Another process has nearly all memory of the first GPU until the test ends it."""
    command = [sys.executable, "-c", HOLD, str(LEFT_BYTES)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout
            assert holder.stdout.readline() == "held\n"
            yield
        finally:
            holder.kill()


@pytest.mark.parametrize("amp", [True, False])
def test_a_gpu_trains_evaluates_and_tells_its_memory(
    launcher: Launcher, jobs: Jobs, backend: Backend, *, amp: bool
) -> None:
    env = jobs.env(epochs=2, imgsz=64, amp=amp)
    launcher.launch(env, gpus=1)
    assert launcher.wait_ended(env["JOB_ID"])["exit_code"] == 0
    assert backend.epochs == [0, 1]
    told = [beat["system"].get("gpu_memory_bytes", 0) for beat in backend.heartbeats]
    assert max(told) > 0
    epochs = [beat["metrics"] for beat in backend.heartbeats if "epoch" in beat]
    assert all(row["system/gpu_memory_megabytes"] > 0 for row in epochs)
    assert all(0 <= row["system/gpu_utilization_percent"] <= 100 for row in epochs)
    assert {"best.pt", "evaluation.json"} <= jobs.kept(env)


def test_a_gpu_without_memory_is_told(launcher: Launcher, jobs: Jobs, backend: Backend) -> None:
    env = jobs.env(model="yolo11x", imgsz=1280, batch=8, amp=False)
    with full_gpu():
        launcher.launch(env, gpus=1)
        assert launcher.wait_ended(env["JOB_ID"])["exit_code"] != 0
    assert backend.finish["cause"] == "gpu_out_of_memory"


@several
def test_gpus_train_together_by_nccl_and_resume_on_one(
    launcher: Launcher, jobs: Jobs, backend: Backend
) -> None:
    env = jobs.env(epochs=500, batch=2 * GPUS, plots=False) | {"PET_NPROC_PER_NODE": str(GPUS)}
    launcher.launch(env, gpus=GPUS)
    wait_until(lambda: 1 in backend.epochs)
    rank(env, 1).send_signal(signal.SIGKILL)
    assert launcher.wait_ended(env["JOB_ID"])["exit_code"] == 1
    assert backend.finish["cause"] == "trainer_crashed"
    assert backend.finish["message"].startswith(f"Rank 1 of {GPUS} (GPU 1) was killed by SIGKILL")
    assert processes.of_attempt(env["JOB_ID"], 1) == []

    env |= {"ATTEMPT": "2", "PET_NPROC_PER_NODE": "1"}
    launcher.launch(env, gpus=1)
    done = len(backend.epochs)
    wait_until(lambda: len(backend.epochs) > done)
    backend.command = "finish"
    assert launcher.wait_ended(env["JOB_ID"], 2)["exit_code"] == 0
    assert sorted(set(backend.epochs)) == list(range(backend.epochs[-1] + 1))


@several
def test_attempts_have_gpus_of_their_own(tmp_path: Path, home: Path, jobs: Jobs) -> None:
    lasting = [sys.executable, "-c", TELL]
    launcher = Launcher(tmp_path, home)
    launcher.start()
    try:
        ids = []
        for _ in range(GPUS + 1):
            env = jobs.env()
            launcher.launch(env, lasting, gpus=1, cpus=0.1)
            ids.append(env["JOB_ID"])
        assert launcher.attempt(ids.pop())["message"].startswith("Waits for 1 GPU: ")
        assert sorted(seen(tmp_path, one) for one in ids) == [f"1 {n}" for n in range(GPUS)]
    finally:
        launcher.end()
