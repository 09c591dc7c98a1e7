"""The pages' links lead somewhere, and what they tell of the code is as the code has it."""

import ast
import importlib.util
import json
import re
import subprocess
from pathlib import Path
from types import ModuleType

import pytest
from chart import ROOT, tier

LISTED = ["git", "ls-files", "-z", "*.md"]
PAGES = [
    ROOT / name
    for name in subprocess.run(
        LISTED, cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    if name
]
RETRIED = {"never": "no", "always": "yes", "if_progressed": "if it got further"}


def anchors(page: Path) -> set[str]:
    """A page's headings, as a link names them."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_pages_and_headings(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if not link.startswith("http"):
            name, _, anchor = link.partition("#")
            target = (page.parent / name).resolve() if name else page
            assert target.exists(), link
            assert not anchor or anchor in anchors(target), link


def causes() -> ModuleType:
    """The backend's module, which needs nothing of its environment."""
    path = ROOT / "apps/backend/src/backend/state/causes.py"
    spec = importlib.util.spec_from_file_location("causes", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_cause_has_its_row_with_the_rule_by_which_it_is_retried() -> None:
    text = (ROOT / "docs/when-a-job-fails.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \|(.+)\|(.+)\|(.+)\|(.+)\|$", text, re.MULTILINE)
    told = {cause: retried.strip() for cause, _, retried, *_ in rows}
    assert told == {cause: RETRIED[rule.retry] for cause, rule in causes().CAUSE_RULES.items()}


def test_the_editor_s_configuration_maps_the_source_that_runs() -> None:
    text = (ROOT / "docs/developing-trainers.md").read_text()
    [block] = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    mounted, built, here = json.loads(block)["configurations"]
    [ours, theirs] = mounted["pathMappings"]
    assert ours["localRoot"] == "${workspaceFolder}/apps/trainer-ultralytics/src"
    assert (ROOT / "apps/trainer-ultralytics/src/trainer").is_dir()
    containers = tier("tier1").pod("Deployment/backend").containers
    launcher = next(one for one in containers if one["name"] == "launcher")
    assert {"name": "PYTHONPATH", "value": ours["remoteRoot"]} in launcher["env"]
    dockerfile = (ROOT / "apps/trainer-ultralytics/Dockerfile").read_text()
    assert f"WORKDIR {built['pathMappings'][0]['remoteRoot']}\n" in dockerfile
    assert f"WORKDIR {theirs['remoteRoot']}\n" in dockerfile
    assert built["pathMappings"][1] == theirs
    assert "pathMappings" not in here


def test_where_a_program_of_your_own_lies_in_each_tier() -> None:
    text = (ROOT / "docs/developing-trainers.md").read_text()
    table = text.partition("| where it runs | where the program lies | `command` |")[2]
    rows = dict(re.findall(r"^\| ([^|]+) \| .+ \| `(\[.+\])` \|$", table, re.MULTILINE))
    assert list(rows) == ["`yard dev`", "tier 1", "tiers 2 and 3"]
    mounted, built = (Path(json.loads(rows[name])[1]) for name in list(rows)[1:])
    containers = tier("tier1").pod("Deployment/backend").containers
    launcher = next(one for one in containers if one["name"] == "launcher")
    [source] = [mount for mount in launcher["volumeMounts"] if mount["name"] == "source"]
    assert mounted.is_relative_to(source["mountPath"])
    assert source["mountPath"] in {f"{mounted.parents[1]}", f"{mounted.parents[0]}"}
    dockerfile = (ROOT / "apps/trainer-ultralytics/Dockerfile").read_text()
    assert f"WORKDIR {built.parent}\n" in dockerfile


def test_every_decision_has_a_status_and_stands_in_the_index() -> None:
    folder = ROOT / "docs/adr"
    index = (folder / "README.md").read_text()
    listed = dict(re.findall(r"^\| \[\d+\]\((.+?)\) \| (.+) \|$", index, re.MULTILINE))
    pages = sorted(folder.glob("0*.md"))
    assert list(listed) == [page.name for page in pages]
    for page in pages:
        title, _, status = page.read_text().splitlines()[:3]
        assert title == f"# {page.name[:4]} {listed[page.name]}"
        assert re.fullmatch(
            r"Status: (accepted|superseded by \d{4}) · Date: \d{4}-\d\d-\d\d", status
        ), page.name


def test_the_index_has_every_page_once() -> None:
    index = ROOT / "docs/README.md"
    linked = re.findall(r"^\| \[.+?\]\(([\w-]+\.md)\) \|", index.read_text(), re.MULTILINE)
    pages = {page.name for page in index.parent.glob("*.md")} - {index.name}
    assert sorted(linked) == sorted(pages)


def defaults() -> dict[str, int]:
    """The settings of the backend that are numbers with a default, by variable."""
    tree = ast.parse((ROOT / "apps/backend/src/backend/settings.py").read_text())
    found = {}
    for node in ast.walk(tree):
        match node:
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.Call(keywords=keywords)):
                for keyword in keywords:
                    if keyword.arg == "default" and isinstance(
                        keyword.value, ast.Constant | ast.BinOp
                    ):
                        # Sizes are written as products of constants.
                        found[name.upper()] = eval(ast.unparse(keyword.value), {})
    return found


def test_the_limits_are_the_settings_defaults() -> None:
    text = (ROOT / "docs/when-a-job-fails.md").read_text()
    rows = dict(re.findall(r"^\| `([A-Z_]+)` \| (\d+) \|", text, re.MULTILINE))
    assert len(rows) >= 5
    known = defaults()
    assert {name: known[name] for name in rows} == {name: int(rows[name]) for name in rows}
    named = set(re.findall(r"`([A-Z]+(?:_[A-Z]+)+)`", text)) - {"TRAINING_MODE"}
    assert named <= rows.keys()


def commands() -> set[str]:
    """Every command that `yard --help` shows: `job list`, `train`, …"""
    found = set()
    for call in ast.walk(ast.parse((ROOT / "apps/cli/src/yard/main.py").read_text())):
        match call:
            case ast.Call(
                func=ast.Name(id="_noun"),
                args=[ast.Constant(value=str(noun)), _, ast.Dict(keys=verbs), *_],
            ):
                found |= {f"{noun} {ast.literal_eval(verb)}" for verb in verbs if verb}
            case ast.Call(
                func=ast.Attribute(attr="command"), args=[ast.Constant(value=str(name)), *_]
            ):
                found.add(name)
    return found


def test_commands_are_found() -> None:
    assert {"job list", "model pull", "train", "dev"} <= commands()


def named(text: str) -> set[str]:
    """What follows `yard` in code: two words, less options and arguments."""
    code = re.findall(r"```.*?```|`[^`\n]+`|^    [^\n]*$", text, re.DOTALL | re.MULTILINE)
    return set(re.findall(r"(?<![\w./-])yard ([a-z]+(?: [a-z]+)?)", "\n".join(code)))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_exist(page: Path) -> None:
    known = commands()
    unknown = [
        name
        for name in named(page.read_text())
        if name not in known and name.split()[0] not in known
    ]
    assert not unknown, f"{unknown}: `yard --help` lists the commands"
