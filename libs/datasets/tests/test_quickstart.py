"""The datasets that docs/quickstart.md shows pass the check, exactly as they stand on the page."""

import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from archives import TASKS, picture, zipped
from trainyard_datasets.archive import Archive
from trainyard_datasets.check import Check, check_files

PAGE = Path(__file__).parents[3] / "docs/quickstart.md"

COUNTS = {
    "detect": (2, 1),
    "segment": (2, 1),
    "classify": (3, 2),
    "pose": (2, 1),
    "obb": (2, 1),
}


def blocks(task: str) -> dict[str, str]:
    """The folder (`text`), the `yaml` and the `label` of a task's section."""
    sections = re.split(r"^##+ ", PAGE.read_text(), flags=re.MULTILINE)
    [section] = [section for section in sections if section.startswith(f"{task}:")]
    return dict(re.findall(r"```(\w+)\n(.*?)```", section, re.DOTALL))


def paths(tree: str) -> Iterator[str]:
    """Every file of a folder that is drawn by indentation."""
    above: list[str] = []
    for line in tree.splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        above[depth:] = [line.strip()]
        if not line.endswith("/"):
            yield "".join(above)


def dataset(task: str, label: str | None = None) -> dict[str, bytes]:
    """The files of a task's section; `label` stands in for its label lines."""
    shown = blocks(task)
    contents = {".yaml": shown.get("yaml", "").encode()}
    contents[".txt"] = (label or shown.get("label", "")).encode()
    return {
        path: contents.get(Path(path).suffix, picture(shade=number * 9))
        for number, path in enumerate(paths(shown["text"]))
    }


def checked(files: dict[str, bytes], task: str) -> Check:
    data = zipped(files)
    return check_files(Archive(io.BytesIO(data), len(data)), task)


@pytest.mark.parametrize("task", TASKS)
def test_the_dataset_passes_without_a_problem(task: str) -> None:
    check = checked(dataset(task), task)
    report = check.report()
    assert report["problems"] == []
    assert check.accepted
    images = report["images"]
    assert (images["train"], images["val"]) == COUNTS[task]
    names = [item["name"] for item in report["classes"]]
    if task == "classify":
        assert names == ["apple", "pear"]
    else:
        assert names == list(yaml.safe_load(blocks(task)["yaml"])["names"].values())


@pytest.mark.parametrize("task", [task for task in TASKS if task != "classify"])
def test_a_label_of_another_task_is_refused(task: str) -> None:
    other = "obb" if task == "pose" else "pose"
    assert not checked(dataset(task, blocks(other)["label"]), task).accepted
