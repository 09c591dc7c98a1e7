"""Any trainer under launcher and supervisor: its tree, its log, its limits, and their deaths."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from conftest import Jobs
from launching import Launcher, wait_until
from stand_in import Backend
from trainer import processes
from trainer.supervisor.output_log import KEPT_BYTES

Script = Callable[[str], list[str]]

# Trainers that sleep for ten minutes are those that a test ends: should it fail to, they go by themselves.
STUBBORN = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
for detached in (False, True):
    subprocess.Popen([sys.executable, "-c", code], start_new_session=detached)
print("started", flush=True)
time.sleep(600)
"""
COUNTING = """
import time
for number in range(400):
    print("line", number)
    time.sleep(0.005)
"""
GREEDY = """
import time
data = bytearray(400 << 20)
print("allocated", len(data))
time.sleep(600)
"""
SEED = """
import os, boto3, httpx
s3 = boto3.client("s3", endpoint_url=os.environ["S3_ENDPOINT"], region_name="us-east-1")
s3.download_file(os.environ["DATASETS_BUCKET"], os.environ["DATASET_ID"] + ".zip", "data.zip")
url = os.environ["BACKEND_URL"] + "/api/v1/jobs/" + os.environ["JOB_ID"] + "/heartbeat"
for epoch in range(3):
    httpx.post(
        url,
        headers={"Authorization": "Bearer " + os.environ["CALLBACK_TOKEN"]},
        json={"epoch": epoch, "metrics": {"loss": 1 / (epoch + 1)}},
    )
"""


@pytest.fixture
def script(tmp_path: Path) -> Script:
    def write(text: str) -> list[str]:
        path = tmp_path / "script.py"
        path.write_text(text)
        return ["python", str(path)]

    return write


def left(env: dict[str, str]) -> list[psutil.Process]:
    return processes.of_attempt(env["JOB_ID"], int(env["ATTEMPT"]))


def test_the_twenty_line_script(
    launcher: Launcher, jobs: Jobs, backend: Backend, script: Script
) -> None:
    env = jobs.env()
    launcher.launch(env, script(SEED))
    assert launcher.wait_ended(env["JOB_ID"])["exit_code"] == 0
    assert backend.epochs == [0, 1, 2]
    supervised = [beat for beat in backend.heartbeats if "seq" in beat]
    assert supervised
    assert not any("epoch" in beat or "metrics" in beat for beat in supervised)
    assert backend.finish["cause"] == "completed"


def test_stop_leaves_no_process(
    launcher: Launcher, jobs: Jobs, backend: Backend, script: Script
) -> None:
    env = jobs.env()
    launcher.launch(env, script(STUBBORN))
    wait_until(lambda: b"started" in backend.log)
    wait_until(lambda: len(left(env)) == 3)
    begun = time.monotonic()
    assert launcher.stop(env, 60) == {"ok": True}
    assert launcher.stop(env, 0.5) == {"ok": True}
    launcher.wait_ended(env["JOB_ID"])
    assert time.monotonic() - begun < 2.5
    assert left(env) == []
    assert backend.finish["cause"] == "preempted"


def test_a_killed_supervisor_leaves_no_process(
    launcher: Launcher, jobs: Jobs, backend: Backend, script: Script
) -> None:
    env = jobs.env()
    launcher.launch(env, script(STUBBORN))
    wait_until(lambda: len(left(env)) == 3)
    os.kill(launcher.attempt(env["JOB_ID"])["pid"], 9)
    ended = launcher.wait_ended(env["JOB_ID"])
    assert (ended["exit_code"], ended["signal"], ended["cause"]) == (None, 9, None)
    wait_until(lambda: not left(env))


def test_log_is_gapless_across_an_outage(
    launcher: Launcher, jobs: Jobs, backend: Backend, script: Script
) -> None:
    env = jobs.env()
    launcher.launch(env, script(COUNTING))
    wait_until(lambda: b"line 40\n" in backend.log)
    backend.down()
    work = launcher.folder / "state" / f"{env['JOB_ID']}-1"
    wait_until(lambda: b"line 399\n" in (work / "attempt.log").read_bytes())
    assert b"line 399\n" not in backend.log
    backend.log = backend.log[:-7]  # as after a restore from a backup
    backend.up()
    launcher.wait_ended(env["JOB_ID"])
    assert backend.log.decode() == "".join(f"line {number}\n" for number in range(400))
    assert backend.finish["cause"] == "completed"


def test_memory_limit(launcher: Launcher, jobs: Jobs, backend: Backend, script: Script) -> None:
    env = jobs.env()
    launcher.launch(env, script(GREEDY), memory=200 << 20)
    ended = launcher.wait_ended(env["JOB_ID"])
    assert ended["cause"] == "out_of_memory"
    assert backend.finish["cause"] == "out_of_memory"
    assert "200 MiB" in backend.finish["message"]


