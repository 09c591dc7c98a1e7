"""Checks the resources that a job asks for against the platform's limits and placements."""

import asyncio

from backend.catalog.manifest import Resources
from backend.context import Context
from backend.executors.base import ExecutorUnavailableError
from backend.infra.problems import wrong_fields
from backend.jobs.schemas import JobCreate
from backend.settings import JobLimits

# A launcher that imports torch listens, and answers later: jobs are taken meanwhile.
_WAIT_S = 1


async def gpus(ctx: Context, body: JobCreate) -> int | None:
    """Those of the one machine that trains, if the job asks for some and the executor can tell."""
    if body.resources is None or not body.resources.gpu:
        return None
    try:
        async with asyncio.timeout(_WAIT_S):
            return await ctx.executor.gpus()
    except (ExecutorUnavailableError, TimeoutError):
        return None


def asked(ctx: Context, body: JobCreate, there: int | None) -> Resources:
    """The trainer's resources with the job's own over them.

    Raises:
        Problem: 422 where the trainer uses or the machine has fewer GPUs, the platform does not
            offer so much, or there is no such placement.
    """
    wanted = body.resources.model_dump(exclude_unset=True) if body.resources else {}
    trainer = ctx.trainers.get(body.trainer)
    resources = Resources.model_validate(trainer.resources.model_dump() | wanted)
    errors = _beyond(ctx.settings.job_limits, resources)
    used = trainer.distributed.gpus
    if resources.gpu > used:
        errors["resources.gpu"] = (
            f"The trainer {trainer.name} uses {used} GPU{'s' if used > 1 else ''} at most; this job "
            f"asks for {resources.gpu}. The others would stay idle: ask for {used}."
        )
    elif there is not None and resources.gpu > there:
        errors["resources.gpu"] = (
            f"The machine that trains has {there} GPUs; this job asks for {resources.gpu}. "
            "Ask for fewer, or leave gpu out."
        )
    placements = ctx.settings.job_placements
    if resources.placement is not None and resources.placement not in placements:
        offered = ", ".join(placements) or "none: leave it out"
        errors["resources.placement"] = (
            f'There is no placement "{resources.placement}". The platform offers {offered}.'
        )
    if errors:
        raise wrong_fields("Invalid job", errors)
    return resources


def _beyond(limits: JobLimits, resources: Resources) -> dict[str, str]:
    most = {"cpu": limits.cpu, "gpu": limits.gpu}
    errors = {
        f"resources.{name}": f"A job may ask for {limit:g} {name} at most here; this one asks for "
        f"{getattr(resources, name):g}."
        for name, limit in most.items()
        if limit is not None and getattr(resources, name) > limit
    }
    if limits.memory is not None:
        limit = Resources(memory=limits.memory)
        if resources.memory_bytes > limit.memory_bytes:
            errors["resources.memory"] = (
                f"A job may ask for {limit.memory} of memory at most here; this one asks for "
                f"{resources.memory}."
            )
    return errors
