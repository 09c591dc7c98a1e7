"""Fixtures for a running platform (`make tier1`, `make tier2`); a failed test prints a diagnosis of the cluster."""

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack

import pytest
from support.api import Api
from support.cluster import api_client, diagnosis, forwarded, use_cluster
from support.datasets import squares_archive


@pytest.fixture(scope="session", autouse=True)
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> None:
    use_cluster(tmp_path_factory.mktemp("kube") / "config")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        report.sections.append(("the cluster", diagnosis()))
    return report


@pytest.fixture(scope="session")
def api() -> Iterator[Api]:
    with api_client() as client:
        yield client


@pytest.fixture(scope="session")
def dataset_id(api: Api) -> str:
    """A dataset uploaded from outside the cluster, by presigned links."""
    dataset = api.push("squares", squares_archive())
    assert dataset["status"] == "ready", dataset["report"]
    return str(dataset["id"])


@pytest.fixture
def port_forward() -> Iterator[Callable[[str, str], str]]:
    """Run `kubectl port-forward -n platform …` until the test ends; returns `host:port` on this side."""
    with ExitStack() as started:

        def forward(target: str, ports: str) -> str:
            return started.enter_context(forwarded(target, ports))

        yield forward
