"""What the check does with each image and each label file, in whichever process."""

import zlib
from dataclasses import dataclass
from typing import NamedTuple

from trainyard_datasets import images, labels
from trainyard_datasets.files import Batch, Content, Files, UnreadableError, read_or_error


class SeenImage(NamedTuple):
    """An image's judgement, its CRC-32 where it was read, and whether it was due for decoding."""

    fault: str | None
    decoded: int
    crc: int | None
    is_due: bool


@dataclass
class ImageWork:
    """Judges images; of JPEG each `step`th is decoded, and all while pixels are left (`budget`)."""

    head: int | None
    step: int
    budget: int

    def do(self, place: int, batch: Batch) -> list[SeenImage | None]:
        budget, found = self.budget, list[SeenImage | None]()
        for at, (name, content) in enumerate(zip(batch.names, batch.contents(), strict=True)):
            seen = None
            if content is not None:
                seen = self._judge(place + at, name, content, decode=budget > 0)
                budget -= seen.decoded
            found.append(seen)
        return found

    def settle(self, files: Files, place: int, name: str, found: SeenImage | None) -> SeenImage:
        """Judge it again where it was decoded, but images before it have used up the budget."""
        has_budget = self.budget > 0
        if found is None or (found.is_due and not has_budget):
            content = Content(read_or_error(files, name, self.head))
            found = self._judge(place, name, content, files, decode=has_budget)
        self.budget -= found.decoded
        return found

    def _judge(
        self, place: int, name: str, content: Content, files: Files | None = None, *, decode: bool
    ) -> SeenImage:
        if isinstance(content.data, UnreadableError):
            return SeenImage(str(content.data), 0, None, is_due=False)
        is_due = decode and (place % self.step == 0 or not name.lower().endswith((".jpg", ".jpeg")))
        is_whole = files is None or self.head is None or files.size(name) <= self.head
        judged = images.judge(content.data, complete=is_whole, decode=is_due)
        if judged.fault is not None and files and not is_whole:
            # Some formats keep at the end what tells their size.
            whole = read_or_error(files, name)
            if isinstance(whole, UnreadableError):
                judged = images.Judged(str(whole))
            else:
                judged = images.judge(whole, complete=True, decode=is_due)
        crc = zlib.crc32(content.data) if content.crc is None else content.crc
        return SeenImage(judged.fault, judged.decoded, crc, is_due)


class LabelFault(NamedTuple):
    """Why a label file cannot be used: the reason's kind, and the text."""

    kind: str
    message: str


@dataclass
class LabelWork:
    """Reads label files."""

    form: labels.Format

    def do(self, place: int, batch: Batch) -> list[labels.Labels | LabelFault | None]:
        contents = batch.contents()
        return [None if found is None else self._read(found.data) for found in contents]

    def settle(
        self, files: Files, place: int, name: str, found: labels.Labels | LabelFault | None
    ) -> labels.Labels | LabelFault:
        return self._read(read_or_error(files, name)) if found is None else found

    def _read(self, data: bytes | UnreadableError) -> labels.Labels | LabelFault:
        if isinstance(data, UnreadableError):
            return LabelFault("unreadable", str(data))
        try:
            return labels.parse(data, self.form)
        except labels.LabelError as error:
            return LabelFault(error.kind, str(error))
