"""What of a folder belongs to a dataset, and the task that it looks made for."""

import io
from pathlib import Path

import archives
import pytest
from archives import BOX, zipped
from trainyard_datasets.archive import Archive
from trainyard_datasets.check import check_files
from trainyard_datasets.files import IMAGE_SUFFIXES
from trainyard_datasets.folder import Folder
from trainyard_datasets.layout import guess_task
from trainyard_datasets.problems import RejectedError


def test_images_labels_and_data_yaml_belong(tmp_path: Path) -> None:
    files = archives.files(train=1, val=1)
    images = {f"images/train/x{suffix}": b"x" for suffix in IMAGE_SUFFIXES}
    rest = ("labels/train.cache", ".git/x.png", "images/.x.png", "notes.txt", "images/data.yaml")
    root = archives.unpacked(files | images | dict.fromkeys(rest, b"x"), tmp_path)
    folder = Folder(root)
    assert list(folder.names) == sorted([*files, *images])
    assert folder.total_size == sum(map(len, (files | images).values()))
    assert folder.skipped == 4, "a hidden folder is not looked into"


def test_links_are_counted_and_not_followed(tmp_path: Path) -> None:
    root = archives.unpacked(archives.files(train=1, val=1), tmp_path / "set")
    (root / "images/more").symlink_to(root / "images/train")
    (root / "images/train/link.png").symlink_to("/etc/hostname")
    folder = Folder(root)
    assert folder.links == 2
    assert not [name for name in folder.names if "more" in name or "link" in name]


@pytest.mark.parametrize(
    ("label", "extra", "task"),
    [
        (BOX, "", "detect"),
        (BOX * 3 + "0 .5 .5\n", "", "detect"),
        ("0 .1 .1 .2 .1 .2 .2\n", "", "segment"),
        ("0 .1 .1 .2 .1 .2 .2 .1 .2\n", "", "obb"),
        ("0 .5 .5 .1 .1 .5 .5 2\n", "kpt_shape: [1, 3]\n", "pose"),
    ],
)
def test_the_task_is_guessed(tmp_path: Path, label: str, extra: str, task: str) -> None:
    files = {"data.yaml": f"names: [a]\n{extra}".encode(), "images/a.png": b"x"}
    root = archives.unpacked(files | {"labels/a.txt": label.encode()}, tmp_path)
    assert guess_task(Folder(root)) == task


def test_images_without_labels_are_to_classify(tmp_path: Path) -> None:
    assert guess_task(Folder(archives.unpacked({"train/cat/a.png": b""}, tmp_path))) == "classify"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"coco.yaml": b"names: [a]"}, "There is no data.yaml"),
        ({"data.yaml": b"names: ["}, "data.yaml cannot be read"),
    ],
)
def test_labels_without_a_readable_data_yaml(
    tmp_path: Path, files: dict[str, bytes], message: str
) -> None:
    root = archives.unpacked(files | {"labels/train/a.txt": BOX.encode()}, tmp_path)
    with pytest.raises(RejectedError, match=message):
        guess_task(Folder(root))


@pytest.mark.parametrize("task", archives.TASKS)
def test_a_folder_and_its_archive_have_the_same_report(task: str, tmp_path: Path) -> None:
    files = archives.files(task)
    files |= {"images/train/x.jpg" if task != "classify" else "train/cat/x.jpg": b"no image"}
    data = zipped(files)
    root = archives.unpacked(files, tmp_path)
    packed = check_files(Archive(io.BytesIO(data), len(data)), task)
    loose = check_files(Folder(root), task)
    assert loose.report() == packed.report()
    assert loose.report()["problems"], "the test's bad image was not seen"


def test_an_unreadable_file_of_a_folder_is_named(tmp_path: Path) -> None:
    root = archives.unpacked(archives.files(train=20), tmp_path)
    folder = Folder(root)
    (root / "images/train/0.jpg").unlink()
    report = check_files(folder, "detect").report()
    assert report["problems"][0]["file"] == "images/train/0.jpg"
    assert "No such file or directory" in report["problems"][0]["message"]


def test_empty_label_files_do_not_decide_the_task(tmp_path: Path) -> None:
    files = {"data.yaml": b"names: [a]\n", "images/a.png": b"x", "labels/z.txt": b"0 0 0 1 0 1 1"}
    files |= {f"labels/{n}.txt": b"" for n in range(60)}
    assert guess_task(Folder(archives.unpacked(files, tmp_path))) == "segment"


def test_labels_beside_images_and_lists_of_images_belong(tmp_path: Path) -> None:
    files = {"data.yaml": b"train: train.txt\nval: b\nnames: [a]\n", "train.txt": b"./a/0.png\n"}
    files |= {"a/0.png": b"x", "a/0.txt": BOX.encode(), "b/1.png": b"x", "b/1.txt": BOX.encode()}
    rest = ("requirements.txt", "a/classes.txt", ".hidden/x.txt")
    folder = Folder(archives.unpacked(files | dict.fromkeys(rest, b"x"), tmp_path))
    assert set(folder.names) == set(files)
    assert guess_task(folder) == "detect"


def test_a_folder_of_another_tool_is_named(tmp_path: Path) -> None:
    files = {"JPEGImages/0.jpg": b"x", "Annotations/0.xml": b"<annotation><object/></annotation>"}
    folder = Folder(archives.unpacked(files, tmp_path))
    with pytest.raises(RejectedError, match="looks like Pascal VOC annotations"):
        guess_task(folder)
