"""Prints trainers' logs to the backend's stdout, each line with its job as prefix."""

import sys
from collections import OrderedDict

MAX_LINE_BYTES = 8192
MAX_UNFINISHED = 1000


class LogPrinter:
    """Joins bytes to lines and escapes control characters, which could control a terminal."""

    def __init__(self) -> None:
        self._unfinished: OrderedDict[str, bytes] = OrderedDict()

    def write(self, job_id: str, data: bytes, start: int = 0, limit: int = sys.maxsize) -> None:
        """Print the lines that `data`, the log's bytes from `start` on, completes; the rest waits.

        Nothing is printed beyond `limit` bytes of a job's log, and once a line that says so.
        """
        if start >= limit:
            return
        if start + len(data) >= limit:
            end = f"\n[trainyard] More than {limit} bytes (LOG_LIMIT_BYTES) are in the job's log only.\n"
            data = data[: limit - start] + end.encode()
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
    if text.isprintable():
        return text
    # The usual ones, at the speed of C.
    text = text.replace("\x1b", "\\x1b").replace("\t", "\\t").replace("\r", "\\r")
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
