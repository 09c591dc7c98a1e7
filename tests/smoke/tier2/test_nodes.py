"""A training on two nodes that dies of what can befall either, in turn, and resumes each time.

SMOKE_DEATHS=all tries every death; without it two, for each is another start of two nodes. All of
them need a tier 2 where a hang is soon told and a full disk is small: HELM_ARGS="--set-string
trainer.env.RANK_TIMEOUT_S=20 --set trainer.job.scratchSize=2Gi".
"""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from support.api import Api
from support.cluster import CONNECT, NODE, get, run
from support.waiting import wait_for

from smoke.training import SMALL

# A signal reaches every process whose command line holds these words, but the one that sends it.
SIGNAL = """
import os, pathlib, sys
for process in pathlib.Path("/proc").glob("[0-9]*"):
    try:
        command = (process / "cmdline").read_bytes().replace(b"\\0", b" ").decode()
    except OSError:
        continue
    if sys.argv[2] in command and int(process.name) != os.getpid():
        os.kill(int(process.name), int(sys.argv[1]))
"""
# The same from outside the pod, by the machine that runs it, for the rank of this number.
KILL_RANK = """
for process in /proc/[0-9]*; do
  grep -q trainer.yolo.rank $process/cmdline && grep -qz "^RANK=$1$" $process/environ \\
    && kill -KILL ${process#/proc/}
done 2>/dev/null
true
"""


def _pods(job_id: str) -> dict[int, dict[str, Any]]:
    """Those that run, by node."""
    index = "batch.kubernetes.io/job-completion-index"
    pods = get("pods", f"trainyard.dev/job={job_id}")
    return {
        int(pod["metadata"]["labels"][index]): pod
        for pod in pods
        if pod["status"]["phase"] == "Running" and "deletionTimestamp" not in pod["metadata"]
    }


def _inside(pod: str, *command: str) -> str:
    # Whatever it is, it may end with the container.
    return run(["kubectl", "exec", "-n", "platform", pod, "--", *command], check=False).stdout


def rank(pod: str) -> None:
    _inside(pod, "python", "-c", SIGNAL, str(signal.SIGKILL.value), "trainer.yolo.rank")


def rank_without_backend(pod: str) -> None:
    run("kubectl scale -n platform deployment/backend --replicas=0")
    rank(pod)
    run("kubectl scale -n platform deployment/backend --replicas=1")


def rank_without_api_server(pod: str) -> None:
    """As long as the kubelet lets the API server hang."""
    _, job, _, number, _ = pod.split("-")
    where = _pods(job)[int(number)]["spec"]["nodeName"]
    run(f"docker exec {NODE} pkill -STOP kube-apiserver")
    try:
        run(["docker", "exec", where, "sh", "-c", KILL_RANK, "sh", number])
        time.sleep(20)
    finally:
        run(f"docker exec {NODE} pkill -CONT kube-apiserver")


def hang(pod: str) -> None:
    """Told after RANK_TIMEOUT_S."""
    _inside(pod, "python", "-c", SIGNAL, str(signal.SIGSTOP.value), "trainer.yolo.rank")


def cut_off(pod: str) -> Callable[[], None]:
    """No packet passes between the two pods, on one machine, until what is returned is called."""
    job = pod.split("-")[1]
    one, other = (found["status"]["podIP"] for found in _pods(job).values())

    def change(what: str) -> None:
        for source, target in ((one, other), (other, one)):
            run(f"docker exec {NODE} iptables {what} FORWARD -s {source} -d {target} -j DROP")

    change("-I")
    return lambda: change("-D")


def disk(pod: str) -> None:
    """More than its scratch space may hold."""
    _inside(pod, "sh", "-c", "head -c 2200M /dev/zero > /tmp/full")


def supervisor(pod: str) -> None:
    _inside(pod, "python", "-c", SIGNAL, str(signal.SIGKILL.value), "-m trainer run")


def memory(pod: str) -> None:
    """Its shared memory is its memory; the largest process is the rank."""
    _inside(pod, "sh", "-c", "head -c 1900M /dev/zero > /dev/shm/full")


def delete(pod: str) -> None:
    run(f"kubectl delete pod -n platform {pod} --wait=false")


def drain(pod: str) -> None:
    """As `kubectl drain` does it."""
    about = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}}
    path = f"/api/v1/namespaces/platform/pods/{pod}/eviction"
    words = ["sh", "-c", f"kubectl create --raw {path} -f - <<'E'\n{json.dumps(about)}\nE"]
    run(words)


