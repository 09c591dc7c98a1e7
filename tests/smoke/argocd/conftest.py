"""Each tier by Argo CD, from an empty namespace. `make smoke-argocd` checks the variables that this needs."""

import os
from collections.abc import Generator, Iterator

import pytest
import yaml
from support.cluster import run

from smoke.argocd import repository
from smoke.argocd.application import Application


@pytest.fixture(scope="module")
def platform(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Application]:
    """`tier1`, `tier2`, or `tier2/kustomize`: Synced and Healthy, with nothing done but to apply its Application."""
    assert {"ARGOCD_REPO_URL", "GITOPS_WORKTREE"} <= os.environ.keys(), "see `make smoke-argocd`"
    tier, _, entry = request.param.partition("/")
    there = run("kubectl get namespace platform --ignore-not-found -o name").stdout
    assert not there, "the cluster has a namespace `platform`: these tests begin without one"
    application = Application(tier, kustomize=entry == "kustomize")
    with repository.scratch():
        here = yaml.safe_load(os.environ.get("PLATFORM_VALUES", "{}"))
        revision = repository.commit_values(tier, here)
        try:
            application.create(tmp_path_factory.mktemp("application"))
            application.wait_synced(revision)
            yield application
        except AssertionError as error:
            error.add_note(application.report())
            raise
        finally:
            application.delete()
            run("kubectl delete namespace platform --ignore-not-found", seconds=180)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    application = getattr(item, "funcargs", {}).get("platform")
    if report.failed and application:
        report.sections.append(("the Application", application.report()))
    return report
