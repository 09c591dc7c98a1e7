"""The routes that trainers call (docs/training-contract.md).

FastAPI documents them; in front of it they are answered by `callbacks`, without its handling of
parameters, which would cost several times what the endpoints do.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, TypeVar, get_type_hints

from fastapi import APIRouter, Body, Depends, Query, Request, Response, status
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from pydantic import BaseModel, ValidationError

from backend.callbacks import schemas
from backend.callbacks.heartbeats import HeartbeatIngest
from backend.callbacks.logs import LogIngest
from backend.callbacks.schemas import FinishIn, HeartbeatIn, LogQuery
from backend.callbacks.sender import Sender, live_attempt, sender_of
from backend.context import Context
from backend.infra import problem_handlers
from backend.infra.asgi import MAX_BODY_BYTES, CallbackRoute, Endpoint
from backend.infra.database import utcnow
from backend.infra.problems import Problem
from backend.state.causes import Cause
from backend.state.jobs import ATTACHED, Job
from backend.state.store_access import attempt_keys

Model = TypeVar("Model", bound=BaseModel)

MAX_BYTES = {"heartbeat": 64 * 2**10}

_bearer = HTTPBearer(
    auto_error=False, scheme_name="AttemptToken", description="`$CALLBACK_TOKEN` of the attempt"
)


async def _sender(request: Request, id: str, _: Annotated[Any, Depends(_bearer)]) -> Sender:  # noqa: A002
    return await sender_of(request)


From = Annotated[Sender, Depends(_sender)]
Output = Annotated[bytes, Body(media_type="application/octet-stream")]
router = APIRouter(prefix="/api/v1/jobs/{id}", tags=["callbacks"])


@router.post("/heartbeat", summary="Say that the trainer lives, and how far it is")
async def heartbeat(request: Request, sender: From, body: HeartbeatIn) -> schemas.HeartbeatAccepted:
    """Durable when answered. The reply carries the command: `continue`, `finish` or `stop`."""
    heartbeats: HeartbeatIngest = request.app.state.heartbeat_ingest
    return await heartbeats.write(sender, body)


@router.post("/logs", summary="Send output of the trainer")
async def append_log(
    request: Request, sender: From, query: Annotated[LogQuery, Query()], body: Output = b""
) -> schemas.LogAccepted:
    """What is stored already is skipped; a gap is refused with 409 and `next_offset`."""
    logs: LogIngest = request.app.state.log_ingest
    appended = await logs.append(sender, query.offset, body)
    return schemas.LogAccepted(
        command="stop" if appended.stop else "continue",
        next_offset=appended.next_offset,
        interval_s=request.app.state.heartbeat_ingest.log_interval_s,
    )


@router.post("/finish", summary="Say why the trainer ends", status_code=status.HTTP_204_NO_CONTENT)
async def finish(request: Request, sender: From, body: FinishIn) -> None:
    """Optional. What the executor knows for certain outranks it; the last one sent counts."""
    ctx: Context = request.app.state.context
    async with ctx.db.transaction() as session:
        attempt = await live_attempt(session, sender, lock=True)
        # A supervisor that only saw the exit code says less than what the trainer itself has said,
        # and one of several nodes that was stopped less than the one that failed.
        known = attempt.reported_cause not in {None, Cause.COMPLETED}
        if body.cause not in {Cause.TRAINER_CRASHED, Cause.PREEMPTED} or not known:
            attempt.reported_cause, attempt.reported_message = body.cause, body.message
        if attempt.executor == ATTACHED:
            attempt.ended_at = utcnow()
            attempt.exit_code = {Cause.COMPLETED: 0, Cause.PREEMPTED: 143}.get(body.cause, 1)


@router.post("/credentials", summary="Ask for keys of the object store")
async def credentials(request: Request, sender: From) -> Mapping[str, str]:
    """The variables `AWS_…` of the attempt's environment anew, before those expire."""
    ctx: Context = request.app.state.context
    async with ctx.db.reading() as session:
        attempt = await live_attempt(session, sender)
        job = await session.get_one(Job, sender.job_id)
    if attempt.executor == ATTACHED:  # any holder of an API token can be one
        detail = "An attached script gets no keys: PUT …/artifacts answers a link for each file."
        raise Problem(409, "Job attached", detail)
    return await attempt_keys(ctx.store, ctx.settings, job, attempt.number)


def _answering(endpoint: Callable[..., Awaitable[Any]]) -> Endpoint:
    takes = get_type_hints(endpoint)

    async def answer(request: Request) -> Response:
        given: dict[str, Any] = {"request": request, "sender": await sender_of(request)}
        if "query" in takes:
            given["query"] = _checked(takes["query"], dict(request.query_params))
        if "body" in takes:
            sent = await request.body()
            given["body"] = sent if takes["body"] is bytes else _checked(takes["body"], sent)
        reply = await endpoint(**given)
        if reply is None:
            return Response(status_code=status.HTTP_204_NO_CONTENT)
        told = reply.model_dump_json() if isinstance(reply, BaseModel) else json.dumps(reply)
        return Response(told, media_type="application/json")

    return answer


def _checked(model: type[Model], sent: bytes | Mapping[str, str]) -> Model:
    """What a part of the request holds; a Problem (422) names each wrong field."""
    try:
        if isinstance(sent, bytes):
            return model.model_validate_json(sent)
        return model.model_validate(sent)
    except ValidationError as error:
        raise problem_handlers.invalid(error.errors(), model.model_fields) from None


callbacks = [
    CallbackRoute(route.path, _answering(route.endpoint), MAX_BYTES.get(route.name, MAX_BODY_BYTES))
    for route in router.routes
    if isinstance(route, APIRoute)
]
