"""The routes that trainers call (docs/training-contract.md)."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response, status
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import ValidationError

from backend import problem_responses
from backend.auth.service import sha256
from backend.context import Ctx
from backend.jobs import callback_repository
from backend.jobs.callback_schemas import CommandOut, FinishIn, HeartbeatIn, LogAccepted
from backend.jobs.heartbeats import Heartbeats
from backend.problems import Problem

router = APIRouter(prefix="/api/v1/jobs/{id}", tags=["callbacks"])

_bearer = HTTPBearer(
    auto_error=False, scheme_name="AttemptToken", description="`$CALLBACK_TOKEN` of the attempt"
)
_Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
_CONTINUE, _STOP = (
    CommandOut(command="continue").model_dump_json().encode(),
    CommandOut(command="stop").model_dump_json().encode(),
)


def _token_sha256(credentials: _Credentials) -> str:
    if credentials is None:
        raise _no_token()
    return sha256(credentials.credentials)


def _no_token() -> Problem:
    return Problem(
        401, "Unauthorized", "A token is needed: `Authorization: Bearer $CALLBACK_TOKEN`."
    )


TokenSha256 = Annotated[str, Depends(_token_sha256)]


@router.post(
    "/heartbeat",
    summary="Say that the trainer lives, and how far it is",
    responses={200: {"model": CommandOut}},
    openapi_extra={
        "parameters": [
            {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": HeartbeatIn.model_json_schema()}},
        },
        "security": [{"AttemptToken": []}],
    },
)
async def heartbeat(request: Request) -> Response:
    """Durable when answered. The reply carries the command: `continue` or `stop`."""
    # Only the request as it is: what FastAPI does for an endpoint with parameters costs several
    # times what a heartbeat itself does. The middleware therefore calls this function directly.
    job_id = request.scope["path"].split("/")[4]
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer":
        raise _no_token()
    try:
        beat = HeartbeatIn.model_validate_json(await request.body())
    except ValidationError as error:
        wrong = problem_responses.field_errors(error.errors(), HeartbeatIn)
        raise problem_responses.invalid("Invalid request", wrong) from None
    heartbeats: Heartbeats = request.app.state.heartbeats
    stop = await heartbeats.write(job_id, sha256(token), beat)
    return Response(_STOP if stop else _CONTINUE, media_type="application/json")


@router.post(
    "/logs",
    summary="Send output of the trainer",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/octet-stream": {"schema": {"type": "string"}}},
        }
    },
)
async def append_log(
    id: str,  # noqa: A002
    token_sha256: TokenSha256,
    request: Request,
    ctx: Ctx,
    offset: Annotated[int, Query(ge=0, le=2**53, description="Of the first byte sent")],
) -> LogAccepted:
    """What is stored already is skipped; a gap is refused with 409 and `next_offset`."""
    data = await request.body()
    async with ctx.db.transaction() as session:
        appended = await callback_repository.append_log(
            session,
            id,
            token_sha256,
            offset=offset,
            data=data,
            limit=ctx.settings.log_limit_bytes,
        )
    if appended.new:
        await ctx.bus.publish(id)
        if ctx.settings.training_mode == "subprocess":
            request.app.state.echo.write(id, appended.new)
    command = "stop" if appended.stop else "continue"
    return LogAccepted(next_offset=appended.next_offset, command=command)


@router.post("/finish", summary="Say why the trainer ends", status_code=status.HTTP_204_NO_CONTENT)
async def finish(id: str, body: FinishIn, token_sha256: TokenSha256, ctx: Ctx) -> None:  # noqa: A002
    """Optional. What the executor knows for certain outranks it; the last one sent counts."""
    async with ctx.db.transaction() as session:
        await callback_repository.report_cause(session, id, token_sha256, body.cause, body.message)
