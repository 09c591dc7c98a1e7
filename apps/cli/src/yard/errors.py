"""Errors for users and exit codes for scripts."""

import dataclasses
import enum
import errno
from collections.abc import Sequence


class Code(enum.IntEnum):
    """The exit codes of `yard`."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    REFUSED = 4
    UNREACHABLE = 5
    LOCAL = 6
    INTERRUPTED = 130


EXIT_CODES = (
    "Exit codes: 0 done · 1 the job failed or the dataset was rejected · 2 wrong usage · "
    "3 not found · 4 refused by the server · 5 server not reachable · "
    "6 a file or disk of this machine · 130 interrupted"
)


@dataclasses.dataclass
class YardError(Exception):
    """Ends the command with an exit code. Tells what happened, why, and what to do about it."""

    what: str
    why: str = ""
    todo: str = ""
    code: Code = Code.FAILED
    details: Sequence[str] = ()


class AwayError(YardError):
    """The server, or what it cannot do without, does not answer now; it may later."""


def local_error(error: OSError) -> YardError:
    """Return the error for a file, folder or disk of this machine."""
    cures = {
        errno.ENOSPC: "free some space, or name another folder (temporary files: TMPDIR)",
        errno.EDQUOT: "free some space, or name another folder (temporary files: TMPDIR)",
        errno.EACCES: "change its permissions, or name another",
        errno.EROFS: "name a folder that can be written (temporary files: TMPDIR)",
    }
    where = f"{error.filename}: " if error.filename else ""
    return YardError(
        f"{where}{error.strerror or error}",
        "this machine's file system refused it",
        cures.get(error.errno or 0, ""),
        Code.LOCAL,
    )
