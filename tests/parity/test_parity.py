"""The check's reading of a dataset is Ultralytics' own: verdict, splits, classes and counts.

Three readings of each case are compared: the check's, Ultralytics' of the plain files, and
Ultralytics' of what the trainer unpacks by the check's index.
"""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chart import ROOT

from parity import file_cases, label_cases, layout_cases
from parity.conftest import TABLE
from parity.sets import Case, Departure
from parity.words import WORDS

HERE = Path(__file__).parent
CASES = [
    *(*label_cases.labels(), *layout_cases.yamls(), *layout_cases.layouts()),
    *(*layout_cases.classify(), *file_cases.pictures(), *file_cases.names(), *file_cases.told()),
]
Reading = dict[str, Any]

# All readings are made before the first test.
pytestmark = pytest.mark.timeout(600)


def ask(part: str, script: str, requests: list[dict[str, str]], home: Path) -> Iterator[Reading]:
    """The answers of a script in the environment of `part`, which is started once."""
    python = ROOT / part / ".venv/bin/python"
    lines = "".join(json.dumps(request) + "\n" for request in requests)
    command = [python, HERE / script, home]
    done = subprocess.run(command, input=lines, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    answers = [line for line in done.stdout.splitlines() if line.startswith("{")]
    assert len(answers) == len(requests), done.stdout[-4000:]
    return map(json.loads, answers)


@pytest.fixture(scope="module")
def readings(
    tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> dict[str, Reading]:
    folder = tmp_path_factory.mktemp("sets")
    requests = []
    for number, case in enumerate(CASES):
        path = folder / f"{number}.zip"
        path.write_bytes(case.archive())
        requests.append({"archive": str(path), "task": case.task})
    checked = ask("libs/datasets", "read_checked.py", requests, folder)
    trained = ask("apps/trainer-ultralytics", "read_trained.py", requests, folder)
    found = {
        case.name: {"checked": check, **train}
        for case, check, train in zip(CASES, checked, trained, strict=True)
    }
    pytestconfig.stash[TABLE] = _table(found)
    return found


def _table(readings: dict[str, Reading]) -> list[str]:
    table = [f"  {'case':48}{'check':>9}{'training':>10}{'unpacked':>10}  images  labels"]
    for case in CASES:
        reading = readings[case.name]
        verdicts = [_verdict(reading[side]) for side in ("checked", "plain", "unpacked")]
        images = "/".join(str(n) for n in reading["checked"].get("images", {}).values())
        counts = reading["checked"].get("instances", {}).values()
        labels = "/".join(str(sum(of.values())) for of in counts)
        mark = "*" if case.differs else " "
        shown = ascii(case.name)[1:-1][:46]
        table.append(
            f"{mark} {shown:48}{verdicts[0]:>9}{verdicts[1]:>10}{verdicts[2]:>10}"
            f"{images:>8}{labels:>8}"
        )
    return [*table, f"{len(CASES)} cases; * the check departs from training on purpose"]


def _verdict(reading: Reading | None) -> str:
    if reading is None:
        return "-"
    return "ready" if reading["accepted"] else "refused"


def test_names_are_unique_and_cases_are_many() -> None:
    names = {case.name for case in CASES}
    assert len(names) == len(CASES) >= 265
    assert not WORDS.keys() - names


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_check_reads_as_training_does(case: Case, readings: dict[str, Reading]) -> None:
    reading = readings[case.name]
    checked, plain, unpacked = reading["checked"], reading["plain"], reading["unpacked"]
    told = [problem["message"] for problem in checked["problems"]]
    if case.differs is None:
        assert checked["accepted"] == plain["accepted"], plain.get("why") or told
    else:
        assert _departs(case.differs, checked, plain), "it agrees: take the mark away"
    for words in filter(None, (case.says, WORDS.get(case.name))):
        assert words in "\n".join(told)
    if checked["accepted"]:
        assert unpacked["accepted"], unpacked["why"]
        assert _facts(unpacked) == _facts(checked), told
        if plain["accepted"]:
            named = case.differs is None
            assert _facts(plain, names=named) == _facts(checked, names=named), told
    else:
        assert [p for p in checked["problems"] if p["severity"] == "error"]


def _departs(differs: Departure, checked: Reading, plain: Reading) -> bool:
    """Whether the readings differ in what is declared."""
    if differs.names is None:
        return bool(checked["accepted"] is differs.ready is not plain["accepted"])
    return bool(checked["accepted"] and checked["names"] == differs.names != plain.get("names"))


def _facts(reading: Reading, *, names: bool = True) -> Reading:
    facts = {"images": reading["images"]}
    facts["instances"] = {
        split: {int(index): count for index, count in counts.items()}
        for split, counts in reading["instances"].items()
    }
    return facts | ({"names": reading["names"]} if names else {})
