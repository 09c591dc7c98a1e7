"""Trainings as subprocesses beside the backend: start within a second, live source, debugger."""

import re
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from support.api import Api
from support.cluster import NODE, ROOT, run, wait_ready
from support.waiting import wait_for

from smoke.debugger import Debugger
from smoke.training import seconds, submit

SOURCES = ROOT / "apps/trainer-ultralytics/src/trainer/yolo"


IN_THE_LAUNCHER = "kubectl exec -n platform deployment/backend -c launcher -- python -c"
IMPORTS = """
import time
begin = time.monotonic()
from trainer.launcher.warm_up import warm_up
warm_up()
print(time.monotonic() - begin)
"""


def test_a_warm_job_has_trained_before_a_new_process_has_imported(
    api: Api, dataset_id: str
) -> None:
    """Compared on the same machine; `make bench` measures."""
    starts = []
    for _ in range(3):
        job = api.wait(submit(api, dataset_id), seconds=120)
        starts.append(seconds(job, "created_at", "first_step_at"))
    assert min(starts) < float(run([*IN_THE_LAUNCHER.split(), IMPORTS]).stdout.split()[-1])


def test_kubectl_logs_shows_what_the_trainer_printed(api: Api, dataset_id: str) -> None:
    job_id = submit(api, dataset_id)
    api.wait(job_id, seconds=120)
    log = run("kubectl logs -n platform deployment/backend").stdout
    assert re.search(rf"^\[job {job_id}\] .*1 epochs completed", log, re.MULTILINE)


# Where trainings run: the answer to a stranger, and whether the password can be seen.
AS_A_TRAINER = """
import os, urllib.error, urllib.request
try:
    print(urllib.request.urlopen("http://mlflow:5000/version", timeout=30).status)
except urllib.error.HTTPError as error:
    print(error.code)
print("MLFLOW_TRACKING_PASSWORD" in os.environ)
"""


def test_mlflow_asks_a_training_for_a_password() -> None:
    """It shares the backend's network, so no policy can keep it away."""
    assert run([*IN_THE_LAUNCHER.split(), AS_A_TRAINER]).stdout.split() == ["401", "False"]


@pytest.fixture
def edited_source() -> Iterator[str]:
    """The trainer's source on this machine, with one more line, and then as it was."""
    path, words = SOURCES / "train_process.py", "this line was added on the host"
    source = path.read_text()
    path.write_text(f'{source}print("{words}", flush=True)\n')
    yield words
    path.write_text(source)


def test_an_edit_on_the_host_is_live_in_the_next_job(
    api: Api, dataset_id: str, edited_source: str
) -> None:
    job_id = submit(api, dataset_id)
    assert api.wait(job_id, seconds=120)["status"] == "succeeded"
    assert edited_source in api.log(job_id)


def test_a_training_survives_the_kill_of_the_backend_s_container(api: Api, dataset_id: str) -> None:
    job_id = submit(api, dataset_id, epochs=40)
    api.wait_epoch(job_id, 2)
    run(["docker", "exec", NODE, "pkill", "-KILL", "-f", "python -m backend serve"])
    job = api.wait(job_id, seconds=300)
    assert (job["status"], job["attempt"]) == ("succeeded", 1)
    assert [row["epoch"] for row in api.metrics(job_id)] == list(range(40))
    # The pods are as they were, for the test that looks for restarts.
    run("kubectl rollout restart deployment/backend -n platform")
    run("kubectl rollout status deployment/backend -n platform --timeout=300s", seconds=310)
    wait_ready()


def test_a_debugger_attaches_by_a_forwarded_port_and_stops_at_a_line(
    api: Api, dataset_id: str, port_forward: Callable[[str, str], str]
) -> None:
    lines = (SOURCES / "progress.py").read_text().splitlines()
    line = 1 + next(index for index, text in enumerate(lines) if "self._steps += 1" in text)
    job_id = submit(api, dataset_id, debug=True)
    wait_for(lambda: "Waiting for a debugger" in api.log(job_id), 60, lambda: api.job(job_id))
    address = port_forward("deployment/backend", f":{api.job(job_id)['debug_port']}")
    host, port = address.rsplit(":", 1)
    with closing(Debugger(host, int(port))) as debugger:
        debugger.stop_at("/src/src/trainer/yolo/progress.py", line)
        debugger.request("disconnect", terminateDebuggee=False)
        debugger.wait("response", "disconnect")
    assert api.wait(job_id, seconds=120)["status"] == "succeeded"
