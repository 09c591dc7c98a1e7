"""Prints trainers' logs to the backend's stdout, each line with its job as prefix."""

import sys
from collections import OrderedDict

MAX_LINE_BYTES = 8192
MAX_UNFINISHED = 1000


class LogEcho:
    """Joins bytes to lines and escapes control characters, which could control a terminal."""

    def __init__(self) -> None:
        self._unfinished: OrderedDict[str, bytes] = OrderedDict()

    def write(self, job_id: str, data: bytes) -> None:
        """Print the lines that `data` completes; the rest waits for its end."""
        *lines, rest = (self._unfinished.pop(job_id, b"") + data).split(b"\n")
        if len(rest) > MAX_LINE_BYTES:
            lines.append(rest)
            rest = b""
        if lines:
            sys.stdout.write("".join(f"[job {job_id}] {printable(line)}\n" for line in lines))
            sys.stdout.flush()
        if rest:
            self._unfinished[job_id] = rest
            if len(self._unfinished) > MAX_UNFINISHED:
                self._unfinished.popitem(last=False)


def printable(line: bytes) -> str:
    """One line of text that a terminal only shows; bytes that are no UTF-8 are replaced."""
    text = line.removesuffix(b"\r").decode(errors="replace")
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
