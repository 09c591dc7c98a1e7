"""The ASGI layer around every request: body limit, access log, and the callbacks' short way."""

import json
import logging
import re
import time
from collections.abc import Awaitable, Callable, Collection, Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.infra import metrics, problem_handlers
from backend.infra.problems import Problem
from backend.settings import Settings

access_logger = logging.getLogger("backend.access")
audit_logger = logging.getLogger("backend.audit")

MAX_BODY_BYTES = 2**20
MAX_HELD_BYTES = 64 * 2**20

# Methods that change nothing.
READING = frozenset({"GET", "HEAD", "OPTIONS"})
_PROBES = ("/healthz", "/readyz", "/metrics")
# A token that was pasted where a name belongs.
_SECRET = re.compile(r"(yard|attached)_[\w-]{43}")
# How the token of a script begins that trains where no executor looks, and so calls back from anywhere.
ATTACHED_TOKEN = "attached_"  # noqa: S105 - not a secret
_NOWHERE = Problem(404, "Not Found", "There is no such address. /docs lists those there are.")
_CROSS_SITE = "Another site's page sent this: name it in CORS_ORIGINS, or let proxies keep Host."


Endpoint = Callable[[Request], Awaitable[Response]]


class CallbackRoute(Route):
    """A route that is answered in front of FastAPI. `kind` labels the metric `trainyard_callbacks`."""

    def __init__(self, path: str, endpoint: Endpoint, max_body_bytes: int) -> None:
        super().__init__(path, endpoint, methods=["POST"])
        self.kind = path.rsplit("/", 1)[1]
        self.max_body_bytes = max_body_bytes
        self.app = ExceptionMiddleware(self.app, handlers=problem_handlers.HANDLERS)


class RequestMiddleware:
    """Refuses what pages of other sites send, unless CORS_ORIGINS has them, and bodies above the limit.

    Callbacks are counted instead of logged: there may be thousands a second. What else writes has
    a line in the audit log, refused or not.

    On PUBLIC_PORT only attached scripts find the callbacks. Any other port is for trainers alone
    then, and for whoever is on this machine.
    """

    def __init__(
        self, app: ASGIApp, callbacks: Iterable[CallbackRoute], settings: Settings
    ) -> None:
        self._app = app
        self._origins, self._public_port = settings.cors_origins, settings.public_port
        self._held = 0  # bytes of bodies of requests that are not answered yet
        self._callbacks = list(callbacks)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        path: str = scope["path"]
        callback = self._callback(scope)
        app = callback.app if callback else self._app
        limit = callback.max_body_bytes if callback else MAX_BODY_BYTES
        status, received = 500, 0

        async def receive_limited() -> Message:
            nonlocal received
            message = await receive()
            size = len(message.get("body", b""))
            received += size
            self._held += size
            if received > limit:
                raise HTTPException(413, _too_large(limit))
            if self._held > MAX_HELD_BYTES:
                raise HTTPException(503, "Too much is being sent at once. Try again.")
            return message

        async def send_noting_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            lacks = "\x00" in path or self._lacks(scope, callback)
            if refusal := _NOWHERE if lacks else _refusal(scope, limit, self._origins):
                await problem_handlers.response(refusal)(scope, receive, send_noting_status)
            else:
                await app(scope, receive_limited, send_noting_status)
        finally:
            self._held -= received
            if callback:
                metrics.CALLBACKS.labels(callback.kind, status).inc()
            elif path not in _PROBES:
                _log(scope, status, (time.perf_counter() - began) * 1000)

    def _lacks(self, scope: Scope, callback: CallbackRoute | None) -> bool:
        """Whether the port that this came to does not serve it."""
        if self._public_port is None:
            return False
        if scope["server"][1] != self._public_port:
            own = callback or scope["path"] in _PROBES
            return not own and scope["client"][0] not in {"127.0.0.1", "::1"}
        _, _, token = Headers(scope=scope).get("authorization", "").partition(" ")
        return callback is not None and not token.startswith(ATTACHED_TOKEN)

    def _callback(self, scope: Scope) -> CallbackRoute | None:
        """The callback that the request is for, with its path's parameters in the scope."""
        if scope["method"] == "POST":
            for route in self._callbacks:
                match, child_scope = route.matches(scope)
                if match == Match.FULL:
                    scope.update(child_scope)
                    return route
        return None


def _log(scope: Scope, status: int, took_ms: float) -> None:
    method, path = scope["method"], _SECRET.sub("<token>", scope["path"])
    access_logger.info("%s %s %d %.0f ms", method, ascii(path)[1:-1], status, took_ms)
    if method in READING:
        return
    # Who did what, from where, and how it ended. No body, query or header that may hold a secret.
    who, [sender, *_] = scope["state"].get("user"), scope["client"] or [None]
    # As the sender claims, or a proxy in front tells.
    claimed = Headers(scope=scope).get("x-forwarded-for", "")[:200]
    done = {"who": who, "method": method, "path": path, "status": status}
    audit_logger.info(json.dumps(done | {"from": sender, "forwarded_for": claimed}))


def _refusal(scope: Scope, limit: int, origins: Collection[str]) -> Problem | None:
    headers, path = Headers(scope=scope), scope["path"]
    if path.startswith("/api/") and _is_of_another_site(scope["method"], headers, origins):
        return Problem(403, "Cross-site request", _CROSS_SITE)
    length = headers.get("content-length", "")
    if length.isdecimal() and int(length) > limit:
        return Problem(413, "Content Too Large", _too_large(limit))
    return None


def _is_of_another_site(method: str, headers: Headers, origins: Collection[str]) -> bool:
    """Whether a page of another site sends this. Clients that are no browser send no such headers.

    Browsers leave out `Sec-Fetch-Site` at plain http, and `Origin` where a page only reads.
    """
    origin = headers.get("origin", "")
    if "*" in origins or origin in origins:
        return False
    if site := headers.get("sec-fetch-site"):
        return site not in {"same-origin", "none"}
    return method not in READING and origin != "" and urlsplit(origin).netloc != headers.get("host")


def _too_large(limit: int) -> str:
    return f"The body is larger than {limit // 1024} KiB. Send less at a time."
