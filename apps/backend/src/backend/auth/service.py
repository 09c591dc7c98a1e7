"""API tokens: who may use the API. Only their hashes are kept."""

import re
import secrets
import time
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from fastapi import Depends
from fastapi.security import HTTPBearer
from sqlalchemy.exc import IntegrityError
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from backend.auth.schemas import NAME
from backend.context import Context
from backend.infra.asgi import READING
from backend.infra.database import PROMPT_S, Database, find_by, utcnow
from backend.infra.problems import Problem
from backend.state.tokens import Access, ApiToken, sha256

# What was looked up counts for so long: a token that is revoked, at most.
TRUST_S = 2.0
NOTE_USES_S = 60.0

# Only documents the token: FastAPI would read a body before it asked for one.
documented = Depends(HTTPBearer(auto_error=False, description="Made by `yard token create NAME`"))


class Tokens:
    """The API tokens that this replica has seen lately."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._known: dict[str, tuple[float, ApiToken]] = {}
        self._used: dict[str, datetime] = {}

    async def check(self, authorization: str) -> ApiToken:
        """The token of the header. Raise a Problem (401), telling how to get one, unless it counts."""
        kind, _, secret = authorization.partition(" ")
        if kind.lower() != "bearer":
            raise _unauthorized("This needs an API token: send `Authorization: Bearer TOKEN`.")
        digest = sha256(secret.strip())
        if digest == self._ctx.settings.api_token_sha256:
            return ApiToken(name="yard dev", access=Access.ADMIN)
        looked_up, token = self._known.get(digest, (0.0, None))
        if token is None or time.monotonic() - looked_up > TRUST_S:
            look_up = partial(self._look_up, digest)
            token = await self._ctx.reads.get(("token", digest), look_up)
            if token is None:
                raise _unauthorized("This API token is not known here.")
            self._known[digest] = time.monotonic(), token
        if token.revoked_at or (token.expires_at and token.expires_at < utcnow()):
            ended = "was revoked" if token.revoked_at else "has expired"
            raise _unauthorized(f"The API token {token.name!r} {ended}.")
        self._used[token.name] = utcnow()
        return token

    async def _look_up(self, digest: str) -> ApiToken | None:
        async with self._ctx.db.reading(within_s=PROMPT_S) as session:
            return await find_by(session, ApiToken, token_sha256=digest)

    async def note_uses(self) -> None:
        """Write when tokens were used last: for all requests since the last time at once."""
        used, self._used = self._used, {}
        async with self._ctx.db.transaction() as session:
            for name, at in sorted(used.items()):  # so that no two replicas wait for each other
                if token := await session.get(ApiToken, name):
                    token.last_used_at = at
                    await session.flush()


def _unauthorized(wrong: str) -> Problem:
    how = "`yard token create NAME` makes one, and so does `python -m backend token create NAME`."
    return Problem(401, "Unauthorized", f"{wrong} {how}")


class TokenMiddleware:
    """Lets requests to the API through that bear an API token, before anything of them is read."""

    def __init__(self, app: ASGIApp, tokens: Tokens) -> None:
        self._app, self._tokens = app, tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith("/api/"):
            authorization = Headers(scope=scope).get("authorization", "")
            token = await self._tokens.check(authorization)
            check = partial(self._tokens.check, authorization)
            scope["state"] |= {"user": token.name, "access": token.access, "check_token": check}
            if token.access == Access.READ and scope["method"] not in READING:
                detail = f"The token {token.name!r} only reads. Use one made without --read-only."
                raise Problem(403, "Token only reads", detail)
        await self._app(scope, receive, send)


async def create_token(
    database: Database, name: str, expires_in_s: int | None = None, **columns: Any
) -> tuple[ApiToken, str]:
    """Make a token; its secret, returned beside it, is shown once and cannot be read again.

    Raises:
        ValueError: the name is taken or none; the text is for the user.
    """
    if not re.fullmatch(NAME, name):
        raise ValueError("A token's name is 1 to 63 letters, digits and . _ -")
    secret = "yard_" + secrets.token_urlsafe(32)
    expires_at = utcnow() + timedelta(seconds=expires_in_s) if expires_in_s else None
    row = ApiToken(name=name, token_sha256=sha256(secret), expires_at=expires_at, **columns)
    try:
        async with database.transaction() as session:
            session.add(row)
    except IntegrityError as error:
        told = f"There is, or was, a token {name!r} already. Choose another name."
        raise ValueError(told) from error
    return row, secret
