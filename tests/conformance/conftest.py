"""Two platforms, one on each database, that share the suite; or the one in the cluster."""

from collections.abc import Generator, Iterator
from contextlib import ExitStack

import pytest
import servers
from support.api import Api
from support.cluster import diagnosis
from support.datasets import squares_archive
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from conformance.base import Platform
from conformance.cluster import cluster_platform
from conformance.local import local_platform


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--cluster", action="store_true", help="use the platform in the kind cluster (make tier2)"
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """On both databases, unless the test is marked with the one that is enough for it."""
    if "platform" in metafunc.fixturenames:
        mark = metafunc.definition.get_closest_marker("databases")
        names = mark.args if mark else ("sqlite", "postgresql")
        if metafunc.config.getoption("cluster"):
            names = ("cluster",)
        metafunc.parametrize("platform", names, indirect=True, scope="session")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("cluster"):
        items[:] = [item for item in items if item.get_closest_marker("clients") is None]


class ByPlatform(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """With `-n 2` the platforms run side by side: most of every test is waiting."""

    def _split_scope(self, nodeid: str) -> str:
        return next((name for name in ("postgresql", "sqlite") if name in nodeid), "neither")


# xdist's own `--dist loadgroup` does not group with pytest 9.2.
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByPlatform:
    return ByPlatform(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Function,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed and item.config.getoption("cluster"):
        report.sections.append(("the cluster", diagnosis()))
    return report


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.S3Server]:
    with servers.seaweedfs(tmp_path_factory.mktemp("store") / "seaweedfs") as server:
        yield server


@pytest.fixture(scope="session")
def platform(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Platform]:
    folder = tmp_path_factory.mktemp(request.param)
    with ExitStack() as stack:
        if request.param == "cluster":
            yield stack.enter_context(cluster_platform(folder))
            return
        database = f"sqlite+aiosqlite:///{folder}/backend.sqlite3"
        if request.param == "postgresql":
            address = stack.enter_context(servers.postgres())
            servers.create_database(address, "trainyard")
            database = f"postgresql+asyncpg://{address}/trainyard"
        store = request.getfixturevalue("store")
        yield stack.enter_context(local_platform(folder, database, store))


@pytest.fixture
def api(platform: Platform) -> Iterator[Api]:
    with Api(base_url=platform.url, timeout=30) as client:
        yield client


@pytest.fixture
def callbacks(platform: Platform) -> Iterator[Api]:
    """The API as trainers reach it."""
    with platform.trainers_url() as url, Api(base_url=url, timeout=30) as client:
        yield client


@pytest.fixture(scope="session")
def dataset_id(platform: Platform) -> str:
    with Api(base_url=platform.url, timeout=30) as client:
        dataset = client.push("squares", squares_archive())
    assert dataset["status"] == "ready", dataset["report"]
    return str(dataset["id"])
