"""Errors for users and exit codes for scripts."""

import dataclasses
import enum
from collections.abc import Sequence


class Code(enum.IntEnum):
    """The exit codes of `yard`."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    REFUSED = 4
    UNREACHABLE = 5
    INTERRUPTED = 130


EXIT_CODES = (
    "Exit codes: 0 done · 1 the job failed or the dataset was rejected · 2 wrong usage · "
    "3 not found · 4 refused by the server · 5 server not reachable · 130 interrupted"
)


@dataclasses.dataclass
class YardError(Exception):
    """Ends the command with an exit code. Tells what happened, why, and what to do about it."""

    what: str
    why: str = ""
    todo: str = ""
    code: Code = Code.FAILED
    details: Sequence[str] = ()