def test_stale_attempt_leaves(
    launcher: Launcher, jobs: Jobs, backend: Backend, script: Script
) -> None:
    env = jobs.env()
    launcher.launch(env, script(STUBBORN))
    wait_until(lambda: len(left(env)) == 3)
    backend.stale = True
    assert launcher.wait_ended(env["JOB_ID"])["exit_code"] == 1
    assert left(env) == []
    assert backend.finish is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "open('/dev/full', 'w', buffering=1).write('x\\n')",
            "The disk is full, probably that of /",
        ),
        ("raise SystemExit('the reason')", "exit code 1. Its last line: the reason"),
        ("import os; os.kill(os.getpid(), 11)", "SIGSEGV"),
    ],
)
def test_crash_is_explained(
    text: str, words: str, launcher: Launcher, jobs: Jobs, script: Script
) -> None:
    backend = jobs.backend
    env = jobs.env()
    launcher.launch(env, script(text))
    launcher.wait_ended(env["JOB_ID"])
    assert backend.finish["cause"] == "trainer_crashed"
    assert words in backend.finish["message"]


def test_command_that_does_not_exist_is_a_failed_launch(launcher: Launcher, jobs: Jobs) -> None:
    env = jobs.env()
    launcher.launch(env, ["/no/such/program"])
    ended = launcher.wait_ended(env["JOB_ID"])
    assert ended["cause"] == "launch_failed"
    assert "no program '/no/such/program'" in ended["message"]


def test_incomplete_environment_is_a_failed_launch(launcher: Launcher, jobs: Jobs) -> None:
    env = jobs.env() | {"BACKEND_URL": ""}
    launcher.launch(env)
    ended = launcher.wait_ended(env["JOB_ID"])
    assert ended["cause"] == "launch_failed"
    assert "BACKEND_URL is missing" in ended["message"]


@pytest.mark.parametrize("code", [0, 3])
@pytest.mark.parametrize(
    "destruction",
    [
        "shutil.rmtree(os.getcwd())",
        "os.system('rm -rf ./* ./.*')",
        "shutil.rmtree(os.path.dirname(os.getcwd()))",
    ],
    ids=["its_folder", "all_in_it", "the_records"],
)
def test_a_trainer_that_deletes_folders_ends_itself_alone(
    destruction: str, code: int, launcher: Launcher, jobs: Jobs, backend: Backend
) -> None:
    env, other = jobs.env(), jobs.env()
    # It runs until this test's launcher leaves: nothing that the neighbour does may end it.
    launcher.launch(other, [sys.executable, "-c", "import time; time.sleep(600)"])
    pid = launcher.ask("ping")["pid"]
    text = f"import os, shutil; {destruction}; print('the reason'); os._exit({code})"
    launcher.launch(env, ["python", "-uc", text])
    ended = launcher.wait_ended(env["JOB_ID"])
    assert (ended["exit_code"], ended["cause"]) == (1 if code else 0, None)
    assert backend.finish["cause"] == ("trainer_crashed" if code else "completed")
    assert code == 0 or "exit code 3. Its last line: the reason" in backend.finish["message"]
    assert launcher.ask("ping")["pid"] == pid
    assert launcher.attempt(other["JOB_ID"])["state"] == "running"


def test_a_flood_of_output_takes_little_of_the_disk(
    launcher: Launcher, jobs: Jobs, backend: Backend
) -> None:
    """All it has printed is more than is kept, and is freed though nobody has read it yet."""
    env, flood_bytes = jobs.env(), 4 * KEPT_BYTES
    backend.down()
    # It waits for ten minutes: the test ends it.
    flood = f"import os, time; [os.write(1, bytes(2**20)) for _ in range({flood_bytes >> 20})]"
    launcher.launch(env, [sys.executable, "-c", f"{flood}; time.sleep(600)"])
    output = launcher.folder / "state" / f"{env['JOB_ID']}-1" / "attempt.log"
    wait_until(lambda: output.exists() and output.stat().st_size >= flood_bytes)
    wait_until(lambda: output.stat().st_blocks * 512 < 1.5 * KEPT_BYTES, 30)
    os.kill(launcher.attempt(env["JOB_ID"])["pid"], 9)
    launcher.wait_ended(env["JOB_ID"])


def test_heartbeats_go_on_until_the_end_is_answered(
    launcher: Launcher, jobs: Jobs, backend: Backend, script: Script
) -> None:
    env = jobs.env()
    backend.interval_s = 0.02
    backend.log_delay_s = 0.3
    launcher.launch(env, script("import os; os.write(1, b'y' * (3 << 20))"))
    launcher.wait_ended(env["JOB_ID"])
    assert backend.finish["cause"] == "completed"
    assert len(backend.log) == 3 << 20
    assert backend.longest_silence_s < 0.3


def test_attempts_survive_the_launcher(
    launcher: Launcher, jobs: Jobs, backend: Backend, script: Script
) -> None:
    lasting, stubborn = jobs.env(), jobs.env()
    launcher.launch(lasting, script(COUNTING.replace("400", "1200")))
    launcher.launch(stubborn, [sys.executable, "-c", STUBBORN])
    wait_until(lambda: b"line 5\n" in backend.log)
    wait_until(lambda: len(left(stubborn)) == 3)
    launcher.kill()
    launcher.start()
    assert len(launcher.attempts()) == 2
    assert launcher.launch(lasting) == {"ok": True}
    assert launcher.attempt(stubborn["JOB_ID"])["state"] == "running"
    os.kill(launcher.attempt(stubborn["JOB_ID"])["pid"], 9)
    assert launcher.wait_ended(stubborn["JOB_ID"])["signal"] == 9
    wait_until(lambda: not left(stubborn))
    assert launcher.wait_ended(lasting["JOB_ID"])["exit_code"] == 0
