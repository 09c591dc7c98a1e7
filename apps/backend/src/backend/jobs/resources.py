"""Checks the resources that a job asks for against the platform's limits and placements."""

import asyncio
import math
from typing import Any

from trainyard_manifest import Resources, gpu_numbers, resource_errors

from backend.context import Context
from backend.executors.base import ExecutorUnavailableError
from backend.infra.problems import wrong_fields
from backend.jobs.schemas import JobCreate

# A launcher that imports torch listens, and answers later: jobs are taken meanwhile.
_WAIT_S = 1


async def gpus(ctx: Context) -> float | None:
    """Those of the one machine that trains; None: a scheduler finds one, inf: none can tell now."""
    try:
        async with asyncio.timeout(_WAIT_S):
            return await ctx.executor.gpus()
    except (ExecutorUnavailableError, TimeoutError):
        return math.inf


def asked(ctx: Context, body: JobCreate, config: dict[str, Any], there: float | None) -> Resources:
    """The trainer's resources with the job's own over them; `config` is complete, `there` is what `gpus` says.

    Raises:
        Problem: 422 where the trainer uses fewer GPUs or nodes or the machine has fewer, the config
            names a GPU of others, ranks cannot share the batch, the platform does not offer so
            much, or there is no such placement.
    """
    wanted = body.resources.model_dump(exclude_unset=True) if body.resources else {}
    trainer = ctx.trainers.get(body.trainer)
    resources = Resources.model_validate(trainer.resources.model_dump() | wanted)
    named = "gpu" in wanted or resources.gpu or "cpu" in gpu_numbers(trainer, config).values()
    if there and not named and ctx.settings.job_limits.gpu != 0:
        # The machine's GPUs are nobody's until a job asks: a trainer that would look for one gets it.
        resources.gpu = int(there != math.inf)
        if not resources.gpu:
            resources.model_fields_set.discard("gpu")  # the launcher finds out whether it has one
    offers = {"placement": ctx.settings.job_placements, "priority": ctx.settings.job_priorities}
    of_platform: Any = {"limits": ctx.settings.job_limits, "machine": there, "offers": offers}
    errors = resource_errors(trainer, config, resources, **of_platform)
    if errors:
        raise wrong_fields("Invalid job", errors)
    if resources.nodes == 1:  # replicas of an older version do not know the word
        resources.model_fields_set.discard("nodes")
    return resources
