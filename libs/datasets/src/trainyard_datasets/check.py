"""The check: layout, images and labels of a dataset, its report and its index."""

import os
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import IO, Any

from trainyard_datasets import images, index, labels, layout, limits
from trainyard_datasets.archive import Archive
from trainyard_datasets.files import Files, UnreadableError, label_of, read_or_error
from trainyard_datasets.findings import Findings, RejectedError
from trainyard_datasets.layout import Layout
from trainyard_datasets.source import RangeFile, RemoteObject


def check_files(files: Files, task: str) -> "Check":
    """Check files that are read quickly."""
    check = Check(task)
    with check.rejecting():
        check.run(files)
    return check


def check_object(url: str, size: int, sha256: str | None, task: str) -> "Check":
    """Check the archive behind a link. `sha256` is the one that was announced for it, if any.

    Raises:
        UnavailableError: the store does not answer.
    """
    check = Check(task)
    with check.rejecting():
        archive, head, check.sha256 = _open(RemoteObject(url, size), sha256)
        check.run(archive, head)
    return check


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


class Check:
    """What was found. `sha256` is the archive's, where it is known."""

    def __init__(self, task: str) -> None:
        self.findings = Findings()
        self.sha256: str | None = None
        self._task = task
        self._layout = Layout("", [], {}, {})
        self._names: Collection[str] = ()
        # Images that training leaves out, and instances by split and class.
        self._bad: set[str] = set()
        self._instances: dict[str, Counter[int]] = defaultdict(Counter)
        self._labelled: Counter[str] = Counter()

    @property
    def accepted(self) -> bool:
        """Whether the dataset can be trained on."""
        return not self.findings.rejected

    @contextmanager
    def rejecting(self) -> Iterator[None]:
        """Turn what ends the check into an error of the report."""
        try:
            yield
        except RejectedError as error:
            self.findings.error(error.message, error.file)
        except MemoryError:
            self.findings.error(
                f"Checking this dataset needs more than {limits.MEMORY_BYTES // limits.MIB:,} MiB "
                "of memory. Split it into smaller datasets."
            )

    def run(self, files: Files, head: int | None = None) -> None:
        """Check all of it, of each image only the first `head` bytes where those suffice.

        Raises:
            RejectedError: it cannot be used, and the rest was not looked at.
        """
        self._names = files.names
        self._warn_of_caches(files)
        self._layout = layout.find(files, self._task, self.findings)
        splits = self._layout.splits
        if splits["train"] == splits["val"]:
            self.findings.warning(
                "train and val are the same images: the metrics will not tell how the model does "
                "on images it has not seen."
            )
        self._check_images(files, head)
        if self._task == "classify":
            self._count_folders()
        else:
            self._check_labels(files)
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
            "problems": self.findings.listed(),
            "problems_total": self.findings.total,
        }

    def write_index(self, file: IO[bytes]) -> None:
        """Write which files training reads (`index.py`): images that cannot be used are left out.

        Raises:
            RejectedError: it would be too large.
        """
        header = index.Header(
            self.sha256,
            self._task,
            self._layout.top,
            self._layout.names,
            self._layout.folders,
            self._layout.kpt_shape,
            self._layout.flip_idx,
        )
        index.write(file, header, self._used())

    def _used(self) -> Iterator[index.Entry]:
        for split, found in self._layout.splits.items():
            for image in found:
                label = label_of(image)
                has_label = self._task != "classify" and label in self._names
                if image not in self._bad:
                    yield index.Entry(split, image, label if has_label else None)

    def _warn_of_caches(self, files: Files) -> None:
        for name in files.names:
            if name.endswith((".cache", ".npy", ".pkl", ".pickle")):
                self.findings.warning(
                    "This file was ignored: a cache can run code when it is opened.", name
                )

    def _check_images(self, files: Files, head: int | None) -> None:
        names = {name for found in self._layout.splits.values() for name in found}
        for name, data in files.sweep(names, head):
            message = _image_fault(files, name, data, head)
            if message is not None:
                self._bad.add(name)
                self.findings.warning(message, name)

    def _check_labels(self, files: Files) -> None:
        owners: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for split, found in self._layout.splits.items():
            missing = []
            for image in found:
                label = label_of(image)
                if label not in files.names:
                    missing.append(image)
                elif image not in self._bad:
                    owners[label].append((split, image))
            if missing:
                self.findings.warning(
                    f"{len(missing)} of {len(found)} images in {split} have no label file and "
                    f"count as background. The first one's would be {label_of(missing[0])}.",
                    missing[0],
                )
        self._warn_of_orphans(files)
        form = labels.Format(self._task, len(self._layout.names), self._layout.kpt_shape)
        small = [n for n in owners if files.size(n) <= limits.MAX_LABEL_BYTES]
        for name in owners.keys() - set(small):
            self._drop(name, owners[name], "The label file is too large. Split the image.")
        for name, data in files.sweep(small):
            if isinstance(data, UnreadableError):
                self._drop(name, owners[name], str(data))
                continue
            try:
                self._count(name, owners[name], labels.parse(data, form))
            except labels.LabelError as error:
                self._drop(name, owners[name], str(error))

    def _drop(self, label: str, owners: list[tuple[str, str]], message: str) -> None:
        self._bad.update(image for _, image in owners)
        self.findings.warning(message, label)

    def _count(self, label: str, owners: list[tuple[str, str]], found: labels.Labels) -> None:
        for split, _ in owners:
            self._instances[split].update(found.instances)
            self._labelled[split] += bool(found.instances)
        if found.duplicates:
            self.findings.warning(f"{found.duplicates} lines repeat others and are ignored.", label)

    def _warn_of_orphans(self, files: Files) -> None:
        splits = self._layout.splits
        known = {label_of(image) for found in splits.values() for image in found}
        folders = {os.path.dirname(label) for label in known}  # noqa: PTH120 - not a path of this machine
        orphans = [
            name
            for name in files.names
            if name.endswith(".txt") and name not in known and os.path.dirname(name) in folders  # noqa: PTH120
        ]
        if orphans:
            self.findings.warning(
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
                self.findings.error(
                    f"{split} has no usable image with a label. Check the files named, and that "
                    "labels/ mirrors images/ name by name."
                )
            elif bad > len(found) * limits.MAX_BAD_SHARE:
                self.findings.error(
                    f"{bad} of {len(found)} images in {split} cannot be used, more than "
                    f"{limits.MAX_BAD_SHARE:.0%}. Fix or remove the files named."
                )
        unseen = [
            name
            for index, name in enumerate(self._layout.names)
            if not self._instances["train"][index]
        ]
        if unseen and self._labelled["train"]:
            self.findings.warning(
                f"{len(unseen)} classes have no label in train, so they cannot be learnt: "
                f"{', '.join(unseen[:10])}."
            )


def _image_fault(
    files: Files, name: str, data: bytes | UnreadableError, head: int | None
) -> str | None:
    if isinstance(data, UnreadableError):
        return str(data)
    whole = head is None or files.size(name) <= head
    message = images.fault(data, complete=whole)
    if message is None or whole:
        return message
    # Some formats keep at the end what tells their size.
    return _image_fault(files, name, read_or_error(files, name), None)
