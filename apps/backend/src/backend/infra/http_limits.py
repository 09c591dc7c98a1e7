"""What one connection may take before the application knows of its request."""

from asyncio import TimerHandle, Transport

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES = 2**16
ARRIVES_WITHIN_S = 60


class LimitedProtocol(HttpToolsProtocol):
    """Cuts a connection whose request is too large beside its body, or does not arrive in time."""

    _beside_body = 0
    _due: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.data_received(b"")  # from now on a request is awaited

    def data_received(self, data: bytes) -> None:
        self._due = self._due or self.loop.call_later(ARRIVES_WITHIN_S, self.transport.close)
        self._beside_body += len(data)
        super().data_received(data)
        if self._beside_body > MAX_HEAD_BYTES:
            self.transport.abort()

    def on_body(self, body: bytes) -> None:
        self._beside_body -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._beside_body = 0
        if self._due:
            self._due.cancel()
            self._due = None
        super().on_message_complete()
