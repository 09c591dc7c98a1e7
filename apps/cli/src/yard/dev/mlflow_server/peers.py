"""Who is at the other end of a connection over loopback, as the kernel tells it."""

import os
import socket
import sys
from functools import cache
from pathlib import Path

_LOCAL, _REMOTE, _UID, _INODE = 1, 2, 7, 9  # columns of /proc/net/tcp


def is_ours(connection: socket.socket, tables: Path = Path("/proc/net")) -> bool:
    """Whether this user, or root, holds the other end of a TCP connection over IPv4 loopback.

    True, too, where there is no table of connections: not Linux. Ask before anything is read. Of an
    end that is closed, or is closed meanwhile, the table names no owner: that is not ours, nor is
    any where the table cannot be read.
    """
    if not (tables / "tcp").is_file():
        return True
    try:
        here, there = connection.getsockname(), connection.getpeername()
    except OSError:
        return False
    # An end that is closed while the table is read may look like root's: once.
    looks = [_owner(there, here, tables) for _ in range(2)]
    ours = all(owner in {os.getuid(), 0} for owner in looks)
    if not ours:
        _say_refused()
    return ours


@cache  # once: whoever connects must not fill the log
def _say_refused() -> None:
    print(  # noqa: T201
        "A connection was closed: /proc/net/tcp names another user as its owner, or nobody. Of "
        "further ones nothing is said.",
        file=sys.stderr,
        flush=True,
    )


def _owner(local: tuple[str, int], remote: tuple[str, int], tables: Path) -> int | None:
    """The uid of the process that has the open socket `local`, connected to `remote`."""
    ends = [_in_hexadecimal(*local), _in_hexadecimal(*remote)]
    # An IPv6 socket that connects to an IPv4 address stands in the other table.
    mapped = "0" * 16 + ("FFFF0000" if sys.byteorder == "little" else "0000FFFF")
    for table, prefix in (("tcp", ""), ("tcp6", mapped)):
        wanted = [prefix + end for end in ends]
        try:
            lines = (tables / table).read_text().splitlines()[1:]
        except OSError:  # a kernel without IPv6 has no tcp6
            continue
        for columns in map(str.split, lines):
            is_held = columns[_INODE] != "0"  # else its uid is 0, whoever has closed it
            if is_held and [columns[_LOCAL], columns[_REMOTE]] == wanted:
                return int(columns[_UID])
    return None


def _in_hexadecimal(host: str, port: int) -> str:
    return f"{int.from_bytes(socket.inet_aton(host), sys.byteorder):08X}:{port:04X}"
