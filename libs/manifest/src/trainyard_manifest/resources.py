"""The resources that a job asks for, checked against the manifest of its trainer."""

import math
from collections.abc import Collection, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

from trainyard_manifest.config import excluded
from trainyard_manifest.manifest import Manifest, Resources


class Limits(BaseModel):
    """The most that one job may ask for, of all its nodes; None: no limit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cpu: float | None = None
    memory: str | None = None
    gpu: int | None = None


def gpu_numbers(manifest: Manifest, config: Mapping[str, Any]) -> dict[str, str]:
    """By field of the config, which of its GPUs the training uses, or `cpu`."""
    fields = manifest.fields.items()
    return {name: str(config.get(name)) for name, rules in fields if rules.get("gpu_number")}


def resource_errors(
    manifest: Manifest,
    config: Mapping[str, Any],
    resources: Resources,
    *,
    limits: Limits,
    machine: float | None,
    offers: Mapping[str, Collection[str]],
) -> dict[str, str]:
    """What cannot be had, would stay idle or cannot be shared, by `resources.FIELD` or `config.FIELD`.

    Args:
        manifest: the trainer's.
        config: complete with defaults.
        resources: the trainer's, with the job's own over them.
        limits: the platform's.
        machine: the GPUs of the one machine that trains, infinite where it does not tell; None: a
            scheduler finds a machine.
        offers: by field of the resources, the names that the platform has for it.
    """
    visible = machine if machine == math.inf else resources.gpu
    errors = _beyond(limits, resources) | _not_offered(offers, resources)
    used = manifest.distributed
    for name, unit, most in (("gpu", "GPU", used.gpus), ("nodes", "node", used.nodes)):
        if (number := getattr(resources, name)) > most:
            units = unit + "s" * (most > 1)
            errors[f"resources.{name}"] = (
                f"The trainer {manifest.name} uses {most} {units} at most; this job asks for "
                f"{number}. The others would stay idle: ask for {most}."
            )
    for name, number in gpu_numbers(manifest, config).items():
        if number.isdecimal() and int(number) >= visible:
            gets = f"the GPUs 0 to {visible - 1:g}" if visible > 1 else "GPU 0 only"
            errors[f"config.{name}"] = (
                f'"{name}" is {number}, but the training gets {gets if visible else "no GPU"}. '
                "Leave it out, or ask for more as resources.gpu (--gpu) where there are more."
            )
        elif (
            not visible
            and number != "cpu"
            and (told := excluded(manifest, {**config, name: "cpu"}))
        ):
            errors[f"config.{name}"] = (
                f'"{name}" is {number}, and the training gets no GPU. {" ".join(told)} Or ask for '
                "one as resources.gpu where there is one."
            )
    ranks = max(resources.gpu, config.get(used.ranks or "") or 1) * resources.nodes
    if used.shared and ranks > 1 and (uneven := _uneven(config[used.shared], ranks)):
        errors[f"config.{used.shared}"] = f"{ranks} ranks share each {used.shared}. {uneven}"
    return errors | _beyond_machine(machine, resources)


def _beyond_machine(gpus: float | None, resources: Resources) -> dict[str, str]:
    errors = {}
    if gpus is not None and resources.gpu > gpus:
        errors["resources.gpu"] = (
            f"The machine that trains has {gpus} GPUs; this job asks for {resources.gpu}. "
            "Ask for fewer, or leave gpu out."
        )
    if gpus is not None and resources.nodes > 1:
        errors["resources.nodes"] = (
            f"One machine trains here; this job asks for {resources.nodes} nodes. Leave nodes out, "
            "or submit it where trainings are Kubernetes Jobs (TRAINING_MODE=kubernetes)."
        )
    return errors


def _not_offered(offers: Mapping[str, Collection[str]], resources: Resources) -> dict[str, str]:
    return {
        f"resources.{what}": f'There is no {what} "{name}". The platform offers '
        f"{', '.join(names) or 'none: leave it out'}."
        for what, names in offers.items()
        if (name := getattr(resources, what)) is not None and name not in names
    }


def _uneven(size: float, ranks: int) -> str | None:
    """Why so many cannot be shared out evenly; None where they can."""
    if size <= 0 or size % 1:
        return f"Only one alone can find out what fits: name a multiple of {ranks}."
    fewer = size // ranks * ranks
    either = f"{fewer:g} or {fewer + ranks:g}" if fewer else f"{ranks}"
    return f"{size:g} cannot be shared out evenly: take {either}." if fewer != size else None


def _beyond(limits: Limits, resources: Resources) -> dict[str, str]:
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
