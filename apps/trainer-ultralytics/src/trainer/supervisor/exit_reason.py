"""Says why a trainer died that did not say so itself."""

import os
import signal
from pathlib import Path

_TAIL_BYTES = 4096
_LINE_CHARS = 300


def explain(code: int, output: Path) -> str:
    """A sentence for the user about exit code `code` (negative: the signal), from the output's end."""
    if code < 0:
        name = signal.Signals(-code).name
        return f"The trainer was ended by {name}; the end of the log may tell more."
    line = last_line(output)
    tail = f" Its last line: {line}" if line else ""
    return f"The trainer ended with exit code {code}.{tail}"


def last_line(output: Path) -> str:
    """The last line that is not blank, shortened."""
    with output.open("rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL_BYTES))
        lines = file.read().decode(errors="replace").replace("\r", "\n").splitlines()
    return next((line.strip()[:_LINE_CHARS] for line in reversed(lines) if line.strip()), "")
