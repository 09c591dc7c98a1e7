"""Another user of this machine, who connects to what listens on it."""

import os
import subprocess
import sys

import pytest

NOBODY = 65534
_TALK = """
import encodings.idna, os, socket, sys
os.setgroups([])
os.setgid({nobody})
os.setuid({nobody})  # only now: the interpreter may be where only root reads
with socket.create_connection(("{host}", {port}), 20) as connection:
    try:
        connection.sendall({sent!r})
        while {listens} and (part := connection.recv(65536)):
            sys.stdout.buffer.write(part)
    except (ConnectionResetError, BrokenPipeError):
        pass
"""
needed = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")


def talk(port: int, sent: bytes, host: str = "127.0.0.1", *, listens: bool = True) -> bytes:
    """What the user nobody gets for `sent` until the other side ends; nothing if they hang up."""
    code = _TALK.format(nobody=NOBODY, host=host, port=port, sent=sent, listens=listens)
    command = [sys.executable, "-I", "-S", "-c", code]
    return subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=30).stdout
