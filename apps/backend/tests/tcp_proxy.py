"""A TCP proxy on loopback that a test can cut off or point at another server."""

import asyncio
import socket


class TcpProxy:
    """While shut, it has cut every connection and refuses new ones.

    A changed `target` holds for new connections only.
    """

    def __init__(self, host: str, port: int) -> None:
        self.target = (host, port)
        self._writers: set[asyncio.StreamWriter] = set()
        self._dead: set[asyncio.StreamWriter] = set()
        self.port = 0

    @classmethod
    async def open(cls, host: str, port: int) -> "TcpProxy":
        proxy = cls(host, port)
        await proxy.reopen()
        return proxy

    async def reopen(self) -> None:
        listener = socket.create_server(("127.0.0.1", self.port))
        self.port = listener.getsockname()[1]
        self._server = await asyncio.start_server(self._relay, sock=listener)

    async def shut(self) -> None:
        self._server.close()
        for writer in self._writers:
            writer.close()
        self._writers.clear()

    def swallow(self) -> None:
        """Silence the open connections without closing them; new ones work."""
        self._dead |= self._writers

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there_reader, there_writer = await asyncio.open_connection(*self.target)
        except OSError:
            writer.close()
            return
        self._writers |= {writer, there_writer}
        await asyncio.gather(self._copy(reader, there_writer), self._copy(there_reader, writer))

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                if writer not in self._dead:
                    writer.write(data)
                    await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()
