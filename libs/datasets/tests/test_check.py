"""Bad and imperfect datasets: each fault is named, and nothing is run or lost."""

import io
from pathlib import Path
from typing import Any

import archives
import pytest
from archives import zipped
from bad_datasets import ARCHIVES, LAYOUTS, Case
from imperfect_datasets import WARNINGS
from trainyard_datasets import images, limits
from trainyard_datasets.archive import Archive
from trainyard_datasets.check import Check, check_files


@pytest.mark.parametrize("case", ARCHIVES + LAYOUTS + WARNINGS, ids=lambda case: case.name)
def test_bad_dataset(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    data = case.archive()
    check = Check(case.task)
    with check.rejecting():
        check.run(Archive(io.BytesIO(data), len(data)))
    report = check.report()
    assert case.message in "\n".join(problem["message"] for problem in report["problems"])
    assert check.accepted == (case.status == "ready"), report
    assert report["problems_total"] >= len(report["problems"]) > 0
    # No canary, no unpacked file, no temporary file.
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("limit", "value", "words"),
    [
        ("DECODED_JPEGS", 2, "2 of 6 (33%) images were decoded"),
        ("DECODED_PIXELS", 3000, "3 of 6 (50%) images were decoded"),
    ],
)
def test_the_report_says_how_much_was_looked_at(
    limit: str, value: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, limit, value)
    data = zipped(archives.files())
    report = check_files(Archive(io.BytesIO(data), len(data)), "detect").report()
    assert words in "\n".join(problem["message"] for problem in report["problems"])


def test_reasons_are_told_once_each_with_share_and_examples() -> None:
    labels = {f"labels/train/{n}.txt": b"0 320 240 64 64" for n in range(3)}
    data = zipped(archives.files(train=20) | labels)
    report = check_files(Archive(io.BytesIO(data), len(data)), "detect").report()
    [told] = [p for p in report["problems"] if "has the coordinate 320" in p["message"]]
    assert "3 of 22 (14%) files are left out for this, also labels/train/" in told["message"]


def test_memory_that_runs_out_rejects(monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*_: Any, **__: Any) -> None:
        raise MemoryError

    data = zipped(archives.files())
    monkeypatch.setattr(images, "judge", exhausted)
    check = check_files(Archive(io.BytesIO(data), len(data)), "detect")
    assert not check.accepted
    most = f"{limits.MEMORY_BYTES // limits.MIB:,} MiB"
    assert f"needs more than {most} of memory" in check.report()["problems"][0]["message"]
