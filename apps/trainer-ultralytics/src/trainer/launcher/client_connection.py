"""A client of the launcher's socket: one line of JSON in, one line of JSON out, never blocking."""

import json
import socket
import time
from typing import Any

_MAX_LINE_BYTES = 1 << 20
_PATIENCE_S = 5.0


class ClientConnection:
    """Reads one request and writes one reply, at the client's speed."""

    def __init__(self, client: socket.socket) -> None:
        client.setblocking(False)
        self.socket = client
        self.deadline = time.monotonic() + _PATIENCE_S
        self.finished = False
        self._received = b""
        self._unsent: bytes | None = None

    @property
    def replying(self) -> bool:
        """Whether the request was answered; the reply may still have to be sent."""
        return self._unsent is not None

    @property
    def overdue(self) -> bool:
        """Whether the client has taken too long."""
        return time.monotonic() > self.deadline

    def advance(self) -> bytes | None:
        """Read or write without blocking; returns the request's line once it is complete."""
        try:
            if self._unsent is not None:
                self._send()
                return None
            data = self.socket.recv(1 << 16)
        except BlockingIOError:
            return None
        except OSError:
            self.finished = True
            return None
        self._received += data
        line, newline, _ = self._received.partition(b"\n")
        if newline:
            return line
        if len(self._received) > _MAX_LINE_BYTES:
            self.reply({"ok": False, "error": f"a request has at most {_MAX_LINE_BYTES} bytes"})
        elif not data:
            self.finished = True
        return None

    def reply(self, message: dict[str, Any]) -> None:
        """Send the reply; `advance` sends what the client does not take at once."""
        self._unsent = json.dumps(message).encode() + b"\n"
        try:
            self._send()
        except BlockingIOError:
            return
        except OSError:
            self.finished = True

    def _send(self) -> None:
        data = self._unsent or b""
        self._unsent = data[self.socket.send(data) :]
        self.finished = not self._unsent
