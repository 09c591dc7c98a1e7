"""The platform in a kind cluster, driven by kubectl, helm and HTTP."""

import json
import os
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from support.api import Api
from support.waiting import wait_for

ROOT = Path(__file__).parents[2]
CLUSTER = os.environ.get("CLUSTER", "kind")
CONTEXT = f"kind-{CLUSTER}"
NODE = f"{CLUSTER}-control-plane"
# Where the node ports are; without host ports, the address of the node.
HOST = os.environ.get("CLUSTER_HOST", "localhost")
# ci/rehearse_tier3.py sets its own: one host name with a token, and port-forwards for the rest.
API_URL = os.environ.get("SMOKE_API", f"http://{HOST}:30080")
API_HEADERS: dict[str, str] = json.loads(os.environ.get("SMOKE_API_HEADERS", "{}"))
# The user and the password that the chart's development-passwords have.
MLFLOW_LOGIN = "admin:insecure-development-mlflow-admin"
MLFLOW_URL = os.environ.get("SMOKE_MLFLOW", f"http://{MLFLOW_LOGIN}@{HOST}:30500")
PROMETHEUS_URL = os.environ.get("SMOKE_PROMETHEUS", f"http://{HOST}:30090")
TEMPORAL_UI_URL = os.environ.get("SMOKE_TEMPORAL_UI", f"http://{HOST}:30233")
S3_URL = f"http://{HOST}:30900"
# A Python program for pods: which of these addresses can be reached.
CONNECT = """
import json, socket, sys
def reaches(address):
    host, port = address.split(":")
    try:
        socket.create_connection((host, int(port)), 2).close()
    except OSError:
        return False
    return True
print(json.dumps({address: reaches(address) for address in sys.argv[1:]}))
"""
STATUS = """
import sys, urllib.error, urllib.request
try:
    print(urllib.request.urlopen(sys.argv[1], timeout=10).status)
except urllib.error.HTTPError as error:
    print(error.code)
"""
TOOLS = {"PATH": f"{ROOT / '.tools/cluster/bin'}{os.pathsep}{os.environ['PATH']}"}


def api_client() -> Api:
    """A client of the API, as a user has it."""

    def ask_for_the_certificate_of_the_host(request: httpx.Request) -> None:
        request.extensions["sni_hostname"] = request.headers["host"].partition(":")[0]

    return Api(
        base_url=API_URL,
        headers=API_HEADERS,
        event_hooks={"request": [ask_for_the_certificate_of_the_host]},
        timeout=30,
    )


def run(
    command: str | list[str], *, seconds: float = 120, check: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run a command as a shell would read it, in the repository's root.

    Raises:
        AssertionError: it failed, with what it said; not where `check` is off.
    """
    words = shlex.split(command) if isinstance(command, str) else command
    done = subprocess.run(
        words,
        check=False,
        cwd=ROOT,
        env=os.environ | TOOLS,
        capture_output=True,
        text=True,
        errors="replace",  # the last lines of a log may begin within a character
        timeout=seconds,
    )
    assert done.returncode == 0 or not check, f"{shlex.join(words)}\n{done.stdout}{done.stderr}"
    return done


@contextmanager
def forwarded(target: str, ports: str) -> Iterator[str]:
    """`kubectl port-forward -n platform TARGET PORTS`; yields `host:port` on this side."""
    command = ["kubectl", "port-forward", "-n", "platform", target, ports]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | TOOLS)
    try:
        assert child.stdout
        words = child.stdout.readline()  # "Forwarding from [::1]:30080 -> 8000"
        yield words.split()[2]
    finally:
        child.terminate()
        child.wait()


def use_cluster(kubeconfig: Path) -> None:
    """Let every command use the kind cluster, whatever the user's current context is."""
    run(["kind", "export", "kubeconfig", "--name", CLUSTER, "--kubeconfig", str(kubeconfig)])
    os.environ["KUBECONFIG"] = str(kubeconfig)


def diagnosis() -> str:
    """What ci/diagnose.sh prints."""
    seen = run([str(ROOT / "ci/diagnose.sh"), CONTEXT], check=False)
    return seen.stdout + seen.stderr


def get(kinds: str, selector: str = "") -> list[dict[str, Any]]:
    """Objects of the namespace `platform`."""
    command = ["kubectl", "get", kinds, "-n", "platform", "-o", "json", "-l", selector]
    return list(json.loads(run(command).stdout)["items"])


def ready(pod: dict[str, Any]) -> bool:
    """Whether a pod serves and is not being deleted."""
    conditions = {item["type"]: item["status"] for item in pod["status"].get("conditions", [])}
    return "deletionTimestamp" not in pod["metadata"] and conditions.get("Ready") == "True"


def serving() -> list[dict[str, Any]]:
    """The platform's pods, without Jobs'."""
    owners = {"ReplicaSet", "StatefulSet"}
    return [pod for pod in get("pods") if pod["metadata"]["ownerReferences"][0]["kind"] in owners]


def restarts() -> dict[str, int]:
    """Containers of the platform's pods that were restarted, and how often."""
    return {
        f"{pod['metadata']['name']} {status['name']}": status["restartCount"]
        for pod in serving()
        for status in pod["status"]["containerStatuses"]
        if status["restartCount"]
    }


def wait_ready(seconds: float = 180) -> None:
    """Wait until every pod serves, none is being deleted, and the API answers."""

    # Not before the controllers have seen what was asked of them.
    selector = "-n platform -l app.kubernetes.io/part-of=platform"
    rollout = f"kubectl rollout status deployments,statefulsets {selector} --timeout={seconds:g}s"
    run(rollout, seconds=seconds + 10)

    with api_client() as api:

        def up() -> bool:
            return all(map(ready, serving())) and api.get("/api/v1/jobs").is_success

        wait_for(
            up, seconds, lambda: run("kubectl get pods -n platform").stdout, catch=httpx.HTTPError
        )


def upgrade(*settings: str, values: Path | None = None) -> None:
    """`helm upgrade` with the release's own values, and these over them."""
    command = ["helm", "upgrade", "platform", "charts/platform", "-n", "platform"]
    command += ["--reset-then-reuse-values"]
    command += ["--values", str(values)] if values else []
    run([*command, *(word for setting in settings for word in ("--set", setting))])


@contextmanager
def upgraded(*settings: str, values: Path | None = None) -> Iterator[None]:
    """Upgrade the release with these values, and roll back at the end."""
    upgrade(*settings, values=values)
    try:
        wait_ready()
        yield
    finally:
        run("helm rollback platform -n platform")
        wait_ready()


def identities() -> dict[str, str]:
    """What an upgrade may replace, by name: each pod and Job, with its uid and its restarts."""
    return {
        f"{item['kind']} {item['metadata']['name']}": " ".join(
            [
                item["metadata"]["uid"],
                *(
                    str(status["restartCount"])
                    for status in item["status"].get("containerStatuses", [])
                ),
            ]
        )
        for item in get("pods,jobs")
    }
