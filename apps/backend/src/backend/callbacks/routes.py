"""The routes that trainers call (docs/training-contract.md).

The endpoints take the request as it is; FastAPI only documents them (`infra.asgi.CallbackRoute`).
"""

import json
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Query, Request, Response, status
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from pydantic import BaseModel, ValidationError

from backend.callbacks import schemas
from backend.callbacks.heartbeats import HeartbeatIngest
from backend.callbacks.log_repository import LogWrite
from backend.callbacks.logs import LogIngest
from backend.callbacks.schemas import FinishIn, HeartbeatIn, LogQuery
from backend.callbacks.sender import live_attempt, sender_of
from backend.context import Context
from backend.infra import problem_handlers
from backend.infra.asgi import CallbackRoute
from backend.infra.database import utcnow
from backend.infra.problems import Problem
from backend.state.causes import Cause
from backend.state.jobs import ATTACHED, Job
from backend.state.store_access import attempt_keys

Model = TypeVar("Model", bound=BaseModel)

MAX_HEARTBEAT_BYTES = 64 * 2**10

_bearer = HTTPBearer(
    auto_error=False, scheme_name="AttemptToken", description="`$CALLBACK_TOKEN` of the attempt"
)


# Dependencies only document path, token, query and body in the API's description.


async def _attempt(id: str, _token: Annotated[Any, Depends(_bearer)]) -> None: ...  # noqa: A002


async def _heartbeat(body: HeartbeatIn) -> None: ...


async def _log(query: Annotated[LogQuery, Query()]) -> None: ...


async def _finish(body: FinishIn) -> None: ...


router = APIRouter(prefix="/api/v1/jobs/{id}", tags=["callbacks"], dependencies=[Depends(_attempt)])


@router.post(
    "/heartbeat",
    summary="Say that the trainer lives, and how far it is",
    responses={200: {"model": schemas.HeartbeatAccepted}},
    dependencies=[Depends(_heartbeat)],
)
async def heartbeat(request: Request) -> Response:
    """Durable when answered. The reply carries the command: `continue`, `finish` or `stop`."""
    sender, body = await sender_of(request), await request.body()
    beat = _checked(HeartbeatIn, lambda: HeartbeatIn.model_validate_json(body))
    heartbeats: HeartbeatIngest = request.app.state.heartbeat_ingest
    command = await heartbeats.write(sender, beat)
    return _json(schemas.HeartbeatAccepted(command=command, interval_s=heartbeats.interval_s))


@router.post(
    "/logs",
    summary="Send output of the trainer",
    responses={200: {"model": schemas.LogAccepted}},
    dependencies=[Depends(_log)],
    openapi_extra={
        "requestBody": {
            "required": False,
            "content": {"application/octet-stream": {"schema": {"type": "string"}}},
        }
    },
)
async def append_log(request: Request) -> Response:
    """What is stored already is skipped; a gap is refused with 409 and `next_offset`."""
    sender = await sender_of(request)
    query = _checked(LogQuery, lambda: LogQuery.model_validate(dict(request.query_params)))
    logs: LogIngest = request.app.state.log_ingest
    write = LogWrite(sender.token_sha256, query.offset, await request.body())
    appended = await logs.append(sender.job_id, write)
    told = schemas.LogAccepted(
        command="stop" if appended.stop else "continue",
        next_offset=appended.next_offset,
        interval_s=request.app.state.heartbeat_ingest.log_interval_s,
    )
    return _json(told)


@router.post(
    "/finish",
    summary="Say why the trainer ends",
    status_code=status.HTTP_204_NO_CONTENT,
    dependencies=[Depends(_finish)],
)
async def finish(request: Request) -> Response:
    """Optional. What the executor knows for certain outranks it; the last one sent counts."""
    sender, body = await sender_of(request), await request.body()
    told = _checked(FinishIn, lambda: FinishIn.model_validate_json(body))
    ctx: Context = request.app.state.context
    async with ctx.db.transaction() as session:
        attempt = await live_attempt(session, sender, lock=True)
        # A supervisor that only saw the exit code says less than what the trainer itself has said,
        # and one of several nodes that was stopped less than the one that failed.
        known = attempt.reported_cause not in {None, Cause.COMPLETED}
        if told.cause not in {Cause.TRAINER_CRASHED, Cause.PREEMPTED} or not known:
            attempt.reported_cause, attempt.reported_message = told.cause, told.message
        if attempt.executor == ATTACHED:
            attempt.ended_at, attempt.exit_code = utcnow(), int(told.cause != Cause.COMPLETED)
    return Response(status_code=status.HTTP_204_NO_CONTENT)


@router.post(
    "/credentials",
    summary="Ask for keys of the object store",
    responses={200: {"model": dict[str, str]}},
)
async def credentials(request: Request) -> Response:
    """The variables `AWS_…` of the attempt's environment anew, before those expire."""
    sender = await sender_of(request)
    ctx: Context = request.app.state.context
    async with ctx.db.reading() as session:
        attempt = await live_attempt(session, sender)
        job = await session.get_one(Job, sender.job_id)
    if attempt.executor == ATTACHED:  # any holder of an API token can be one
        detail = "An attached script gets no keys: PUT …/artifacts answers a link for each file."
        raise Problem(409, "Job attached", detail)
    keys = await attempt_keys(ctx.store, ctx.settings, job, attempt.number)
    return Response(json.dumps(keys), media_type="application/json")


callbacks = [
    CallbackRoute(route, {"heartbeat": MAX_HEARTBEAT_BYTES})
    for route in router.routes
    if isinstance(route, APIRoute)
]


def _checked(model: type[Model], check: Callable[[], Model]) -> Model:
    """What `check` makes of a part of the request; a Problem (422) names each wrong field."""
    try:
        return check()
    except ValidationError as error:
        wrong = problem_handlers.field_errors(error.errors(), model)
        raise problem_handlers.invalid("Invalid request", wrong) from None


def _json(reply: BaseModel) -> Response:
    return Response(reply.model_dump_json(), media_type="application/json")
