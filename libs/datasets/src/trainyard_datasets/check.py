"""The whole check: archive, layout, images, labels, and the report."""

import os
from collections import Counter, defaultdict
from typing import Any

from trainyard_datasets import images, labels, layout, limits
from trainyard_datasets.archive import Archive
from trainyard_datasets.findings import Problems, RejectedError
from trainyard_datasets.layout import Layout
from trainyard_datasets.source import RangeFile, RemoteObject

_DAMAGED = "The file is damaged in the archive"


def preflight(url: str, size: int, sha256: str | None, task: str) -> dict[str, Any]:
    """The verdict on the archive behind a link: {"accepted", "sha256", "report"}.

    Raises:
        UnavailableError: the store does not answer.
    """
    check = _Check(task)
    try:
        archive, head, sha256 = _open(RemoteObject(url, size), sha256)
        check.run(archive, head)
    except RejectedError as error:
        check.problems.error(error.message, error.file)
    except MemoryError:
        check.problems.error(
            f"Checking this dataset needs more than {limits.MEMORY_BYTES // limits.MIB:,} MiB of "
            "memory. Split it into smaller datasets."
        )
    return {"accepted": not check.problems.fatal, "sha256": sha256, "report": check.report()}


def _open(remote: RemoteObject, sha256: str | None) -> tuple[Archive, int | None, str | None]:
    """The archive, how much of each image is to be read, and the sha256 where it is known."""
    if remote.size > limits.WHOLE_BYTES:
        return Archive(RangeFile(remote), remote.size), limits.HEAD_BYTES, sha256
    file, found = remote.download()
    if sha256 not in {None, found}:
        raise RejectedError(
            f"The archive in the store has the sha256 {found}, but {sha256} was announced: it was "
            "damaged on its way. Push it again."
        )
    return Archive(file, remote.size), None, found


