"""Answers that stay open: server-sent events, of which each client has a bounded number."""

import time
from collections import Counter
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any

from fastapi.responses import StreamingResponse
from sqlalchemy.exc import DBAPIError
from starlette.types import Receive, Scope, Send

from backend.infra.problems import Problem

# Of one replica. A client is a token; where none is asked for, all may come from one address.
MAX_OPEN = 2000
MAX_OPEN_EACH = 200
# A client takes a stream that is silent for long for broken.
PING_S = 15.0
_open = Counter[str]()


class LiveResponse(StreamingResponse):
    """Sends events until they end or the client's token does; then the client comes again."""

    # FastAPI's own stream of events costs several times as much for each.
    media_type = "text/event-stream"

    def __init__(self, events: AsyncIterator[bytes]) -> None:
        super().__init__(events, headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raise a Problem (429) where the client, or all together, follow too much already."""
        client = scope["state"].get("user") or ""
        if _open.total() >= MAX_OPEN or (client and _open[client] >= MAX_OPEN_EACH):
            detail = f"At most {MAX_OPEN_EACH} live views a client, {MAX_OPEN} in all: close some."
            raise Problem(429, "Too many live views", detail)
        self.body_iterator = _alive(self.body_iterator, scope["state"].get("check_token"))
        _open[client] += 1
        try:
            await super().__call__(scope, receive, send)
        finally:
            _open[client] -= 1
            if not _open[client]:
                del _open[client]


async def _alive(
    events: AsyncIterable[Any], check_token: Callable[[], Awaitable[object]] | None
) -> AsyncIterator[Any]:
    """The events while the token counts; for empty ones, now and then, a ping."""
    ping_at = time.monotonic() + PING_S
    with suppress(Problem):
        async for event in events:
            if not event and time.monotonic() < ping_at:
                continue
            if check_token:
                # While the database is away nobody can tell, and nobody can revoke.
                with suppress(DBAPIError, OSError):
                    await check_token()
            yield event or b": ping\n\n"
            ping_at = time.monotonic() + PING_S
