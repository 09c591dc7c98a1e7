"""The cases take both branches of every `if` and `with` in the templates."""

import re
import shutil
from functools import cache
from pathlib import Path
from typing import NamedTuple

from chart import CHART, merged, render_files
from chart.cases import CASES, case_layers
from helm_python import Chart

ACTION = re.compile(r"\{\{-?\s*(/\*.*?\*/|(?P<word>\w+)?.*?)\s*-?\}\}", re.DOTALL)
FAILING = ("validations.yaml", "_formats.tpl")
OPENING = {"if", "with", "range", "define", "block"}


class Branch(NamedTuple):
    place: str  # backend/deployment.yaml:8 if not .Values.backend.autoscaling.enabled
    taken: bool


def instrumented(text: str, name: str) -> tuple[str, list[Branch]]:
    """`text` with a comment line in each branch that names it, and those names."""
    parts: list[str] = []
    branches: list[Branch] = []
    stack: list[tuple[str, str, bool]] = []  # word, place, whether there is an else
    at = 0

    def mark(place: str, *, taken: bool) -> str:
        branches.append(Branch(place, taken))
        return f"\n#<{place}|{taken}>#\n"

    for found in ACTION.finditer(text):
        word = found["word"] or ""
        parts.append(text[at : found.start()])
        at = found.end()
        action = found.group()
        source = re.sub(r"\s+", " ", action.strip("{}- \n"))
        place = f"{name}:{text.count(chr(10), 0, found.start()) + 1} {source}"
        if word in OPENING:
            stack.append((word, place, False))
            included = re.match(r"with (include .*)", source)
            parts.append(with_included(included[1]) if included else action)
            if word in {"if", "with"}:
                parts.append(mark(place, taken=True))
        elif word == "else":
            kind, opened, _ = stack.pop()
            stack.append((kind, opened, True))
            chained = re.match(r"else (if|with) ", source)
            parts.append(action)
            if kind in {"if", "with"} and not chained:
                parts.append(mark(opened, taken=False))
            elif chained:
                # an else-if is reached only if the first condition failed
                stack.pop()
                stack.append((kind, place, False))
                branches.append(Branch(opened, taken=False))
                parts.append(f"\n#<{opened}|False>#\n" + mark(place, taken=True))
        elif word == "end":
            kind, opened, has_else = stack.pop()
            if kind in {"if", "with"} and not has_else:
                parts.append("{{ else }}" + mark(opened, taken=False))
            parts.append(action)
        else:
            parts.append(action)
    parts.append(text[at:])
    assert not stack, name
    return "".join(parts), branches


def with_included(include: str) -> str:
    """A `with` that ignores marks in its text and prints them before it."""
    mark = "`#<.*?>#`"
    return (
        f'{{{{ regexFindAll {mark} ({include}) -1 | join "\\n" | nindent 0 }}}}\n'
        f'{{{{- with regexReplaceAll {mark} ({include}) "" | trim }}}}'
    )


@cache
def outcome(folder: Path) -> tuple[list[Branch], set[Branch]]:
    """All branches of the templates, and those that the cases take."""
    copy = folder / "platform"
    shutil.copytree(CHART, copy)
    branches: list[Branch] = []
    for path in sorted((copy / "templates").rglob("*")):
        if path.is_file():
            text, found = instrumented(path.read_text(), str(path.relative_to(copy / "templates")))
            path.write_text(text)
            branches += found
    reached: set[Branch] = set()
    with Chart.load(copy) as loaded:
        for name in CASES:
            output = "".join(render_files(merged(*case_layers(name)), loaded).values())
            reached |= {
                Branch(p, t == "True") for p, t in re.findall(r"#<(.*?)\|(True|False)>#", output)
            }
    return branches, reached


def test_every_branch_is_taken(tmp_path: Path) -> None:
    branches, reached = outcome(tmp_path)
    assert len(branches) > 60
    # branches that fail leave no output: test_validations.py and test_formats.py have a case for each
    missing = {branch for branch in set(branches) - reached if not branch.place.startswith(FAILING)}
    assert not missing, "\n".join(f"never {b.taken}: {b.place}" for b in sorted(missing))
