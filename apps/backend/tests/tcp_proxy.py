"""A way to a server that can be shut, and led elsewhere."""

import asyncio
import socket


class Gate:
    """A TCP relay on loopback; shut, it cuts every connection and refuses new ones.

    Connections stay with the target that they were made to when `target` changes.
    """

    def __init__(self, host: str, port: int) -> None:
        self.target = (host, port)
        self._writers: set[asyncio.StreamWriter] = set()
        self._dead: set[asyncio.StreamWriter] = set()
        self.port = 0

    @classmethod
    async def open(cls, host: str, port: int) -> "Gate":
        gate = cls(host, port)
        await gate.reopen()
        return gate

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
        """From here on the connections that there are carry nothing; new ones do."""
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
