"""All pods at once, as after a loss of the node: tiers 1 and 3 run the same ones."""

import pytest
from support.cluster import restarts, run, wait_ready


@pytest.mark.timeout(900)
def test_all_pods_come_up_again_when_all_are_replaced_at_once() -> None:
    selector = "-n platform -l app.kubernetes.io/part-of=platform"
    run(f"kubectl rollout restart deployments,statefulsets {selector}")
    run(f"kubectl rollout status deployments,statefulsets {selector} --timeout=300s", seconds=310)
    wait_ready()
    assert restarts() == {}
