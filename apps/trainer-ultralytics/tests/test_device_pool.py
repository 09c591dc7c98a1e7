"""What attempts get of the machine: GPUs of their own, CPUs and memory as far as they go, else a turn."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import Jobs
from forks import ForkServer
from launching import Launcher, wait_until
from trainer.launcher.device_pool import DevicePool
from trainer.launcher.launch_request import LaunchRequest
from trainer.launcher.records import AttemptRecord

GIB = 1 << 30
SCRIPT = "import os, time; print('sees', os.environ['CUDA_VISIBLE_DEVICES'], '.', flush=True)\n"
# A training that the test stops.
LASTING = [sys.executable, "-c", SCRIPT + "time.sleep(600)"]
POOL = DevicePool(cpus=8, memory_bytes=16 * GIB, gpus=["0", "1", "2", "3"])


def attempt(name: str, **asked: Any) -> AttemptRecord:
    fields = {"command": ["x"], "env": {}, "memory_bytes": None, **asked}
    request = LaunchRequest(name, 1, **fields)
    return AttemptRecord(name, 1, Path(name), asked=request.asked, request=request)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"gpus": 5}, "The job asks for 5 GPUs, but all trainings of this machine together get 4 GPUs"),
        ({"cpus": 64}, "The job asks for 64 CPUs, but all trainings of this machine together get 8 CPUs"),
        ({"memory_bytes": 17 * GIB}, "asks for 17 GiB of memory"),
        ({"gpus": 4, "cpus": 8, "memory_bytes": 16 * GIB}, None),
        ({}, None),
    ],
)  # fmt: skip
def test_what_can_never_be_had_is_told(asked: dict[str, Any], words: str | None) -> None:
    refusal = POOL.refusal(attempt("a", **asked).asked)
    assert (words or "") in (refusal or "")
    assert bool(refusal) == bool(words)


def test_a_large_job_is_not_overtaken_for_what_it_waits_for() -> None:
    running: list[AttemptRecord] = []
    first, large, small, cpu, tiny = waiting = [
        attempt("first", gpus=2, cpus=2),
        attempt("large", gpus=3, cpus=4),
        attempt("small", gpus=1, cpus=1),
        attempt("cpu", cpus=1),
        attempt("tiny", cpus=2, memory_bytes=GIB),
    ]
    assert POOL.admit(running, waiting) == [first, cpu]
    assert first.gpus == ["0", "1"]
    assert cpu.gpus == []
    assert large.waits_for == "Waits for 3 GPUs: 2 of 4 are in use by job first."
    assert small.waits_for == "Waits for 1 GPU: 2 of 4 are in use by job first."
    # Four CPUs are kept for the large one, and one for the small one.
    assert tiny.waits_for == "Waits for 2 CPUs: 3 of 8 are in use by jobs cpu, first."
    running = [cpu]
    assert POOL.admit(running, [large, small, tiny]) == [large, small, tiny]
    assert large.gpus + small.gpus == POOL.gpus
    many = [attempt(str(number), cpus=1, gpus=1) for number in range(6)]
    assert POOL.admit([], many) == many[:4]
    assert many[5].waits_for == "Waits for 1 GPU: 4 of 4 are in use by jobs 0, 1, 2, 1 more."


@pytest.mark.parametrize(
    ("env", "gpus"),
    [
        ({"LAUNCHER_GPUS": "2"}, ["0", "1"]),
        ({"LAUNCHER_GPUS": "0", "CUDA_VISIBLE_DEVICES": "3"}, []),
        ({"LAUNCHER_GPUS": "1", "CUDA_VISIBLE_DEVICES": "2,3"}, ["2"]),
        ({"LAUNCHER_GPUS": "4", "CUDA_VISIBLE_DEVICES": "2,-1,3"}, ["2", "3"]),
        ({"CUDA_VISIBLE_DEVICES": "MIG-a,MIG-b"}, ["MIG-a", "MIG-b"]),
        ({"CUDA_VISIBLE_DEVICES": ""}, []),
    ],
)
def test_the_machine_s_gpus_and_what_the_launcher_s_environment_says(
    env: dict[str, str], gpus: list[str]
) -> None:
    pool = DevicePool.of_machine(env)
    assert pool.gpus == gpus
    assert pool.cpus >= 4
    assert GIB < pool.memory_bytes < 1 << 60
    with pytest.raises(ValueError, match="LAUNCHER_CPUS must be a whole number"):
        DevicePool.of_machine(env | {"LAUNCHER_CPUS": "two"})


@pytest.mark.parametrize(
    ("env", "named", "visible"),
    [
        ({"LAUNCHER_GPUS": "2"}, None, "0"),
        ({"LAUNCHER_GPUS": "2"}, 0, ""),
        ({"LAUNCHER_GPUS": "0"}, None, ""),
        ({"CUDA_VISIBLE_DEVICES": "3"}, None, "3"),
    ],
)
def test_an_attempt_that_names_no_number_of_gpus_sees_one_if_there_are_any(
    env: dict[str, str], named: int | None, visible: str
) -> None:
    pool = DevicePool.of_machine(env)
    record = attempt("a", gpus=named)
    assert record.request is not None
    record.asked = pool.completed(record.request).asked
    assert pool.admit([], [record]) == [record]
    assert pool.env(record)["CUDA_VISIBLE_DEVICES"] == visible


def seen(folder: Path, job_id: str) -> str:
    log = folder / "state" / f"{job_id}-1" / "attempt.log"
    # Its supervisor may have printed before it.
    found = wait_until(lambda: log.exists() and re.search("sees (.*?) \\.", log.read_text()))
    return str(found[1])


def test_who_can_never_start_on_a_smaller_machine_keeps_nothing_from_others(
    tmp_path: Path, home: Path, forks: ForkServer, jobs: Jobs
) -> None:
    launcher = Launcher(tmp_path, home, forks, LAUNCHER_GPUS="2")
    launcher.start()
    first, large, unnamed = envs = [jobs.env() for _ in range(3)]
    try:
        for queued_at, (env, asked) in enumerate(
            zip(envs, ({"gpus": 1}, {"gpus": 2}, {}), strict=True)
        ):
            launcher.launch(env, LASTING, queued_at=float(queued_at), **asked)
        waits = launcher.attempt(unnamed["JOB_ID"])["message"]
        assert waits == f"Waits for 1 GPU: 1 of 2 are in use by job {first['JOB_ID']}."
        launcher.kill()
        launcher.env["LAUNCHER_GPUS"] = "1"
        launcher.start()
        ended = launcher.attempt(large["JOB_ID"])
        assert (ended["state"], ended["cause"]) == ("ended", "unschedulable")
        assert (
            "asks for 2 GPUs, but all trainings of this machine together get 1" in ended["message"]
        )
        launcher.stop(first, 0)
        assert seen(tmp_path, unnamed["JOB_ID"]) == "0"
    finally:
        launcher.end()


def test_attempts_take_turns_and_a_killed_launcher_forgets_none(
    tmp_path: Path, home: Path, forks: ForkServer, jobs: Jobs
) -> None:
    launcher = Launcher(tmp_path, home, forks, LAUNCHER_GPUS="2", LAUNCHER_CPUS="4")
    launcher.start()
    envs = [jobs.env() for _ in range(6)]
    one, two, both, later, none, never = (env["JOB_ID"] for env in envs)

    def sees(job_id: str) -> str:
        return seen(tmp_path, job_id)

    def requests() -> set[str]:
        return {path.parent.name[:12] for path in tmp_path.glob("state/*/request.json")}

    try:
        assert launcher.ask("ping")["gpus"] == 2
        for number, (env, gpus) in enumerate(zip(envs, (1, 1, 2, 1, 0, 3), strict=True)):
            # The row's order, not that of the calls.
            reply = launcher.launch(
                env, LASTING, gpus=gpus, cpus=0.5, queued_at=9.0 - (number == 2)
            )
            assert reply["ok"] == (gpus < 3)
        assert reply["cause"] == "unschedulable"
        assert "asks for 3 GPUs" in reply["error"]
        assert (sees(one), sees(two), sees(none)) == ("0", "1", "")
        waits = f"Waits for 2 GPUs: 2 of 2 are in use by jobs {', '.join(sorted([one, two]))}."
        assert launcher.attempt(both) | {"pid": 0} == launcher.attempt(both)
        assert launcher.attempt(both)["message"] == waits
        assert (launcher.attempt(both)["state"], launcher.attempt(one)["message"]) == (
            "running",
            "",
        )

        launcher.kill()
        launcher.start()
        assert launcher.attempt(both)["message"] == waits
        assert launcher.launch(envs[2], LASTING, gpus=2) == {"ok": True}
        assert requests() == {both, later}  # with their tokens, until they start
        secret = b"secret-token"
        kept = {
            p.parent.name[:12] for p in tmp_path.glob("state/*/*.json") if secret in p.read_bytes()
        }
        assert kept == {both, later}

        launcher.stop(envs[2], 60)
        ended = launcher.attempt(both)
        assert (ended["state"], ended["exit_code"], ended["cause"]) == ("ended", 143, "preempted")
        assert launcher.attempt(later)["message"].startswith("Waits for 1 GPU: 2 of 2")
        launcher.stop(envs[1], 0)
        assert sees(later) == "1"
        assert launcher.attempt(later)["message"] == ""
        assert requests() == set()
        assert never not in {known["job_id"] for known in launcher.attempts()}
        assert json.loads((tmp_path / f"state/{later}-1/record.json").read_text())["gpus"] == ["1"]

        launcher.launch(envs[5] | {"ATTEMPT": "2"}, LASTING, gpus=2)
    finally:
        launcher.end()
    left = [path.parent.name for path in tmp_path.glob("state/*/exit.json")]
    assert len(left) == 6
