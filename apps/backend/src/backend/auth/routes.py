from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request

from backend.auth import service
from backend.auth.schemas import NAME, TokenCreate, TokenCreated, TokenList, TokenOut
from backend.context import Ctx, User
from backend.infra.database import utcnow
from backend.infra.pagination import ListQuery, page
from backend.infra.problems import Problem, not_found
from backend.state.tokens import Access, ApiToken


async def _administrator(request: Request) -> None:
    access = getattr(request.state, "access", None)
    if access is None:
        detail = "This API asks for no token (API_AUTH=off), so tokens have no effect."
        raise Problem(409, "No tokens here", detail)
    if access != Access.ADMIN:
        detail = "Only a token that `python -m backend token create NAME` has made manages tokens."
        raise Problem(403, "Not an administrator", detail)


router = APIRouter(prefix="/api/v1/tokens", tags=["tokens"], dependencies=[Depends(_administrator)])


@router.post("", summary="Make a token", status_code=201)
async def create_token(body: TokenCreate, user: User, ctx: Ctx) -> TokenCreated:
    """Its secret is told once. It can read, or read and write; it cannot manage tokens."""
    try:
        row, secret = await service.create_token(ctx.db, created_by=user, **body.model_dump())
    except ValueError as error:
        raise Problem(409, "Name taken", str(error)) from error
    return TokenCreated(**TokenOut.model_validate(row).model_dump(), token=secret)


@router.get("", summary="List tokens, the newest first")
async def list_tokens(ctx: Ctx, wanted: Annotated[ListQuery, Query()]) -> TokenList:
    return TokenList.model_validate(await page(ctx.db, ApiToken, wanted))


@router.delete("/{name}", summary="Revoke a token", status_code=204)
async def revoke_token(name: Annotated[str, Path(pattern=NAME)], ctx: Ctx) -> None:
    """Within seconds every replica refuses it, and ends the streams that it follows."""
    async with ctx.db.transaction() as session:
        token = await session.get(ApiToken, name, with_for_update=True)
        if token is None:
            raise not_found("Token", name)
        token.revoked_at = token.revoked_at or utcnow()
