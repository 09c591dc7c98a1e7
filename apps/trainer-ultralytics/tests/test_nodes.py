"""Nodes that train together, each with a supervisor and folders of its own, as pods have."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import psutil
import pytest
from conftest import Jobs
from launching import SOURCE, wait_until
from servers import free_port
from stand_in import Backend
from torch import distributed
from trainer import processes
from trainer.yolo.distributed import Ranked

Start = Callable[[dict[str, str], int], list[subprocess.Popen[bytes]]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts an attempt on so many nodes."""
    running: list[subprocess.Popen[bytes]] = []

    def start_nodes(env: dict[str, str], nodes: int) -> list[subprocess.Popen[bytes]]:
        meeting = {"PET_NNODES": str(nodes), "PET_MASTER_ADDR": "127.0.0.1"}
        meeting |= {"PET_MASTER_PORT": str(free_port()), "GLOO_SOCKET_IFNAME": "lo"}
        command = [sys.executable, "-m", "trainer", "run"]
        started = []
        for node in range(nodes):
            own = {"PET_NODE_RANK": str(node), "TRAINER_HOME": str(tmp_path / f"node-{node}")}
            own["PYTHONPATH"] = f"{SOURCE / 'src'}{os.pathsep}{env.get('FAULT', '')}"
            with (tmp_path / f"node-{node}.log").open("ab") as log:
                full = os.environ | env | meeting | own
                started.append(subprocess.Popen(command, env=full, stdout=log, stderr=log))
        running.extend(started)
        return started

    yield start_nodes
    for one in running:
        one.kill()
        one.wait()


def ended(nodes: list[subprocess.Popen[bytes]]) -> list[int]:
    return [one.wait(120) for one in nodes]


def rank(env: dict[str, str], number: int) -> psutil.Process:
    found = processes.of_attempt(env["JOB_ID"], int(env["ATTEMPT"]))
    [one] = [one for one in found if one.environ().get("RANK") == str(number)]
    return one


@pytest.mark.timeout(480)  # five trainings, four of which start two nodes
def test_two_nodes_train_die_stop_and_resume_as_one_and_as_two(
    jobs: Jobs, backend: Backend, start: Start, tmp_path: Path
) -> None:
    env = jobs.env(epochs=500, batch=4)

    def trains_on(attempt: int, nodes: int) -> list[subprocess.Popen[bytes]]:
        env["ATTEMPT"] = str(attempt)
        done = max(backend.epochs, default=-1)
        started = start(env, nodes)
        # What the backend may not have heard is told again first.
        wait_until(lambda: max(backend.epochs, default=-1) > done)
        return started

    two = trains_on(1, 2)
    rank(env, 1).send_signal(signal.SIGKILL)
    assert ended(two) == [1, 1]
    # The node that died tells it, the other one only its log.
    [told] = backend.finishes
    assert told["cause"] == "trainer_crashed"
    assert told["message"].startswith("Rank 1 of 2 (node 1) was killed by SIGKILL")
    assert b"Rank 0 of 2 (node 0) lost a rank" in (tmp_path / "node-0.log").read_bytes()
    assert jobs.kept(env) >= {"attempt-1.node-1.log"}
    kept = jobs.artifact(env, "attempt-1.node-1.log")
    assert kept == (tmp_path / "node-1.log").read_bytes()[: len(kept)]
    assert b"Downloading the dataset" in kept
    assert b"Rank 1 of 2 (node 1) was killed by SIGKILL" in kept

    one = trains_on(2, 1)
    one[0].send_signal(signal.SIGTERM)
    assert ended(one) == [143]

    two = trains_on(3, 2)
    for node in two:
        node.send_signal(signal.SIGTERM)
    assert ended(two) == [143, 143]
    assert [told["cause"] for told in backend.finishes[1:]] == ["preempted"] * 2

    env["RANK_TIMEOUT_S"] = "15"
    two = trains_on(4, 2)
    rank(env, 1).send_signal(signal.SIGSTOP)
    assert two[0].wait(120) == 1
    message = (
        "Rank 1 of 2 (node 1) did not answer the others for 15 s: hung, or out of their reach."
    )
    assert backend.finishes[-1] == {"cause": "stalled", "message": message}
    del env["RANK_TIMEOUT_S"]
    two[1].send_signal(signal.SIGTERM)  # as the backend has it leave
    two[1].wait(120)

    before = len(backend.finishes)
    two = trains_on(5, 2)
    backend.command = "finish"  # which the first node alone hears
    assert ended(two) == [0, 0]
    assert backend.finishes[before:] == [{"cause": "completed", "message": ""}]
    assert sorted(set(backend.epochs)) == list(range(backend.epochs[-1] + 1))
    assert {"best.pt", "last.pt", "results.csv", "evaluation.json"} <= jobs.kept(env)
    # The first node's log is the job's, the other's a file of it.
    assert b"[rank 0] " in backend.log
    assert b"[rank 1] " not in backend.log
    seqs = [beat["seq"] for beat in backend.heartbeats]
    assert seqs.count(1) == 5
    assert processes.of_attempt(env["JOB_ID"], 5) == []


# No GPU is here whose memory could run out. Python runs this before anything else.
FULL_GPU = """
import os
if os.environ.get("RANK") == "1":
    import torch
    def backward(*_, **__):
        raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
    torch.Tensor.backward = backward
"""


def test_a_node_whose_gpu_s_memory_runs_out_is_named(
    jobs: Jobs, backend: Backend, start: Start, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(FULL_GPU)
    assert ended(start(jobs.env(epochs=2, batch=4) | {"FAULT": str(tmp_path)}, 2)) == [1, 1]
    [told] = backend.finishes
    assert told["cause"] == "gpu_out_of_memory"
    assert told["message"].startswith("Rank 1 of 2 (node 1): The GPU's memory ran out")


def test_the_first_rank_hangs_where_what_is_told_cannot_be_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("trainer.yolo.distributed._ANSWER_S", 1.0)
    port = free_port()
    keeps = f"from torch import distributed as d; s = d.TCPStore('127.0.0.1', {port}, 2, True, wait_for_workers=False)"
    # Until it is killed below.
    command = [sys.executable, "-c", f"{keeps}; import time; time.sleep(600)"]
    with subprocess.Popen(command) as first:
        try:
            store = distributed.TCPStore(  # type: ignore[attr-defined]
                "127.0.0.1", port, 2, is_master=False, wait_for_workers=False
            )
            store.set("met", "")
            first.send_signal(signal.SIGSTOP)
            assert Ranked._silent(cast("Any", SimpleNamespace(_peers=store))) == [0]
        finally:
            first.kill()


def test_a_node_needs_to_know_where_ranks_meet(jobs: Jobs, tmp_path: Path) -> None:
    env = os.environ | jobs.env() | {"PET_NNODES": "2", "PET_NODE_RANK": "1"}
    command = [sys.executable, "-m", "trainer", "run"]
    run = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert "PET_MASTER_ADDR and PET_MASTER_PORT" in run.stderr
    assert json.loads(env["TRAIN_CONFIG"])
