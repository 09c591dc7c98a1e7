"""The routes of jobs for users."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Response, status
from fastapi.responses import StreamingResponse

from backend.callbacks import log_repository
from backend.context import Ctx, User
from backend.infra.live_response import LiveResponse
from backend.jobs import event_stream, repository, schemas, service
from backend.jobs.event_stream import CURSOR_PATTERN, Cursor
from backend.jobs.schemas import JobCreate, JobList, JobOut, JobQuery
from backend.state.statuses import FINISHED

router = APIRouter(prefix="/api/v1/jobs", tags=["jobs"])
attached = APIRouter(prefix="/api/v1/attached-jobs", tags=["jobs"])

MAX_LOG_BYTES = 2**20
LATEST = 2**31 - 1
_LOG_HEADERS = {
    "X-Log-Offset": {"description": "Where the next part begins", "schema": {"type": "integer"}},
    "X-Log-Complete": {
        "description": "`true`: the job is finished and no byte follows",
        "schema": {"type": "string", "enum": ["true", "false"]},
    },
}


def _raw(**answer: Any) -> dict[str, Any]:
    return {"response_class": Response, "responses": {200: answer}}


_EVENTS = _raw(content={"text/event-stream": {"itemSchema": {"type": "object"}}})
_LOG = _raw(content={"text/plain": {"schema": {"type": "string"}}}, headers=_LOG_HEADERS)
_Offset = Annotated[int, Query(ge=0, le=2**53)]


@router.post(
    "",
    summary="Submit a training",
    status_code=status.HTTP_201_CREATED,
    responses={200: {"model": JobOut, "description": "A dry run, or the key's job of before"}},
)
async def create_job(
    body: JobCreate,
    ctx: Ctx,
    *,
    user: User,
    response: Response,
    idempotency_key: Annotated[
        str | None,
        Header(max_length=255, min_length=1, description="Repeating a request is harmless with it"),
    ] = None,
    dry_run: Annotated[
        bool, Query(description="Tell the job that it would be; keep and fetch nothing")
    ] = False,
) -> JobOut:
    """The config is checked and completed before anything starts."""
    row, is_new = await service.create(ctx, body, idempotency_key, user, dry_run=dry_run)
    if not is_new:
        response.status_code = status.HTTP_200_OK
    response.headers["Location"] = f"/api/v1/jobs/{row.job.id}"
    return JobOut.of(row)


@attached.post("", summary="Show a training of your own as a job", status_code=201)
async def attach_job(body: schemas.JobAttach, ctx: Ctx, user: User) -> schemas.JobAttached:
    """It runs already, and sends what a trainer sends; it ends with `finish`, or when it is silent."""
    return await service.attach(ctx, body, user)


@router.get("", summary="List jobs, the newest first")
async def list_jobs(ctx: Ctx, wanted: Annotated[JobQuery, Query()]) -> JobList:
    found = await repository.page(ctx.db, wanted)
    return JobList(**dict(found) | {"items": [JobOut.of(row) for row in found.items]})


@router.get("/events", summary="Follow the list live", **_EVENTS)
async def follow_jobs(ctx: Ctx, wanted: Annotated[JobQuery, Query()]) -> LiveResponse:
    """Server-sent events of a page of the list.

    `jobs` tells the `ids` that it holds now, in their order, its `next_cursor` and `total`, and as
    `items` those that are new or have changed.
    """
    await list_jobs(ctx, wanted)  # so that an error is answered before the stream's 200
    return LiveResponse(event_stream.list_events(ctx, wanted))


@router.get("/{id}", summary="One job")
async def get_job(id: str, ctx: Ctx) -> JobOut:  # noqa: A002
    return JobOut.of(await service.get(ctx, id))


@router.patch("/{id}", summary="Change a job's name, notes and tags")
async def edit_job(id: str, body: schemas.JobEdit, ctx: Ctx) -> JobOut:  # noqa: A002
    """MLflow's run keeps the name that it has."""
    return JobOut.of(await service.edit(ctx, id, body))


