"""API tokens: who may use the API. Only their hashes are kept."""

import re
import secrets

from fastapi import Depends
from fastapi.security import HTTPBearer
from sqlalchemy.exc import IntegrityError
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from backend.auth import repository
from backend.context import Context
from backend.infra.database import PROMPT_S, Database
from backend.infra.problems import Problem
from backend.state.tokens import ApiToken, sha256

# Only documents the token: FastAPI would read a body before it asked for one.
documented = Depends(
    HTTPBearer(auto_error=False, description="Made by `python -m backend token create NAME`")
)


class TokenMiddleware:
    """Lets requests to the API through that bear an API token, before anything of them is read."""

    def __init__(self, app: ASGIApp, ctx: Context) -> None:
        self._app, self._ctx = app, ctx

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith("/api/"):
            await require_token(self._ctx, Headers(scope=scope).get("authorization", ""))
        await self._app(scope, receive, send)


async def require_token(ctx: Context, authorization: str) -> None:
    """Raise a Problem (401), telling how to get a token, unless the header has a known one."""
    kind, _, token = authorization.partition(" ")
    if kind.lower() != "bearer":
        wrong = "This needs an API token: send `Authorization: Bearer TOKEN`."
    else:
        digest = sha256(token.strip())
        if digest == ctx.settings.api_token_sha256:
            return
        async with ctx.db.reading(within_s=PROMPT_S) as session:
            if await repository.name_of(session, digest) is not None:
                return
        wrong = "This API token is not known here."
    raise Problem(401, "Unauthorized", f"{wrong} `python -m backend token create NAME` makes one.")


async def create_token(database: Database, name: str) -> str:
    """Make a token; it is shown once and cannot be read again.

    Raises:
        ValueError: the name is taken or none; the text is for the user.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", name):
        raise ValueError("A token's name is 1 to 63 letters, digits and . _ -")
    token = "yard_" + secrets.token_urlsafe(32)
    try:
        async with database.transaction() as session:
            session.add(ApiToken(name=name, token_sha256=sha256(token)))
    except IntegrityError as error:
        raise ValueError(f"There is a token {name!r} already. Choose another name.") from error
    return token
