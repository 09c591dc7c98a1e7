"""MLflow's server for one user: `uvicorn --http own_user:OwnUserProtocol`, with this folder as PYTHONPATH.

MLflow asks for no password. It has an environment of its own, without `yard`.
"""

import asyncio

from peers import is_ours
from uvicorn.protocols.http.auto import AutoHTTPProtocol


class OwnUserProtocol(AutoHTTPProtocol):
    """HTTP that closes a connection of another user before anything of it is read."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        if not is_ours(transport.get_extra_info("socket")):
            transport.abort()
