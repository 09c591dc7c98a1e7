"""One platform per database for the whole suite; a test takes services away and gives them back."""

from collections.abc import Iterator

import pytest
import servers

from conformance.api import Api, squares_archive
from conformance.local import LocalPlatform, local_platform


def pytest_collection_modifyitems(items: list[pytest.Function]) -> None:
    # With `-n 2` the platforms run side by side: most of every test is waiting.
    for item in items:
        item.add_marker(pytest.mark.xdist_group(item.callspec.params["platform"]))


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.S3Server]:
    with servers.seaweedfs(tmp_path_factory.mktemp("store") / "seaweedfs") as server:
        yield server


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def platform(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    store: servers.S3Server,
) -> Iterator[LocalPlatform]:
    folder = tmp_path_factory.mktemp(str(request.param))
    if request.param == "sqlite":
        with local_platform(folder, f"sqlite+aiosqlite:///{folder}/backend.sqlite3", store) as it:
            yield it
        return
    with servers.postgres() as address:
        servers.create_database(address, "trainyard")
        with local_platform(folder, f"postgresql+asyncpg://{address}/trainyard", store) as it:
            yield it


@pytest.fixture
def api(platform: LocalPlatform) -> Iterator[Api]:
    with Api(base_url=platform.url, timeout=30) as client:
        yield client


@pytest.fixture(scope="session")
def dataset_id(platform: LocalPlatform) -> str:
    with Api(base_url=platform.url, timeout=30) as client:
        dataset = client.push("squares", squares_archive())
    assert dataset["status"] == "ready", dataset["report"]
    return str(dataset["id"])
