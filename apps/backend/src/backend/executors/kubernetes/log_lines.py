"""Lines of a pod's log with the times that the kubelet puts before them."""

import re
from collections.abc import Sequence

# A longer line comes in pieces of the same time.
LINE_BYTES = 2**16
_TIME = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)) ")


class TimedLines:
    def __init__(self) -> None:
        self._rest = b""
        self._time = ""
        self._inside = False

    def read(self, part: bytes, *, last: bool = False) -> Sequence[tuple[str, bytes]]:
        """The lines that `part` completes, each with its time; with `last`, the unfinished one too."""
        *lines, self._rest = (self._rest + part).split(b"\n")
        pieces = [line + b"\n" for line in lines]
        if self._rest and (last or len(self._rest) > LINE_BYTES):
            pieces.append(self._rest)
            self._rest = b""
        # Before any time, the kubelet itself speaks: of a log that is not there.
        return [timed for timed in map(self._timed, pieces) if timed[0]]

    def _timed(self, piece: bytes) -> tuple[str, bytes]:
        text = piece
        if not self._inside and (time := _TIME.match(piece)):
            self._time, text = time[1].decode(), piece[time.end() :]
        self._inside = not piece.endswith(b"\n")
        return self._time, text