class Death(NamedTuple):
    """`of` a pod; where it returns something, that takes back what would last."""

    of: Callable[[str], Callable[[], None] | None]
    node: int
    cause: str
    message: str


DEATHS = [
    Death(rank, 1, "trainer_crashed", "Rank 1 of 2 (node 1) was killed by SIGKILL"),
    Death(delete, 0, "preempted", "Node 0 of 2: Its pod was deleted."),
    Death(memory, 1, "out_of_memory", "ode 1"),
    Death(rank, 0, "trainer_crashed", "Rank 0 of 2 (node 0) was killed by SIGKILL"),
    Death(supervisor, 1, "trainer_crashed", "Node 1 of 2: Its exit code was 137."),
    Death(supervisor, 0, "trainer_crashed", "Node 0 of 2: Its exit code was 137."),
    Death(delete, 1, "preempted", "Node 1 of 2: Its pod was deleted."),
    Death(drain, 1, "evicted", "Node 1 of 2: Node "),
    Death(drain, 0, "evicted", "Node 0 of 2: Node "),
    Death(memory, 0, "out_of_memory", "ode 0"),
    Death(rank_without_backend, 1, "trainer_crashed", "Rank 1 of 2 (node 1) was killed"),
    Death(rank_without_api_server, 1, "trainer_crashed", "Rank 1 of 2 (node 1) was killed"),
    Death(hang, 1, "stalled", "Rank 1 of 2 (node 1) did not answer the others for 20 s"),
    Death(cut_off, 1, "stalled", "did not answer the others for 20 s"),
    Death(disk, 1, "evicted", "Node 1 of 2: Node "),
]
TRIED = DEATHS if os.environ.get("SMOKE_DEATHS") == "all" else DEATHS[:2]


@pytest.fixture(scope="module")
def job_id(api: Api, dataset_id: str) -> Iterator[str]:
    resources = {"cpu": 0.4, "memory": "1536Mi", "gpu": 0, "nodes": 2}
    config = {**SMALL, "epochs": 5000, "plots": False}
    job_id = api.submit(dataset_id, config, trainer="ultralytics", resources=resources)
    yield job_id
    api.post(f"/api/v1/jobs/{job_id}/cancel")


def test_its_nodes_reach_each_other_the_backend_and_the_store(api: Api, job_id: str) -> None:
    api.wait_epoch(job_id, 1, seconds=240)
    pods = _pods(job_id)
    first = f"{pods[0]['status']['podIP']}:29400"
    where = [first, "backend:8000", "minio:9000", "postgres:5432", "temporal:7233"]
    name = pods[1]["metadata"]["name"]
    found = json.loads(_inside(name, "python", "-c", CONNECT, *where))
    assert [address for address in where if found[address]] == where[:3]
    [policy] = get("networkpolicies", f"trainyard.dev/job={job_id}")
    assert policy["metadata"]["ownerReferences"][0]["name"] == f"train-{job_id}-1"


@pytest.mark.parametrize("death", TRIED, ids=lambda death: f"{death.of.__name__}-{death.node}")
def test_the_first_death_is_told_and_the_next_attempt_resumes(
    api: Api, job_id: str, death: Death
) -> None:
    job = api.job(job_id)
    api.wait_epoch(job_id, (job["epoch"] or 0) + 2, seconds=240)
    wait_for(lambda: len(_pods(job_id)) == 2, 30)
    attempt = api.job(job_id)["attempt"]
    undo = death.of(_pods(job_id)[death.node]["metadata"]["name"])
    try:
        job = api.wait(job_id, "retrying", "failed", seconds=120, every_s=0.3)
    finally:
        if undo is not None:
            undo()
    assert (job["attempt"], job["cause"]) == (attempt, death.cause), job["message"]
    assert death.message in job["message"]
    if job["status"] == "failed":  # one of these causes is not tried again by itself
        api.post(f"/api/v1/jobs/{job_id}/retry").raise_for_status()


def test_it_ends_well_with_each_epoch_once(api: Api, job_id: str) -> None:
    api.wait_epoch(job_id, (api.job(job_id)["epoch"] or 0) + 2, seconds=240)
    api.post(f"/api/v1/jobs/{job_id}/finish-early").raise_for_status()
    job = api.wait(job_id, seconds=120)
    assert (job["status"], job["cause"]) == ("succeeded", "completed")
    assert [row["epoch"] for row in api.metrics(job_id)] == list(range(job["epoch"] + 1))
    assert {"best.pt", "last.pt", "results.csv"} <= set(api.artifacts(job_id))
    log = api.log(job_id)
    assert "[rank 0] " in log
    assert "[rank 1] " not in log
