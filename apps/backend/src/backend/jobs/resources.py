"""Checks the resources that a job asks for against the platform's limits and placements."""

import asyncio
import math
from typing import Any

from trainyard_manifest import Manifest, Resources

from backend.context import Context
from backend.executors.base import ExecutorUnavailableError
from backend.infra.problems import wrong_fields
from backend.jobs.schemas import JobCreate
from backend.settings import JobLimits

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
    devices = {f: str(config.get(f)) for f, is_ in trainer.fields.items() if is_.get("gpu_number")}
    named = "gpu" in wanted or resources.gpu or "cpu" in devices.values()
    if there and not named and ctx.settings.job_limits.gpu != 0:
        # The machine's GPUs are nobody's until a job asks: a trainer that would look for one gets it.
        resources.gpu = int(there != math.inf)
        if not resources.gpu:
            resources.model_fields_set.discard("gpu")  # the launcher finds out whether it has one
    errors = _beyond(ctx.settings.job_limits, resources) | _unusable(trainer, resources, there)
    visible = there if there == math.inf else resources.gpu
    for name, number in devices.items():
        if number.isdecimal() and int(number) >= visible:
            errors[f"config.{name}"] = (
                f'"{name}" is {number}, but the training gets {visible:g} GPUs, counted from 0. '
                "Leave it out, or ask for more as resources.gpu where there are more."
            )
    ranks = max(resources.gpu, config.get(trainer.distributed.ranks or "") or 1) * resources.nodes
    shared = trainer.distributed.shared
    if shared and ranks > 1 and (uneven := _uneven(config[shared], ranks)):
        errors[f"config.{shared}"] = f"{ranks} ranks share each {shared}. {uneven}"
    placements = ctx.settings.job_placements
    if resources.placement is not None and resources.placement not in placements:
        offered = ", ".join(placements) or "none: leave it out"
        errors["resources.placement"] = (
            f'There is no placement "{resources.placement}". The platform offers {offered}.'
        )
    if errors:
        raise wrong_fields("Invalid job", errors)
    if resources.nodes == 1:  # replicas of an older version do not know the word
        resources.model_fields_set.discard("nodes")
    return resources


def _unusable(trainer: Manifest, resources: Resources, there: float | None) -> dict[str, str]:
    """What the one machine `there` has not, or the trainer would leave idle."""
    errors = {}
    if there is not None and resources.gpu > there:
        errors["resources.gpu"] = (
            f"The machine that trains has {there} GPUs; this job asks for {resources.gpu}. "
            "Ask for fewer, or leave gpu out."
        )
    if there is not None and resources.nodes > 1:
        errors["resources.nodes"] = (
            f"One machine trains here; this job asks for {resources.nodes} nodes. Leave nodes out, "
            "or submit it where trainings are Kubernetes Jobs (TRAINING_MODE=kubernetes)."
        )
    for name, used in (("gpu", trainer.distributed.gpus), ("nodes", trainer.distributed.nodes)):
        if (number := getattr(resources, name)) > used:
            unit = {"gpu": "GPU", "nodes": "node"}[name] + ("s" if used > 1 else "")
            errors[f"resources.{name}"] = (
                f"The trainer {trainer.name} uses {used} {unit} at most; this job asks for {number}. "
                f"The others would stay idle: ask for {used}."
            )
    return errors


def _uneven(size: float, ranks: int) -> str | None:
    """Why so many cannot be shared out evenly; None where they can."""
    if size <= 0 or size % 1:
        return f"Only one alone can find out what fits: name a multiple of {ranks}."
    fewer = size // ranks * ranks
    either = f"{fewer:g} or {fewer + ranks:g}" if fewer else f"{ranks}"
    return f"{size:g} cannot be shared out evenly: take {either}." if fewer != size else None


def _beyond(limits: JobLimits, resources: Resources) -> dict[str, str]:
    most = Resources.model_construct(**limits.model_dump(exclude_none=True))
    amounts = {"cpu": "cpu", "gpu": "gpu", "memory": "memory_bytes"}
    nodes = resources.nodes
    return {
        f"resources.{name}": f"A job may ask for {_shown(most, name)} {name} at most here; this "
        f"one asks for {f'{nodes} × ' if nodes > 1 else ''}{_shown(resources, name)}."
        for name in most.model_fields_set
        if nodes * getattr(resources, amounts[name]) > getattr(most, amounts[name])
    }


def _shown(resources: Resources, name: str) -> str:
    return str(getattr(resources, name)).removesuffix(".0")
