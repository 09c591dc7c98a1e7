"""ARCHITECTURE.md names files and functions that exist, floors and states as the code has them."""

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from chart import ROOT

PAGES = [ROOT / name for name in ("ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md")]
BACKEND = ROOT / "apps/backend"
# A link to a file, and the names after it that the file defines: [`a.py`](path/a.py) `first` `second`
REFERENCE = re.compile(r"\[`[^`]+`\]\(([^)#\s]+)\)((?:,? `[\w.]+`)*)")


@cache
def defined(path: Path) -> frozenset[str]:
    """Names that a Python module defines: functions, classes, their members, constants."""

    def walk(body: list[ast.stmt], prefix: str) -> Iterator[str]:
        for node in body:
            match node:
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                    yield prefix + name
                case ast.ClassDef(name=name):
                    yield prefix + name
                    yield from walk(node.body, f"{prefix}{name}.")
                case (
                    ast.Assign(targets=[ast.Name(id=name)])
                    | ast.AnnAssign(target=ast.Name(id=name))
                ):
                    yield prefix + name

    return frozenset(walk(ast.parse(path.read_text()).body, ""))


def has(path: Path, name: str) -> bool:
    """Whether the file defines `name`; of anything but Python, whether the name stands in it."""
    if not path.is_file():
        return False
    return name in (defined(path) if path.suffix == ".py" else path.read_text())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_names_are_defined_where_the_page_says(page: Path) -> None:
    references = [
        (link, name)
        for link, names in REFERENCE.findall(page.read_text())
        for name in re.findall(r"`([\w.]+)`", names)
    ]
    wrong = [f"{link} {name}" for link, name in references if not has(page.parent / link, name)]
    assert not wrong
    assert references


def test_a_wrong_name_is_found() -> None:
    path = BACKEND / "src/backend/settings.py"
    assert has(path, "Settings.gpu_resource")
    assert not has(path, "Settings.gpu")
    assert has(ROOT / "charts/platform/templates/_netpol.tpl", "platform.networkPolicy")


def test_the_floors_are_those_that_lint_holds() -> None:
    config = tomllib.loads((BACKEND / "pyproject.toml").read_text())
    [contract] = config["tool"]["importlinter"]["contracts"]
    layers = [sorted(re.findall(r"\w+", layer)) for layer in contract["layers"]]
    rows = re.findall(r"^\| \d+ \| ((?:`\w+`(?:, )?)+) \|", PAGES[0].read_text(), re.MULTILINE)
    assert [sorted(re.findall(r"\w+", row)) for row in rows] == layers


def test_the_diagram_shows_every_move_of_a_job() -> None:
    # Read, not imported: the backend is not installed where these tests run.
    source = (BACKEND / "src/backend/state/statuses.py").read_text()
    table = source[source.index("SOURCES") :]
    moves = {
        (state.lower(), target.lower())
        for target, states in re.findall(r"S\.(\w+): frozenset\(\{(.*?)\}\)", table)
        for state in re.findall(r"S\.(\w+)", states)
    }
    shown = re.findall(r"^  (\w+) --> (\w+)", PAGES[0].read_text(), re.MULTILINE)
    assert len(moves) > 15
    assert set(shown) == moves


def test_only_the_trainer_and_what_runs_in_its_environment_imports_it() -> None:
    files = subprocess.run(
        ["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    importing = set()
    for name in files.stdout.split():
        for node in ast.walk(ast.parse((ROOT / name).read_text())):
            match node:
                case ast.Import(names=names):
                    modules = [item.name for item in names]
                case ast.ImportFrom(module=str(module), level=0):
                    modules = [module]
                case _:
                    continue
            if {module.partition(".")[0] for module in modules} & {"trainer", "ultralytics"}:
                importing.add(name)
    outside = {name for name in importing if not name.startswith("apps/trainer-ultralytics/")}
    assert outside == {"bench/yolo_cli.py", "bench/yolo_ranks.py", "tests/parity/read_trained.py"}
    for name in outside:
        assert "AGPL-3.0" in (ROOT / name).read_text().splitlines()[0], name


def test_who_connects_is_told_by_the_same_code_on_both_sides_of_that_line() -> None:
    sides = "apps/trainer-ultralytics/src/trainer", "apps/cli/src/yard/dev/mlflow_server"
    trainer, cli = ((ROOT / side / "peers.py").read_text() for side in sides)
    assert trainer == cli


def test_sql_of_features_is_in_their_repositories() -> None:
    """Below them stand the tables and the database; a batch of writes has a file of its own."""
    builders = re.compile(r"(?m)^from sqlalchemy import .*\b(select|insert|update|delete|text)\b")
    source = BACKEND / "src/backend"
    below = [source / name for name in ("infra", "state", "migrations")]
    with_sql = {
        str(path.relative_to(source))
        for path in source.rglob("*.py")
        if not {*below} & {*path.parents} and builders.search(path.read_text())
    }
    assert len(with_sql) >= 10
    elsewhere = {name for name in with_sql if not name.endswith("repository.py")}
    assert elsewhere == {"callbacks/batch_sql.py"}
