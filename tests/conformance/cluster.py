"""Tier 2 in a kind cluster, for the Kubernetes executor."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import servers
from support.cluster import API_URL, NODE, S3_URL, forwarded, get, run, upgraded, use_cluster
from support.manifests import manifests
from support.waiting import wait_for

from conformance.base import SETTINGS

# What a service's process is called in the node.
COMMANDS = {
    "backend": "python -m backend serve",
    "temporal": "temporal-server",
    "launcher": "kube-controller-manager",
}
SECRET = "kubectl get secret -n platform development-passwords"
# Two trainings at once fit beside the platform on a node of two cores.
CPU = 0.35
# A Job imports torch on less than one core.
STALL_TIMEOUT_S = 60


class ClusterPlatform:
    """Every pod is real, and so is every process in it: a kind node's are this machine's too.

    The launcher is the kube-controller-manager, whose Job controller makes an attempt's pod and
    removes it. The backend's worker, which only asks for the Job, is killed with the backend.

    Signals to trainers are sent from outside the node, which only root may do.
    """

    def __init__(self) -> None:
        self.url = API_URL
        self.stall_timeout_s = STALL_TIMEOUT_S
        secret = json.loads(run(f"{SECRET} -o json").stdout)["data"]
        keys = (secret["access-key-id"], secret["secret-access-key"])
        self.store = servers.S3Server(S3_URL, *(base64.b64decode(key).decode() for key in keys))

    @contextmanager
    def trainers_url(self) -> Iterator[str]:
        """By the Service that pods of trainers reach; nothing outside the cluster does."""
        with forwarded("svc/backend", ":8000") as address:
            yield f"http://{address}"

    def kill(self, service: str) -> None:
        """As in the protocol; the kubelet alone brings the launcher back, at once.

        Its pod would soon have a new process too, so the Deployment gives the pod up.
        """
        pattern = f"^([^ ]*/)?{COMMANDS[service]}"
        run(["docker", "exec", NODE, "pkill", "-KILL", "-f", pattern])
        if service == "launcher":
            return
        _scale(service, 0)

        def gone() -> bool:
            left = run(["docker", "exec", NODE, "pgrep", "-f", pattern], check=False)
            pods = get("pods", f"app={service}")
            leaving = all("deletionTimestamp" in pod["metadata"] for pod in pods)
            return leaving and left.returncode == 1

        wait_for(gone, 60, lambda: get("pods", f"app={service}"))

    def start(self, service: str) -> None:
        if service != "launcher":
            _scale(service, 1)

    def wait_ready(self) -> None:
        def ready() -> bool:
            reply = httpx.get(f"{self.url}/readyz", timeout=5).raise_for_status()
            checks = reply.json()["checks"]
            return all(state == "ok" for state in checks.values())

        wait_for(
            ready, 120, lambda: run("kubectl get pods -n platform").stdout, catch=httpx.HTTPError
        )

    def processes(self, job_id: str) -> list[psutil.Process]:
        """By the containers' cgroups, which nothing leaves."""
        found = list(psutil.process_iter())
        mark = f"JOB_ID={job_id}".encode()
        marked = [one for one in found if mark in _proc(one, "environ").split(b"\0")]
        containers = {_proc(one, "cgroup") for one in marked} - {b""}
        return [one for one in found if _proc(one, "cgroup") in containers]

    def kill_trainer(self, job_id: str) -> None:
        tree = self.processes(job_id)
        [supervisor] = [one for one in tree if one.parent() not in tree]
        for child in supervisor.children():
            child.kill()


def _scale(service: str, replicas: int) -> None:
    run(f"kubectl scale -n platform deployment/{service} --replicas={replicas}")


def _proc(process: psutil.Process, name: str) -> bytes:
    """A file of the process in /proc; empty where the process is gone."""
    try:
        return Path(f"/proc/{process.pid}/{name}").read_bytes()
    except OSError:
        return b""


@contextmanager
def cluster_platform(folder: Path) -> Iterator[ClusterPlatform]:
    """The release that runs there (`make tier2`) with the suite's settings, and then as it was."""
    use_cluster(folder / "kubeconfig")
    values = folder / "values.json"
    changes = {
        "objectStore": {"publicEndpoint": S3_URL},
        "backend": {"settings": SETTINGS | {"STALL_TIMEOUT_S": STALL_TIMEOUT_S}},
        "trainer": {"manifests": manifests(CPU)},
    }
    values.write_text(json.dumps(changes))
    with upgraded(values=values):
        platform = ClusterPlatform()
        platform.wait_ready()
        try:
            yield platform
        finally:
            for service in ("backend", "temporal"):  # which a failed test may have left killed
                platform.start(service)
