"""A job's config, checked against the manifest of its trainer."""

import json
from collections.abc import Mapping
from itertools import islice
from typing import Any

from jsonschema import Draft202012Validator, ValidationError

from trainyard_manifest.manifest import Manifest
from trainyard_manifest.wording import did_you_mean, shown, wanted

# The trainer gets it as one environment variable, of which Linux takes 128 KiB, and a page of a list
# of jobs holds 500 of them.
MAX_CONFIG_BYTES = 64 * 2**10


def complete(manifest: Manifest, config: Mapping[str, Any]) -> dict[str, Any]:
    """The config with the defaults of the fields that it leaves out."""
    return {**{name: rules["default"] for name, rules in manifest.fields.items()}, **config}


def config_errors(
    manifest: Manifest, config: Mapping[str, Any], most: int, task: str
) -> dict[str, str]:
    """What is wrong with a config, by `config.FIELD`: fields that are unknown or wrong, its size.

    Args:
        manifest: the trainer's.
        config: as the user gave it.
        most: so many of one kind of error are told.
        task: the dataset's; told as `trainer` where that does not do it.
    """
    tasks = {
        "trainer": f'The trainer "{manifest.name}" does not do {task}; it does '
        f"{', '.join(manifest.tasks)}. Choose another trainer or dataset."
    }
    schema = manifest.config_schema
    properties, refused = manifest.fields, schema.get("refused", {})
    titles = {name: rules.get("title", name) for name, rules in properties.items()}
    messages = {
        name: f'"{name}" cannot be set: {refused[name]}'
        if name in refused
        else f'There is no "{name[:100]}".{did_you_mean(name, properties, titles)}'
        for name in islice((name for name in config if name not in properties), most)
    }
    # NaN passes every range, and no database keeps it in JSON.
    messages |= {
        name: f'"{name}" must be {wanted(schema, properties[name])}; it is not a finite number.'
        for name, value in config.items()
        if name in properties and not _finite(value)
    }
    known = {name: value for name, value in config.items() if name in properties}
    for error in islice(Draft202012Validator(schema).iter_errors(known), most):
        name = str(error.absolute_path[0]) if error.absolute_path else ""
        if name in messages:
            continue
        if error.validator == "not" and (told := error.schema.get("description")):
            messages[name] = told
            continue
        if why := _unavailable(error):
            messages[name] = (
                f'"{name}" cannot have {shown(error.instance)}: {why} It can have '
                f"{', '.join(map(shown, error.validator_value))}."
            )
            continue
        messages[name] = (
            f'"{name}" must be {_wanted(schema, name, error.validator)}; it is {shown(config[name])}.'
            if name
            else f"The config as a whole is wrong: {error.message}."
        )
    if not messages and (size := len(json.dumps(complete(manifest, config)))) > MAX_CONFIG_BYTES:
        messages[""] = (
            f"The config has {size} bytes as JSON, complete with defaults; the most is "
            f"{MAX_CONFIG_BYTES}. Put large values into a file of the dataset or of the image."
        )
    told = {f"config.{name[:100]}" if name else "config": text for name, text in messages.items()}
    return told if task in manifest.tasks else tasks | told


def excluded(manifest: Manifest, config: Mapping[str, Any]) -> list[str]:
    """What the manifest says of choices in a complete config that exclude each other."""
    rules = manifest.config_schema.get("allOf", [])
    return [one["description"] for one in rules if not Draft202012Validator(one).is_valid(config)]


def dataset_errors(
    manifest: Manifest, config: Mapping[str, Any], report: Mapping[str, Any] | None
) -> dict[str, str]:
    """By `config.FIELD`, the split or class that the field names and the dataset has not.

    Args:
        manifest: the trainer's, where such a field has `split: true` or `classes: true`.
        config: complete with defaults.
        report: of the dataset's check, with how many `images` each split has, and its `classes`.
    """
    report = report or {}
    there = [split for split, number in report.get("images", {}).items() if number]
    count = len(report.get("classes", []))
    messages = {
        name: f"The dataset has no images in {config[name]}: set {name} to "
        f"{' or '.join(there)}, or push a version that has some."
        for name, rules in manifest.fields.items()
        if rules.get("split") and there and config[name] not in there
    }
    for name, rules in manifest.fields.items():
        named = config[name] if rules.get("classes") and count else None
        numbers = [one for one in named or [] if isinstance(one, int)]
        if beyond := [one for one in numbers if one >= count]:
            there_are = f"classes 0 to {count - 1}" if count > 1 else "one class, 0"
            messages[name] = f"The dataset has {there_are}: take {beyond[0]} out of {name}."
    return {f"config.{name}": text for name, text in messages.items()}


def _unavailable(error: ValidationError) -> str | None:
    """Why the value is none of those that the field takes, where the manifest tells it."""
    if error.validator != "enum" or not isinstance(error.schema, Mapping):
        return None
    told = error.schema.get("unavailable", [])
    return next((one["description"] for one in told if error.instance in one["enum"]), None)


def _wanted(schema: Mapping[str, Any], name: str, validator: str) -> str:
    rules = schema["properties"][name]
    if validator == "pattern":  # written for programs
        return f"as described: {rules['description'].rstrip('.')}"
    return wanted(schema, rules)


def _finite(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:
        return False
    return True
