"""A running platform (`make tier1`, `make tier2`); a failed test shows what a person would look at."""

import os
import subprocess
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack

import pytest
from conformance.api import Api, squares_archive

from smoke.cluster import API_URL, CLUSTER, CONTEXT, ROOT, TOOLS, run


@pytest.fixture(scope="session", autouse=True)
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Every command talks to the kind cluster, whatever the context of the person's kubectl is."""
    path = tmp_path_factory.mktemp("kube") / "config"
    run(["kind", "export", "kubeconfig", "--name", CLUSTER, "--kubeconfig", str(path)])
    os.environ["KUBECONFIG"] = str(path)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        seen = run([str(ROOT / "ci/diagnose.sh"), CONTEXT], check=False)
        report.sections.append(("the cluster", seen.stdout + seen.stderr))
    return report


@pytest.fixture(scope="session")
def api() -> Iterator[Api]:
    with Api(base_url=API_URL, timeout=30) as client:
        yield client


@pytest.fixture(scope="session")
def dataset_id(api: Api) -> str:
    """A dataset that was uploaded by presigned links, which have to work outside the cluster."""
    dataset = api.push("squares", squares_archive())
    assert dataset["status"] == "ready", dataset["report"]
    return str(dataset["id"])


@pytest.fixture
def port_forward() -> Iterator[Callable[[str, str], str]]:
    """Run `kubectl port-forward -n platform …` until the test ends; returns `host:port` on this side."""
    with ExitStack() as started:

        def forward(target: str, ports: str) -> str:
            command = ["kubectl", "port-forward", "-n", "platform", target, ports]
            child = subprocess.Popen(
                command, stdout=subprocess.PIPE, text=True, env=os.environ | TOOLS
            )
            started.callback(child.wait)
            started.callback(child.terminate)
            assert child.stdout
            words = child.stdout.readline()  # "Forwarding from [::1]:30080 -> 8000"
            return words.split()[2]

        yield forward
