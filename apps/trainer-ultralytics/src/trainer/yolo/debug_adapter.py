"""debugpy's adapter, which editors connect to, open to this user alone: debugpy asks for no password.

`debugpy.listen` starts the adapter by itself, and has no place for the guard.
"""

import os
import socket
import subprocess
import sys
from typing import Any

from trainer.peers import is_ours


def start(port: int) -> int:
    """Start the adapter, for an editor that connects to `port`; the port that debugpy connects to.

    Raises:
        RuntimeError: it did not start; it has printed why.
    """
    told, tells = os.pipe()
    subprocess.Popen(
        [sys.executable, "-m", "trainer.yolo.debug_adapter", str(port)],
        stdin=subprocess.DEVNULL,
        stdout=tells,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        start_new_session=True,
    )
    os.close(tells)
    with os.fdopen(told) as ports:
        line = ports.readline()
    if not line:
        raise RuntimeError(f"the debugger could not listen on port {port}; the log says why")
    return int(line)


def main() -> None:
    """Serve an editor and what it debugs, until the last that is debugged has left."""
    from debugpy.adapter import clients, servers, sessions  # noqa: PLC0415 - only in its own process
    from debugpy.common import sockets  # noqa: PLC0415

    def create_server(*args: Any, **kwargs: Any) -> socket.socket:
        return _Guarded(fileno=create(*args, **kwargs).detach())

    create, sockets.create_server = sockets.create_server, create_server
    clients.serve("127.0.0.1", int(sys.argv[1]))
    print(servers.serve("127.0.0.1")[1], flush=True)  # noqa: T201
    servers.wait_until_disconnected()
    sessions.wait_until_ended()


class _Guarded(socket.socket):
    """A listening socket whose `accept` closes what other users open, unread."""

    def accept(self) -> tuple[socket.socket, Any]:
        while True:
            connection, address = super().accept()
            if is_ours(connection):
                return connection, address
            connection.close()


if __name__ == "__main__":
    main()
