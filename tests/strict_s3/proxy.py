"""A proxy for an S3 server that refuses what R2 refuses and forwards the rest unchanged, signature included.

`uvicorn --factory strict_s3.proxy:create` with `STRICT_S3_UPSTREAM` (the server's URL) and `STRICT_S3_LOG` (a file that gets one
JSON object a request: method, path, operation's parameters, agent, status, and the refusal).
"""

import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from xml.sax.saxutils import escape

import httpx
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from strict_s3.rules import Refusal, S3Request, Uploads, refusal

METHODS = ["DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"]
# Headers of one connection only; `expect` is answered here.
HOP_BY_HOP = {"connection", "expect", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}


class StrictProxy:
    def __init__(self, upstream: str, log: Path) -> None:
        self._upstream = httpx.URL(upstream)
        self._log = log
        self._uploads = Uploads()
        # The transport alone: a client would add headers of its own.
        self._transport = httpx.AsyncHTTPTransport()

    @asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[None]:
        async with self._transport:
            yield

    async def handle(self, request: Request) -> Response:
        path = request.scope["raw_path"].decode()
        s3_request = S3Request(request.method, path, request.query_params, request.headers)
        refused = refusal(s3_request)
        if request.method == "POST" or refused:
            body = await request.body()  # read even when refused, or the client misses the answer
            refused = refused or self._uploads.refusal(s3_request, body)
        response = _error(refused) if refused else await self._forward(s3_request, request)
        if response.status_code == httpx.codes.OK:
            self._uploads.arrived(s3_request)
        self._note(s3_request, response.status_code, refused)
        return response

    async def _forward(self, s3_request: S3Request, request: Request) -> Response:
        target = s3_request.path.encode()
        if request.scope["query_string"]:
            target += b"?" + request.scope["query_string"]
        headers = [pair for pair in request.headers.items() if pair[0] not in HOP_BY_HOP]
        body = request.stream() if "content-length" in request.headers else None
        url = self._upstream.copy_with(raw_path=target)
        outgoing = httpx.Request(request.method, url, headers=headers, content=body)
        reply = await self._transport.handle_async_request(outgoing)
        response = StreamingResponse(
            reply.stream,  # as it comes, compressed or not
            reply.status_code,
            background=BackgroundTask(reply.aclose),
        )
        response.raw_headers = [
            (name.lower(), value)
            for name, value in reply.headers.raw
            if name.decode().lower() not in HOP_BY_HOP
        ]
        return response

    def _note(self, s3_request: S3Request, status: int, refused: Refusal | None) -> None:
        line: Mapping[str, object] = {
            "method": s3_request.method,
            "path": s3_request.path,
            "parameters": sorted(
                name for name in s3_request.query if not name.startswith("X-Amz-")
            ),
            "presigned": "X-Amz-Signature" in s3_request.query,
            "agent": s3_request.headers.get("user-agent", ""),
            "status": status,
            "refused": f"{refused.code}: {refused.message}" if refused else None,
        }
        with self._log.open("a") as log:
            log.write(json.dumps(line) + "\n")


def _error(refused: Refusal) -> Response:
    code, message = escape(refused.code), escape(refused.message)
    body = f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>{message}</Message></Error>'
    return Response(body, refused.status, media_type="application/xml")


def create() -> Starlette:
    """The application, set up by its environment."""
    proxy = StrictProxy(os.environ["STRICT_S3_UPSTREAM"], Path(os.environ["STRICT_S3_LOG"]))
    route = Route("/{path:path}", proxy.handle, methods=METHODS)
    return Starlette(routes=[route], lifespan=proxy.lifespan)
