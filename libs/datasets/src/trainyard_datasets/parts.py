"""The parts of an archive's upload: how large they are, and which of them to join."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

MIB = 2**20
MIN_SIZE = 8 * MIB
MAX_COUNT = 1000


class UploadedPart(NamedTuple):
    """A part as the store has it; `size` in bytes."""

    number: int
    etag: str
    size: int


def part_size(size: int) -> int:
    """Bytes of each part but the last, of an archive of `size` bytes."""
    smallest = -(-size // MAX_COUNT)
    return max(MIN_SIZE, -(-smallest // MIB) * MIB)


def sizes(size: int) -> Sequence[int]:
    """Bytes of each part of an archive of `size` bytes, in order."""
    whole, rest = divmod(size, part_size(size))
    return [part_size(size)] * whole + [rest] * bool(rest)


def chosen(
    size: int, arrived: Sequence[UploadedPart] | None, named: Sequence[tuple[int, str]]
) -> Sequence[UploadedPart]:
    """The parts to join: those that the client names by number and ETag, as they arrived.

    Args:
        size: that was announced, in bytes.
        arrived: what the store has; None: it does not know the upload any more.
        named: numbers and ETags.

    Raises:
        ValueError: parts are missing, differ, or are not `size` bytes together; the text says which.
    """
    if arrived is None:
        raise ValueError("The upload has expired in the store. Push the dataset again.")
    expected = len(sizes(size))
    claimed = {number: etag.strip('"') for number, etag in named}
    if set(claimed) - set(range(1, expected + 1)) or len(claimed) != len(named):
        raise ValueError(
            f"This upload has the parts 1 to {expected}, each once; you name "
            f"{', '.join(str(number) for number, _ in named[:20])}. Name each part once."
        )
    # A part that was uploaded twice is listed twice by some stores.
    stored = {(part.number, part.etag): part for part in arrived}
    etags = {part.number: part.etag for part in arrived}
    for number in range(1, expected + 1):
        _check(number, expected, claimed, etags)
        if (number, claimed[number]) not in stored:
            raise ValueError(
                f"Part {number} of {expected} in the store has the ETag {etags[number]}, not "
                f"{claimed[number]!r}. Upload it again and use the ETag that the store answers."
            )
    found = [stored[number, claimed[number]] for number in range(1, expected + 1)]
    if (total := sum(part.size for part in found)) != size:
        raise ValueError(
            f"The parts have {total:,} bytes together, but {size:,} were announced. Upload the "
            "parts that differ again, or push the dataset again."
        )
    return found


def _check(
    number: int, expected: int, claimed: Mapping[int, str], etags: Mapping[int, str]
) -> None:
    if number not in claimed:
        raise ValueError(f"You do not name part {number} of {expected}. Name all of them.")
    if number not in etags:
        raise ValueError(
            f"Part {number} of {expected} has not arrived. Upload it to its link, then complete "
            "again."
        )
