"""`helm upgrade` and `rollout restart` of a platform that is in use."""

import json
import re
from collections.abc import Iterator

import pytest
from support.api import Api
from support.cluster import identities, run, upgrade, upgraded
from support.manifests import write_manifests

from smoke.training import submit

pytestmark = pytest.mark.timeout(900)
EPOCHS = 200  # which outlast the restart of a backend


def test_a_second_upgrade_changes_nothing() -> None:
    before = identities()
    upgrade()
    assert identities() == before


def test_a_changed_value_replaces_only_what_reads_it() -> None:
    before = identities()
    with upgraded("prometheus.retention=14d"):
        after = identities()
    changed = {name for name in before | after if before.get(name) != after.get(name)}
    assert changed == {"Pod prometheus-0"}


@pytest.fixture(scope="module")
def trained_meanwhile(
    api: Api, dataset_id: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, str]]:
    """A job that trains while the database and the backend are replaced, and its log before that.

    From then on there is a trainer `scripted`, which counts its lines and goes on only when a
    heartbeat was acknowledged.
    """
    folder = tmp_path_factory.mktemp("scripted")
    write_manifests(folder)
    manifest = json.loads((folder / "scripted.json").read_text())
    values = folder / "values.yaml"
    values.write_text(json.dumps({"trainer": {"manifests": {"scripted": manifest}}}))
    job_id = submit(api, dataset_id, epochs=40)
    api.wait_epoch(job_id, 2, seconds=180)
    seen = api.log(job_id)
    settings = ("backend.settings.STALL_TIMEOUT_S=1700", "postgres.maxConnections=150")
    with upgraded(*settings, values=values):
        yield job_id, seen


def test_an_upgrade_keeps_the_data_and_the_running_job(
    api: Api, trained_meanwhile: tuple[str, str]
) -> None:
    job_id, seen = trained_meanwhile
    assert api.log(job_id).startswith(seen)
    job = api.wait(job_id, seconds=300)
    assert job["status"] == "succeeded"
    assert [row["epoch"] for row in api.metrics(job_id)] == list(range(40))
    assert api.log(job_id).startswith(seen)


@pytest.mark.usefixtures("trained_meanwhile")
def test_a_restart_of_the_backend_loses_no_job_no_heartbeat_and_no_log_byte(
    api: Api, dataset_id: str
) -> None:
    small = {"cpu": 0.05, "memory": "128Mi", "gpu": 0}
    config = {"epochs": EPOCHS, "epoch_s": 0.1, "lines_per_epoch": 5}
    job_ids = [api.submit(dataset_id, config, resources=small) for _ in range(4)]
    for job_id in job_ids:
        api.wait_epoch(job_id, 5, seconds=180)
    assert "running" in {api.job(job_id)["status"] for job_id in job_ids}
    run("kubectl rollout restart deployment/backend -n platform")
    run("kubectl rollout status deployment/backend -n platform --timeout=300s", seconds=310)
    for job_id in job_ids:
        assert api.wait(job_id, seconds=300)["status"] == "succeeded"
        assert [row["epoch"] for row in api.metrics(job_id)] == list(range(EPOCHS))
        _check_gapless(api.log(job_id), last=(EPOCHS - 1, 4))


def _check_gapless(log: str, last: tuple[int, int]) -> None:
    """No line is missing or twice; a further attempt begins with the epoch that was cut short."""
    found = re.findall(r"^attempt (\d) epoch (\d+) line (\d) äöü$", log, re.MULTILINE)
    lines = [(int(attempt), int(epoch), int(line)) for attempt, epoch, line in found]
    cut_short = {0}
    for attempt in sorted({attempt for attempt, _, _ in lines}):
        mine = [(epoch, line) for number, epoch, line in lines if number == attempt]
        first, _ = mine[0]
        assert first in cut_short
        assert mine == [divmod(first * 5 + index, 5) for index in range(len(mine))]
        # Its checkpoint may or may not have been stored when it ended.
        cut_short = {mine[-1][0], mine[-1][0] + 1}
    assert lines[-1][1:] == last
