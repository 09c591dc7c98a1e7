"""A small client of the Debug Adapter Protocol: attach and stop at a line."""

import json
import socket
from typing import Any


class Debugger:
    """An editor's end of a connection to debugpy."""

    def __init__(self, host: str, port: int) -> None:
        self._socket = socket.create_connection((host, port), 30)
        self._stream = self._socket.makefile("rb")
        self._sent = 0

    def close(self) -> None:
        self._socket.close()

    def request(self, command: str, **arguments: Any) -> None:
        """Send a request, without waiting for its response."""
        self._sent += 1
        message = {"seq": self._sent, "type": "request", "command": command, "arguments": arguments}
        body = json.dumps(message).encode()
        self._socket.sendall(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))

    def wait(self, kind: str, name: str) -> dict[str, Any]:
        """The next message that is the `event` or the `response` of that name; all before it is passed over."""
        while True:
            header = self._stream.readline()
            if not header:
                raise ConnectionError("debugpy has left")
            self._stream.readline()
            message = json.loads(self._stream.read(int(header.split(b":")[1])))
            if message["type"] == kind and message.get("event", message.get("command")) == name:
                return dict(message.get("body") or {})

    def stop_at(self, path: str, line: int) -> None:
        """Attach, and return once a thread has stopped at the line."""
        self.request("initialize", adapterID="python", pathFormat="path")
        self.wait("response", "initialize")
        self.request("attach", justMyCode=False)
        self.wait("event", "initialized")
        self.request("setBreakpoints", source={"path": path}, breakpoints=[{"line": line}])
        self.wait("response", "setBreakpoints")
        self.request("configurationDone")
        self.wait("event", "stopped")
