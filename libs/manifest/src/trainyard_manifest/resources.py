"""The resources that a job asks for, checked against the manifest of its trainer."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

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
    limits: Limits,
    visible: float,
) -> dict[str, str]:
    """What cannot be had, would stay idle or cannot be shared, by `resources.FIELD` or `config.FIELD`.

    Args:
        manifest: the trainer's.
        config: complete with defaults.
        resources: the trainer's, with the job's own over them.
        limits: the platform's.
        visible: how many GPUs the training will see.
    """
    errors = _beyond(limits, resources)
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
            errors[f"config.{name}"] = (
                f'"{name}" is {number}, but the training gets {visible:g} GPUs, counted from 0. '
                "Leave it out, or ask for more as resources.gpu where there are more."
            )
    ranks = max(resources.gpu, config.get(used.ranks or "") or 1) * resources.nodes
    if used.shared and ranks > 1 and (uneven := _uneven(config[used.shared], ranks)):
        errors[f"config.{used.shared}"] = f"{ranks} ranks share each {used.shared}. {uneven}"
    return errors


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
