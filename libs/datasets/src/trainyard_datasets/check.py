"""The check: layout, images and labels of a dataset, its report and its index."""

import os
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from typing import IO, Any, NamedTuple

from trainyard_datasets import duplicates, index, labels, layout, limits, sharing
from trainyard_datasets.archive import Archive
from trainyard_datasets.files import Files, label_of
from trainyard_datasets.layout import Layout
from trainyard_datasets.problems import Problems, RejectedError, share
from trainyard_datasets.source import RangeFile, RemoteObject
from trainyard_datasets.work import ImageWork, LabelFault, LabelWork


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


def _open(remote: RemoteObject, sha256: str | None) -> tuple[Archive, int | None, str]:
    """The archive, how much of each image is to be read, and its sha256."""
    file: IO[bytes] | RangeFile
    head: int | None
    if remote.size > limits.WHOLE_BYTES:
        file, found = RangeFile(remote), remote.digest()
        head = limits.HEAD_BYTES
    else:
        file, found = remote.download()
        head = None
    if sha256 not in {None, found}:
        raise RejectedError(
            f"The archive in the store has the sha256 {found}, but {sha256} was announced: it was "
            "damaged on its way. Push it again."
        )
    return Archive(file, remote.size), head, found


class Check:
    """What was found. `sha256` is the archive's, where it is known."""

    def __init__(self, task: str) -> None:
        self.problems = Problems()
        self.sha256: str | None = None
        self._task = task
        self._layout = Layout("", [], {}, {})
        self._names: Collection[str] = ()
        # Images that training leaves out, and instances by split and class.
        self._bad: set[str] = set()
        self._instances: dict[str, Counter[int]] = defaultdict(Counter)
        self._labelled: Counter[str] = Counter()
        self._polygons: Counter[str] = Counter()
        # By split the first label file of boxes, by kind what was left out or told.
        self._boxes: dict[str, str] = {}
        self._reasons: dict[str, _Reason] = {}
        self._lines: dict[str, _Lines] = defaultdict(_Lines)
        # Images by the one of the same content that was seen first.
        self._copies: dict[str, str] = {}

    @property
    def accepted(self) -> bool:
        """Whether the dataset can be trained on."""
        return not self.problems.rejected

    @contextmanager
    def rejecting(self) -> Iterator[None]:
        """Turn what ends the check into an error of the report."""
        try:
            yield
        except RejectedError as error:
            self.problems.error(error.message, error.file)
        except MemoryError:
            self.problems.error(
                f"Checking this dataset needs more than {limits.MEMORY_BYTES // limits.MIB:,} MiB "
                "of memory. Split it into smaller datasets."
            )

    def run(self, files: Files, head: int | None = None) -> None:
        """Check all of it, of each image only the first `head` bytes where those suffice.

        Raises:
            RejectedError: it cannot be used, and the rest was not looked at.
        """
        self._names = files.names
        self._warn_of_names(files)
        self._layout = layout.find(files, self._task, self.problems)
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
            "problems": self.problems.listed(),
            "problems_total": self.problems.total,
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
            self._prefix(),
        )
        index.write(file, header, self._used())

    def _prefix(self) -> str:
        found = chain.from_iterable(self._layout.splits.values())
        inside = (f"/{name.removeprefix(self._layout.top)}" for name in found)
        if self._task == "classify" or all("/images/" in name for name in inside):
            return ""
        return "images/"

    def _used(self) -> Iterator[index.Entry]:
        for split, found in self._layout.splits.items():
            for image in found:
                label = label_of(image)
                has_label = self._task != "classify" and label in self._names
                if image not in self._bad:
                    yield index.Entry(split, image, label if has_label else None)

    def _warn_of_names(self, files: Files) -> None:
        if files.odd_name is not None:
            self.problems.warning(
                "The archive does not say how its names are encoded, and it is not UTF-8: they may "
                "be shown wrongly. Zip the folder with a tool that writes UTF-8.",
                files.odd_name,
            )
        for name in files.names:
            if name.endswith((".cache", ".npy", ".pkl", ".pickle")):
                self.problems.warning(
                    "This file was ignored: a cache can run code when it is opened.", name
                )

    def _check_images(self, files: Files, head: int | None) -> None:
        names = {name for found in self._layout.splits.values() for name in found}
        seen: dict[int, str] = {}
        copies: dict[str, str] = {}
        undecoded = 0
        step = len(names) // limits.DECODED_JPEGS + 1
        work = ImageWork(head, step, limits.DECODED_PIXELS)
        for name, judged in sharing.each(files, names, head, work):
            if judged.fault is not None:
                self._drop(judged.fault.split("(")[0], [name], name, judged.fault)
                continue
            undecoded += not judged.decoded
            if judged.crc is not None:
                first = seen.setdefault(judged.crc << 32 | files.size(name), name)
                if first is not name:
                    copies[name] = first
        if undecoded:
            self.problems.warning(
                f"{share(len(names) - undecoded, len(names))} images were decoded to their end; of "
                "the others only the beginning or the structure was looked at."
            )
        self._copies = copies

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
                self.problems.warning(
                    f"{share(len(missing), len(found))} images in {split} have no label file and "
                    f"count as background. The first one's would be {label_of(missing[0])}.",
                    missing[0],
                )
        self._warn_of_orphans(files)
        self._warn_of_shared(owners)
        form = labels.Format(self._task, len(self._layout.names), self._layout.kpt_shape)
        small = [n for n in owners if files.size(n) <= limits.MAX_LABEL_BYTES]
        for name in owners.keys() - set(small):
            images_ = [image for _, image in owners[name]]
            self._drop("large", images_, name, "The label file is too large. Split the image.")
        for name, found_ in sharing.each(files, small, None, LabelWork(form)):
            if isinstance(found_, LabelFault):
                images_ = [image for _, image in owners[name]]
                self._drop(found_.kind, images_, name, found_.message)
            else:
                self._count_labels(name, owners[name], found_)
        self._tell_lines()

    def _drop(self, kind: str, images_: list[str], file: str, message: str) -> None:
        self._bad.update(images_)
        reason = self._reasons.setdefault(kind, _Reason(message, []))
        reason.files.append(file)

    def _count_labels(
        self, label: str, owners: list[tuple[str, str]], found: labels.Labels
    ) -> None:
        for split, _ in owners:
            self._instances[split].update(found.instances)
            self._labelled[split] += bool(found.instances)
            count = found.instances.total()
            if found.polygons:
                self._polygons[split] += count
            elif count:
                self._boxes.setdefault(split, label)
        for kind, lines in (
            ("duplicates", found.duplicates),
            ("flat", found.flat),
            ("outside", found.outside if self._task == "segment" else 0),
        ):
            if lines:
                self._lines[kind].count += lines
                self._lines[kind].files.append(label)

    def _tell_lines(self) -> None:
        words = {
            "duplicates": "lines repeat others of their file and are ignored",
            "flat": "boxes have no width or no height: nothing can be learnt from them",
            "outside": "polygons reach over the border of their image and are cut off there",
        }
        for kind, lines in self._lines.items():
            self.problems.warning(
                f"{lines.count} {words[kind]} ({len(lines.files)} files).", lines.files[0]
            )

    def _warn_of_shared(self, owners: dict[str, list[tuple[str, str]]]) -> None:
        shared = {
            label: names
            for label, pairs in owners.items()
            if len(names := sorted({image for _, image in pairs})) > 1
        }
        if shared:
            label, found = next(iter(shared.items()))
            self.problems.warning(
                f"{len(shared)} label files belong to more than one image, e.g. {label} to "
                f"{' and '.join(found[:3])}. Names must differ in more than their suffix.",
                label,
            )

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
        total = len({name for found in self._layout.splits.values() for name in found})
        for reason in self._reasons.values():
            count = len(reason.files)
            more = ""
            if count > 1:
                rest = ", ".join(reason.files[1:4])
                more = f" {share(count, total)} files are left out for this, also {rest}."
            self.problems.warning(reason.message + more, reason.files[0])
        for split in ("train", "val"):
            self._judge_split(split)
        duplicates.tell(self._copies, self._layout.splits, self.problems)
        names = self._layout.names
        unseen = [name for at, name in enumerate(names) if not self._instances["train"][at]]
        if unseen and self._labelled["train"]:
            self.problems.warning(
                f"{len(unseen)} classes have no label in train, so they cannot be learnt: "
                f"{', '.join(unseen[:10])}."
            )

    def _judge_split(self, split: str) -> None:
        found = self._layout.splits[split]
        bad = sum(image in self._bad for image in found)
        if bad == len(found) or (split == "train" and not self._labelled[split]):
            self.problems.error(
                f"{split} has no usable image{' with a label' if bad < len(found) else ''}. Check "
                "the files named, and that labels/ mirrors images/ name by name."
            )
            return
        if bad:
            self.problems.warning(
                f"{share(bad, len(found))} images in {split} cannot be used and are left out."
            )
        if not self._labelled[split]:
            self.problems.warning(
                f"No image in {split} has a label: the metrics will be 0 and the best epoch "
                "cannot be told."
            )
        if self._task in {"segment", "obb"} and split in self._boxes:
            self._refuse_boxes(split)

    def _refuse_boxes(self, split: str) -> None:
        article = "an" if self._task == "obb" else "a"
        need = "polygons" if self._task == "segment" else "oriented boxes of 4 corners"
        self.problems.error(
            f"A label file of {split} has boxes, but training on {article} {self._task} set needs {need} "
            "in all of them. Push it with task detect, or remove or redraw the boxes.",
            self._boxes[split],
        )


class _Reason(NamedTuple):
    """Why files are left out: the first one's message, and all of them."""

    message: str
    files: list[str]


@dataclass
class _Lines:
    count: int = 0
    files: list[str] = field(default_factory=list)
