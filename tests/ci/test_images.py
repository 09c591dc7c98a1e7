"""Dockerfiles copy only what exists and what their context lets through."""

import re
from pathlib import Path
from subprocess import run

import pytest

ROOT = Path(__file__).parents[2]
CONTEXTS = {
    "apps/backend/Dockerfile": ROOT,
    "apps/frontend/Dockerfile": ROOT / "apps/frontend",
    "apps/trainer-ultralytics/Dockerfile": ROOT / "apps/trainer-ultralytics",
}


def sources(dockerfile: Path) -> list[str]:
    """What it copies from its context."""
    lines = re.findall(r"^COPY (?!--from)(.+)$", dockerfile.read_text(), re.MULTILINE)
    return [source.rstrip("/") for line in lines for source in line.split()[:-1]]


def ignored(context: Path, path: str) -> bool:
    """As Docker has it: the last pattern that matches the path, or a folder above it, decides."""
    file = context / ".dockerignore"
    found = False
    for line in file.read_text().splitlines() if file.exists() else []:
        pattern = line.removeprefix("!")
        parts = [re.escape(part).replace(r"\*", "[^/]*") for part in pattern.split("/")]
        regex = "/".join(parts).replace("[^/]*[^/]*/", "(.*/)?") + "(/.*)?"
        if pattern and not line.startswith("#") and re.fullmatch(regex, path):
            found = not line.startswith("!")
    return found


def test_every_image_is_looked_at() -> None:
    assert {str(path.relative_to(ROOT)) for path in ROOT.glob("*/*/Dockerfile")} == set(CONTEXTS)


@pytest.mark.parametrize("dockerfile", CONTEXTS)
def test_what_is_copied_is_in_the_context(dockerfile: str) -> None:
    context = CONTEXTS[dockerfile]
    listed = run(["git", "ls-files"], cwd=context, check=True, capture_output=True, text=True)
    tracked = listed.stdout.splitlines()
    for source in sources(ROOT / dockerfile):
        files = [file for file in tracked if f"{file}/".startswith(f"{source}/")]
        assert any(not ignored(context, file) for file in files), source
        left_out = [file for file in files if ignored(context, file) and ".test." not in file]
        assert left_out == [], source


def test_the_rest_of_the_repository_stays_out_of_the_context() -> None:
    for path in ("README.md", ".git/config", "apps/backend/tests/conftest.py", "apps/cli/src/x.py"):
        assert ignored(ROOT, path), path
    assert ignored(ROOT, "libs/datasets/src/trainyard_datasets/__pycache__/x.pyc")
