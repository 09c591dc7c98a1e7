import asyncio
import math
from collections.abc import Mapping
from typing import Literal

from fastapi import APIRouter, Response, status
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel

from backend.context import Context, Ctx
from backend.health.checks import OPTIONAL, REQUIRED, TheChecks
from backend.infra import metrics
from backend.infra.schemas import Schema
from backend.jobs import repository, resources
from backend.state.statuses import ACTIVE, JobStatus

router = APIRouter(tags=["health"])
platform = APIRouter(prefix="/api/v1/platform", tags=["health"])


class Health(BaseModel):
    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    """`degraded`: jobs are accepted and wait for what is missing. Without MLflow or Redis none does."""

    status: Literal["ok", "degraded", "unavailable"]
    checks: Mapping[str, str]


class Platform(Schema):
    """What runs here, and how busy it is."""

    training_mode: Literal["subprocess", "kubernetes"]
    """Trainings are processes beside the backend, or Kubernetes Jobs"""
    gpus: int | None
    """Of the machine that trains; null: a scheduler finds one, or none can tell now"""
    jobs: dict[JobStatus, int]
    """How many are in each state that goes on"""
    placements: list[str]
    priorities: list[str]
    """That jobs may ask for in their `resources`, as `placements`"""


@platform.get("", summary="What runs here, and how busy it is")
async def get_platform(ctx: Ctx) -> Platform:
    there = await resources.gpus(ctx)
    async with ctx.db.reading() as session:
        counts = await repository.count_by_status(session, ACTIVE)
    return Platform(
        training_mode=ctx.settings.training_mode,
        gpus=None if there is None or math.isinf(there) else int(there),
        jobs={status: counts.get(status, 0) for status in JobStatus if status in ACTIVE},
        placements=list(ctx.settings.job_placements),
        priorities=ctx.settings.job_priorities,
    )


@router.get("/healthz", summary="Is the process alive?")
async def healthz() -> Health:
    return Health()


@router.get(
    "/readyz",
    summary="Can it serve?",
    responses={503: {"model": Readiness, "description": "The database or the store is missing"}},
)
async def readyz(checks: TheChecks, response: Response) -> Readiness:
    """Each check is `ok`, or says what is wrong and which setting to look at."""
    found = await checks.run()
    missing = {name for name, result in found.items() if result != "ok"}
    if missing & REQUIRED:
        response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
        return Readiness(status="unavailable", checks=found)
    return Readiness(status="degraded" if missing - OPTIONAL else "ok", checks=found)


@router.get("/readyz/once", include_in_schema=False)
async def readyz_once(checks: TheChecks) -> Response:
    """For the kubelet: may this replica have requests? Once it could serve them, always.

    A database or store that is lost is lost for every replica: without any behind the Service,
    nobody could be told what is missing.
    """
    found = {} if checks.was_ready else await checks.run()
    if checks.was_ready:
        return Response(status_code=status.HTTP_204_NO_CONTENT)
    missing = [result for name, result in found.items() if name in REQUIRED and result != "ok"]
    return PlainTextResponse("\n".join(missing), status.HTTP_503_SERVICE_UNAVAILABLE)


@router.get(
    "/metrics",
    summary="For Prometheus",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def prometheus(ctx: Ctx, checks: TheChecks) -> Response:
    found = await checks.run()
    if found["database"] == "ok":
        await _read_gauges(ctx)
    else:
        # Not known, and what was known last would look like the truth.
        metrics.JOBS.clear()
        metrics.HEARTBEAT_AGE.set(math.nan)
        metrics.OLDEST_WAITING_JOB_AGE.clear()
        metrics.DATABASE_SIZE.set(math.nan)
    text = await asyncio.to_thread(generate_latest)
    return Response(text, media_type=CONTENT_TYPE_LATEST)


async def _read_gauges(ctx: Context) -> None:
    async with ctx.db.reading() as session:
        counts = await repository.count_by_status(session, list(JobStatus))
        age = await repository.oldest_heartbeat_age(session)
        waiting = await repository.oldest_waiting_ages(session)
        size = await repository.database_size(session)
        bests = await repository.newest_bests(session)
    for state in JobStatus:
        metrics.JOBS.labels(state).set(counts.get(state, 0))
    metrics.HEARTBEAT_AGE.set(age)
    for state in repository.WAITING_STATUSES:
        metrics.OLDEST_WAITING_JOB_AGE.labels(state).set(waiting.get(state, 0))
    metrics.DATABASE_SIZE.set(math.nan if size is None else size)
    metrics.JOB_BEST.clear()
    for job_id, best in bests:
        metrics.JOB_BEST.labels(job_id, best["metric"]).set(best["value"])
