"""The repository that Argo CD reads; the tests' commits are reset at the end."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml
from chart import Manifest, Values, merged
from support.cluster import run

URL = os.environ.get("ARGOCD_REPO_URL", "")
FOLDER = Path(os.environ.get("GITOPS_WORKTREE", ""))


def git(*words: str) -> str:
    return run(["git", "-C", str(FOLDER), *words]).stdout.strip()


def commit(message: str) -> str:
    """Commit all changes of the worktree; returns the revision."""
    author = ["-c", "user.name=smoke", "-c", "user.email=smoke@localhost"]
    git(*author, "commit", "--quiet", "--all", "--message", message)
    return git("rev-parse", "HEAD")


def commit_readme() -> str:
    """Commit what changes no manifest; returns the revision."""
    (FOLDER / "README.md").write_text(f"After {git('rev-parse', 'HEAD')}\n")
    return commit("Nothing for the cluster")


@contextmanager
def scratch() -> Iterator[None]:
    """Reset the branch at the end of the block."""
    assert git("status", "--porcelain") == "", f"{FOLDER} has changes that are not committed"
    start = git("rev-parse", "HEAD")
    try:
        yield
    finally:
        git("reset", "--quiet", "--hard", start)


def values_file(tier: str) -> Path:
    return FOLDER / "overlays" / tier / "values.yaml"


def commit_values(tier: str, values: Values) -> str:
    """Commit these values over those of the tier's overlay; returns the revision."""
    path = values_file(tier)
    path.write_text(yaml.safe_dump(merged(yaml.safe_load(path.read_text()), values)))
    return commit(f"{tier}: {values}")


def rendered(tier: str) -> list[Manifest]:
    """The chart with the tier's overlay, as both are committed."""
    chart = str(FOLDER / "charts/platform")
    command = ["helm", "template", "platform", chart, "--namespace", "platform"]
    text = run([*command, "--values", str(values_file(tier))]).stdout
    return [item for item in yaml.safe_load_all(text) if item]
