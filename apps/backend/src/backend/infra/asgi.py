"""One plain ASGI layer around every request: body limit, one line of log, callback counter."""

import logging
import re
import time
from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.infra import metrics, problem_handlers
from backend.infra.problems import Problem

logger = logging.getLogger("backend.access")

MAX_BODY_BYTES = 2**20
MAX_HEARTBEAT_BYTES = 64 * 2**10

_CALLBACK = re.compile(r"/api/v1/jobs/[^/]*/(heartbeat|logs|finish)")
_PROBES = ("/healthz", "/readyz", "/metrics")


class Requests:
    """Refuses bodies above the limit, by `Content-Length` or, without one, as they come in.

    Callbacks are counted instead of logged: there may be thousands a second. Those in `directly`
    therefore go straight to their endpoint, past FastAPI's machinery.
    """

    def __init__(self, app: ASGIApp, directly: Mapping[str, ASGIApp]) -> None:
        self._app = app
        self._directly = directly

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        path: str = scope["path"]
        callback = _CALLBACK.fullmatch(path) if scope["method"] == "POST" else None
        kind = callback[1] if callback else None
        limit = MAX_HEARTBEAT_BYTES if kind == "heartbeat" else MAX_BODY_BYTES
        status = 500
        received = 0

        async def receive_some() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                raise HTTPException(413, _too_large(limit))
            return message

        async def send_some(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            if refusal := _refusal(scope, limit):
                await problem_handlers.response(refusal)(scope, receive, send_some)
            else:
                app = self._directly.get(kind, self._app) if kind else self._app
                await app(scope, receive_some, send_some)
        finally:
            if kind:
                metrics.CALLBACKS.labels(kind, status).inc()
            elif path not in _PROBES:
                took_ms = (time.perf_counter() - began) * 1000
                logger.info("%s %s %d %.0f ms", scope["method"], ascii(path)[1:-1], status, took_ms)


def _refusal(scope: Scope, limit: int) -> Problem | None:
    if "\x00" in scope["path"]:  # no address and no id has it, and PostgreSQL chokes on it
        return Problem(404, "Not Found", "There is no such address. /docs lists those there are.")
    if _content_length(scope) > limit:
        return Problem(413, "Content Too Large", _too_large(limit))
    return None


def _content_length(scope: Scope) -> int:
    headers: list[Any] = scope["headers"]
    for name, value in headers:
        if name == b"content-length":
            return int(value) if value.isdigit() else 0
    return 0


def _too_large(limit: int) -> str:
    return f"The body is larger than {limit // 1024} KiB. Send less at a time."