class _Check:
    def __init__(self, task: str) -> None:
        self.problems = Problems()
        self._task = task
        self._layout = Layout("", [], {})
        # Images that training will skip, and instances by split and class.
        self._bad: set[str] = set()
        self._instances: dict[str, Counter[int]] = defaultdict(Counter)
        self._labelled: Counter[str] = Counter()

    def run(self, archive: Archive, head: int | None) -> None:
        self._warn_of_caches(archive)
        self._layout = layout.find(archive, self._task, self.problems)
        splits = self._layout.splits
        if splits["train"] == splits["val"]:
            self.problems.warning(
                "train and val are the same images: the metrics will not tell how the model does "
                "on images it has not seen."
            )
        self._check_images(archive, head)
        if self._task == "classify":
            self._count_folders()
        else:
            self._check_labels(archive)
        self._judge()

    def report(self) -> dict[str, Any]:
        train, val = self._instances["train"], self._instances["val"]
        return {
            "images": {split: len(found) for split, found in self._layout.splits.items()},
            "labels": sum(sum(counts.values()) for counts in self._instances.values()),
            "classes": [
                {"index": index, "name": name, "train": train[index], "val": val[index]}
                for index, name in enumerate(self._layout.names)
            ],
            "problems": self.problems.listed(),
            "problems_total": self.problems.total,
        }

    def _warn_of_caches(self, archive: Archive) -> None:
        for name in archive.entries:
            if name.endswith((".cache", ".npy", ".pkl", ".pickle")):
                self.problems.warning(
                    "This file was ignored: a cache can run code when it is opened.", name
                )

    def _check_images(self, archive: Archive, head: int | None) -> None:
        names = {name for found in self._layout.splits.values() for name in found}
        for name, data in archive.sweep(names, head):
            message = _image_fault(archive, name, data, head)
            if message is not None:
                self._bad.add(name)
                self.problems.warning(message, name)

    def _check_labels(self, archive: Archive) -> None:
        owners: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for split, found in self._layout.splits.items():
            missing = []
            for image in found:
                label = _label_of(image)
                if label not in archive.entries:
                    missing.append(image)
                elif image not in self._bad:
                    owners[label].append((split, image))
            if missing:
                self.problems.warning(
                    f"{len(missing)} of {len(found)} images in {split} have no label file and "
                    f"count as background. The first one's would be {_label_of(missing[0])}.",
                    missing[0],
                )
        self._warn_of_orphans(archive)
        form = labels.Format(self._task, len(self._layout.names), self._layout.keypoints)
        small = [n for n in owners if archive.entries[n].file_size <= limits.MAX_LABEL_BYTES]
        for name in owners.keys() - set(small):
            self._drop(name, owners[name], "The label file is too large. Split the image.")
        for name, data in archive.sweep(small):
            if isinstance(data, Exception):
                self._drop(name, owners[name], f"{_DAMAGED} ({data}). Zip it again.")
                continue
            try:
                self._count(name, owners[name], labels.parse(data, form))
            except labels.LabelError as error:
                self._drop(name, owners[name], str(error))

    def _drop(self, label: str, owners: list[tuple[str, str]], message: str) -> None:
        self._bad.update(image for _, image in owners)
        self.problems.warning(message, label)

    def _count(self, label: str, owners: list[tuple[str, str]], found: labels.Labels) -> None:
        for split, _ in owners:
            self._instances[split].update(found.instances)
            self._labelled[split] += bool(found.instances)
        if found.duplicates:
            self.problems.warning(f"{found.duplicates} lines repeat others and are ignored.", label)

    def _warn_of_orphans(self, archive: Archive) -> None:
        splits = self._layout.splits
        known = {_label_of(image) for found in splits.values() for image in found}
        folders = {os.path.dirname(label) for label in known}  # noqa: PTH120 - it is no path of ours
        orphans = [
            name
            for name in archive.entries
            if name.endswith(".txt") and name not in known and os.path.dirname(name) in folders  # noqa: PTH120
        ]
        if orphans:
            self.problems.warning(
                f"{len(orphans)} label files have no image of the same name and are ignored.",
                orphans[0],
            )

    def _count_folders(self) -> None:
        index = {name: place for place, name in enumerate(self._layout.names)}
        for split, found in self._layout.splits.items():
            for image in found:
                place = index.get(layout.class_of(image, self._layout.top))
                if place is not None and image not in self._bad:
                    self._instances[split][place] += 1
                    self._labelled[split] += 1

    def _judge(self) -> None:
        for split, found in self._layout.splits.items():
            bad = sum(image in self._bad for image in found)
            if split == "test":
                continue
            if not self._labelled[split]:
                self.problems.error(
                    f"{split} has no usable image with a label. Check the files named, and that "
                    "labels/ mirrors images/ name by name."
                )
            elif bad > len(found) * limits.MAX_BAD_SHARE:
                self.problems.error(
                    f"{bad} of {len(found)} images in {split} cannot be used, more than "
                    f"{limits.MAX_BAD_SHARE:.0%}. Mend or remove the files named."
                )
        unseen = [
            name
            for index, name in enumerate(self._layout.names)
            if not self._instances["train"][index]
        ]
        if unseen and self._labelled["train"]:
            self.problems.warning(
                f"{len(unseen)} classes have no label in train, so they cannot be learnt: "
                f"{', '.join(unseen[:10])}."
            )


def _label_of(image: str) -> str:
    """`labels` in place of the last folder `images`, `.txt` in place of the ending."""
    stem = image.rpartition(".")[0]
    before, found, after = f"/{stem}".rpartition("/images/")
    return (f"{before}/labels/{after}" if found else f"/{stem}")[1:] + ".txt"


def _image_fault(
    archive: Archive, name: str, data: bytes | Exception, head: int | None
) -> str | None:
    if isinstance(data, Exception):
        return f"{_DAMAGED} ({data}). Zip it again."
    whole = head is None or archive.entries[name].file_size <= head
    message = images.fault(data, complete=whole)
    if message is None or whole:
        return message
    # Some formats keep at the end what tells their size.
    return _image_fault(archive, name, archive.attempt(name), None)