@router.delete("/{id}", summary="Delete a finished job", status_code=status.HTTP_204_NO_CONTENT)
async def delete_job(id: str, ctx: Ctx) -> None:  # noqa: A002
    """With its metrics, log, checkpoints and artifacts. 409 unless it is finished."""
    await service.delete(ctx, id)


@router.post("/{id}/cancel", summary="Cancel a job", status_code=status.HTTP_202_ACCEPTED)
async def cancel_job(id: str, ctx: Ctx) -> JobOut:  # noqa: A002
    """The trainer may save a checkpoint first. 409 when the job is finished."""
    return JobOut.of(await service.cancel(ctx, id))


@router.post("/{id}/finish-early", summary="End well", status_code=status.HTTP_202_ACCEPTED)
async def finish_early(id: str, ctx: Ctx) -> JobOut:  # noqa: A002
    """After the current epoch, with the best model so far. 409 unless the job has begun."""
    return JobOut.of(await service.finish_early(ctx, id))


@router.post("/{id}/retry", summary="Queue a job again", status_code=status.HTTP_202_ACCEPTED)
async def retry_job(id: str, ctx: Ctx) -> JobOut:  # noqa: A002
    """It resumes from its last checkpoint. 409 unless it has failed or was cancelled."""
    return JobOut.of(await service.retry(ctx, id))


@router.get(
    "/{id}/metrics", summary="The metrics of each epoch", response_model=schemas.MetricsList
)
async def list_metrics(id: str, ctx: Ctx) -> StreamingResponse:  # noqa: A002
    await service.get(ctx, id)
    return StreamingResponse(event_stream.metrics_list(ctx, id), media_type="application/json")


@router.get("/{id}/attempts", summary="The attempts of a job, the latest first")
async def list_attempts(
    id: str,  # noqa: A002
    ctx: Ctx,
    before: Annotated[int, Query(ge=1, le=LATEST, description="Only lower numbers")] = LATEST,
) -> schemas.AttemptList:
    """At most 100. Those before the last of these follow with its number as `before`."""
    async with ctx.db.reading() as session:
        await service.existing(session, id)
        found = await repository.attempts(session, id, before)
    return schemas.AttemptList(items=[schemas.AttemptOut.of(one) for one in found])


@router.get("/{id}/logs", summary="A part of the log", **_LOG)
async def read_log(
    id: str,  # noqa: A002
    ctx: Ctx,
    offset: _Offset = 0,
    limit: Annotated[int, Query(ge=1, le=MAX_LOG_BYTES)] = MAX_LOG_BYTES,
) -> Response:
    """Bytes as the trainer wrote them."""
    async with ctx.db.reading() as session:
        job = (await service.existing(session, id)).job
        part = await log_repository.read(session, job, offset, limit)
    complete = job.status in FINISHED and part.next_offset >= job.log_size
    told = {"X-Log-Offset": str(part.next_offset), "X-Log-Complete": str(complete).lower()}
    return Response(part.data, media_type="text/plain", headers=told)


@router.get("/{id}/events", summary="Follow a job live", **_EVENTS)
async def follow_job(
    id: str,  # noqa: A002
    ctx: Ctx,
    log_offset: Annotated[_Offset, Query(description="Where the log begins")] = 0,
    last_event_id: Annotated[
        str,
        Header(
            json_schema_extra={"pattern": CURSOR_PATTERN}, description="Goes on after that event"
        ),
    ] = "",
) -> LiveResponse:
    """Server-sent events.

    `state`: the job; `metrics`: of one epoch; `log`: `{offset, next_offset, text}`; `end`: the job
    is finished and everything was sent. The `id` of each resumes by `Last-Event-ID`.
    """
    cursor = Cursor.parse(last_event_id) if last_event_id else Cursor(log_offset)
    await service.get(ctx, id)  # so that an error is answered before the stream's 200
    return LiveResponse(event_stream.events(ctx, id, cursor))
