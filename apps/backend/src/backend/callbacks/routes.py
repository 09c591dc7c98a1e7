"""The routes that trainers call (docs/training-contract.md)."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response, status
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ValidationError

from backend.callbacks import repository
from backend.callbacks.heartbeats import HeartbeatIngest
from backend.callbacks.logs import LogIngest
from backend.callbacks.repository import LogPart
from backend.callbacks.schemas import (
    Command,
    FinishIn,
    HeartbeatAccepted,
    HeartbeatIn,
    LogAccepted,
    LogQuery,
)
from backend.context import Ctx
from backend.infra import problem_handlers
from backend.infra.problems import Problem
from backend.state.tokens import sha256

router = APIRouter(prefix="/api/v1/jobs/{id}", tags=["callbacks"])

_bearer = HTTPBearer(
    auto_error=False, scheme_name="AttemptToken", description="`$CALLBACK_TOKEN` of the attempt"
)
_Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


async def _token_sha256(credentials: _Credentials) -> str:
    if credentials is None:
        raise _no_token()
    return sha256(credentials.credentials)


def _no_token() -> Problem:
    return Problem(
        401, "Unauthorized", "A token is needed: `Authorization: Bearer $CALLBACK_TOKEN`."
    )


TokenSha256 = Annotated[str, Depends(_token_sha256)]

# The next two take only the request as it is: what FastAPI does for an endpoint with parameters
# costs several times what they do themselves. The middleware therefore calls them directly.


def _sender(request: Request) -> tuple[str, str]:
    """The job's id and the token's hash."""
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer":
        raise _no_token()
    return request.scope["path"].split("/")[4], sha256(token)


def _documented(content: str, schema: dict[str, Any], *query: dict[str, Any]) -> dict[str, Any]:
    path = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
    return {
        "parameters": [path, *query],
        "requestBody": {"required": True, "content": {content: {"schema": schema}}},
        "security": [{"AttemptToken": []}],
    }


@router.post(
    "/heartbeat",
    summary="Say that the trainer lives, and how far it is",
    responses={200: {"model": HeartbeatAccepted}},
    openapi_extra=_documented("application/json", HeartbeatIn.model_json_schema()),
)
async def heartbeat(request: Request) -> Response:
    """Durable when answered. The reply carries the command: `continue` or `stop`."""
    job_id, token_sha256 = _sender(request)
    try:
        beat = HeartbeatIn.model_validate_json(await request.body())
    except ValidationError as error:
        wrong = problem_handlers.field_errors(error.errors(), HeartbeatIn)
        raise problem_handlers.invalid("Invalid request", wrong) from None
    heartbeats: HeartbeatIngest = request.app.state.heartbeat_ingest
    stop = await heartbeats.write(job_id, token_sha256, beat)
    command: Command = "stop" if stop else "continue"
    return _json(HeartbeatAccepted(command=command, interval_s=heartbeats.interval_s))


@router.post(
    "/logs",
    summary="Send output of the trainer",
    responses={200: {"model": LogAccepted}},
    openapi_extra=_documented(
        "application/octet-stream",
        {"type": "string"},
        {
            "name": "offset",
            "in": "query",
            "required": True,
            "schema": LogQuery.model_json_schema()["properties"]["offset"],
        },
    ),
)
async def append_log(request: Request) -> Response:
    """What is stored already is skipped; a gap is refused with 409 and `next_offset`."""
    job_id, token_sha256 = _sender(request)
    try:
        query = LogQuery.model_validate(dict(request.query_params))
    except ValidationError as error:
        wrong = problem_handlers.field_errors(error.errors(), LogQuery)
        raise problem_handlers.invalid("Invalid request", wrong) from None
    output: LogIngest = request.app.state.log_ingest
    part = LogPart(token_sha256, query.offset, await request.body())
    appended = await output.append(job_id, part)
    command: Command = "stop" if appended.stop else "continue"
    return _json(LogAccepted(next_offset=appended.next_offset, command=command))


def _json(reply: BaseModel) -> Response:
    return Response(reply.model_dump_json(), media_type="application/json")


HOT_ROUTES = {"heartbeat": heartbeat, "logs": append_log}


@router.post("/finish", summary="Say why the trainer ends", status_code=status.HTTP_204_NO_CONTENT)
async def finish(id: str, body: FinishIn, token_sha256: TokenSha256, ctx: Ctx) -> None:  # noqa: A002
    """Optional. What the executor knows for certain outranks it; the last one sent counts."""
    async with ctx.db.transaction() as session:
        await repository.report_cause(session, id, token_sha256, body.cause, body.message)
