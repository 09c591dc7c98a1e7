"""`helm upgrade` and `rollout restart` of a platform that is in use."""

from collections.abc import Iterator
from contextlib import contextmanager

from conformance.api import Api
from smoke.cluster import identities, restarts, run, upgrade, wait_ready
from smoke.training import submit


@contextmanager
def upgraded(*settings: str) -> Iterator[None]:
    """The release with other values, and then as it was."""
    upgrade(*settings)
    try:
        wait_ready()
        yield
    finally:
        run("helm rollback platform -n platform")
        wait_ready()


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


def test_an_upgrade_keeps_the_data_and_the_running_job(api: Api, dataset_id: str) -> None:
    job_id = submit(api, dataset_id, epochs=40)
    api.wait_epoch(job_id, 2, seconds=180)
    seen = api.log(job_id)
    with upgraded("backend.settings.STALL_TIMEOUT_S=1700", "postgres.maxConnections=150"):
        assert api.log(job_id).startswith(seen)
    job = api.wait(job_id, seconds=300)
    assert job["status"] == "succeeded"
    assert [row["epoch"] for row in api.metrics(job_id)] == list(range(40))
    assert api.log(job_id).startswith(seen)


def test_no_job_is_lost_when_the_backend_is_restarted(api: Api, dataset_id: str) -> None:
    job_ids = [submit(api, dataset_id, epochs=3) for _ in range(3)]
    run("kubectl rollout restart deployment/backend -n platform")
    run("kubectl rollout status deployment/backend -n platform --timeout=300s", seconds=310)
    assert {api.wait(job_id, seconds=300)["status"] for job_id in job_ids} == {"succeeded"}


def test_all_pods_come_up_again_when_all_are_replaced_at_once() -> None:
    selector = "-n platform -l app.kubernetes.io/part-of=platform"
    run(f"kubectl rollout restart deployments,statefulsets {selector}")
    run(f"kubectl rollout status deployments,statefulsets {selector} --timeout=300s", seconds=310)
    wait_ready()
    assert restarts() == {}
