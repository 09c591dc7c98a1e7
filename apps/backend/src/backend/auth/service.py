"""API tokens: who may use the API. Only their hashes are kept."""

import re
import secrets
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy.exc import IntegrityError

from backend.auth import repository
from backend.context import Ctx
from backend.infra.database import PROMPT_S, Database
from backend.infra.problems import Problem
from backend.state.tokens import ApiToken, sha256

_bearer = HTTPBearer(auto_error=False, description="Made by `python -m backend token create NAME`")

Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


async def require_token(request: Request, ctx: Ctx, credentials: Credentials) -> None:
    """Let a request through if it bears an API token, whose name is its `user` from here on.

    Raises:
        Problem: 401, telling how to get a token.
    """
    if credentials is None:
        wrong = "This needs an API token: send `Authorization: Bearer TOKEN`."
    else:
        digest = sha256(credentials.credentials)
        if digest == ctx.settings.api_token_sha256:
            request.state.user = "owner"
            return
        async with ctx.db.reading(within_s=PROMPT_S) as session:
            if (name := await repository.name_of(session, digest)) is not None:
                request.state.user = name
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
