"""Checks the resources that a job asks for against the platform's limits and placements."""

from backend.catalog.manifest import Resources
from backend.context import Context
from backend.executors.base import ExecutorUnavailableError
from backend.infra.problems import Problem
from backend.jobs.schemas import JobCreate
from backend.settings import JobLimits


async def gpus(ctx: Context, body: JobCreate) -> int | None:
    """How many there are, where the job asks for some and the executor is there to tell."""
    if body.resources is None or not body.resources.gpu:
        return None
    try:
        return await ctx.executor.gpus()
    except ExecutorUnavailableError:
        return None


def asked(ctx: Context, body: JobCreate, gpus: int | None) -> Resources:
    """The trainer's resources with the job's own over them.

    Raises:
        Problem: 422 where the platform does not offer so much, has fewer GPUs (`gpus`), or no such
            placement.
    """
    wanted = body.resources.model_dump(exclude_unset=True) if body.resources else {}
    defaults = ctx.trainers.get(body.trainer).resources.model_dump()
    resources = Resources.model_validate(defaults | wanted)
    errors = _beyond(ctx.settings.job_limits, resources)
    if gpus is not None and resources.gpu > gpus:
        errors["gpu"] = (
            f"The machine that trains has {gpus} GPUs; this job asks for {resources.gpu}. "
            "Ask for fewer, or leave gpu out."
        )
    placements = ctx.settings.job_placements
    if resources.placement is not None and resources.placement not in placements:
        offered = ", ".join(placements) or "none: leave it out"
        errors["placement"] = (
            f'There is no placement "{resources.placement}". The platform offers {offered}.'
        )
    if errors:
        raise Problem(
            422,
            "Invalid job",
            " ".join(errors.values()),
            errors=[
                {"field": f"resources.{name}", "message": message}
                for name, message in errors.items()
            ],
        )
    return resources


def _beyond(limits: JobLimits, resources: Resources) -> dict[str, str]:
    most = {"cpu": limits.cpu, "gpu": limits.gpu}
    errors = {
        name: f"A job may ask for {limit:g} {name} at most here; this one asks for "
        f"{getattr(resources, name):g}."
        for name, limit in most.items()
        if limit is not None and getattr(resources, name) > limit
    }
    if limits.memory is not None:
        limit = Resources(memory=limits.memory)
        if resources.memory_bytes > limit.memory_bytes:
            errors["memory"] = (
                f"A job may ask for {limit.memory} of memory at most here; this one asks for "
                f"{resources.memory}."
            )
    return errors
