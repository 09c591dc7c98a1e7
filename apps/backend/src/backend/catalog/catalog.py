"""The catalog of trainers, and the validation of configs."""

import json
import logging
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, Self

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, best_match
from pydantic import ValidationError as ManifestError

from backend.catalog.manifest import Manifest
from backend.catalog.schema_wording import shown, wanted
from backend.infra.problems import MAX_ERRORS, Problem, did_you_mean, wrong_field, wrong_fields

logger = logging.getLogger(__name__)

# Linux takes 128 KiB in one variable.
MAX_CONFIG_BYTES = 96 * 2**10


class CatalogError(ValueError):
    """A manifest is wrong; the text names the file and the reason."""


class TrainerCatalog:
    """The manifests of a folder as it is now: what is added or changed counts from then on."""

    def __init__(self, manifests: Iterable[Manifest], folder: Path | None = None) -> None:
        self._folder = folder
        self._seen: Mapping[Path, int] = {}
        self._served = {manifest.name: manifest for manifest in manifests}
        # What is wrong with the manifests that are not served.
        self._wrong: list[str] = []

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read `*.json` and `*/trainer.json` of `TRAINERS_DIR`; those that are wrong are left out.

        Raises:
            CatalogError: there is no manifest, or none that is right.
        """
        catalog = cls([], folder)
        nothing = f"{folder} (TRAINERS_DIR) has no *.json and no */trainer.json: name another."
        if not catalog._manifests:
            raise CatalogError("\n".join(catalog._wrong) or nothing)
        return catalog

    @property
    def _manifests(self) -> Mapping[str, Manifest]:
        if self._folder:
            paths = [*self._folder.glob("*.json"), *self._folder.glob("*/trainer.json")]
            seen = {path: path.exists() and path.stat().st_mtime_ns for path in paths}
            if seen != self._seen:
                self._seen = seen
                self._served, self._wrong = _read_all(sorted(paths))
        return self._served

    async def check(self) -> None:
        """Raise a CatalogError if a manifest is left out."""
        if not self._manifests or self._wrong:
            raise CatalogError("Left out: " + ("; ".join(self._wrong) or "all"))

    def all(self) -> Iterable[Manifest]:
        return self._manifests.values()

    def get(self, name: str) -> Manifest:
        """Raise a Problem (404) unless there is such a trainer."""
        if name not in self._manifests:
            raise Problem(404, "Trainer not found", self._no_trainer(name))
        return self._manifests[name]

    def validate(self, trainer: str, config: Mapping[str, Any], *, task: str) -> dict[str, Any]:
        """The config, complete with defaults.

        Raises:
            Problem: 422 with all `errors` at once: an unknown trainer, one that does not do the
                dataset's task, fields that are unknown or wrong.
        """
        if trainer not in self._manifests:
            raise wrong_field("Invalid job", "trainer", self._no_trainer(trainer))
        manifest = self._manifests[trainer]
        errors = _config_errors(manifest.config_schema, config)
        if task not in manifest.tasks:
            message = (
                f'The trainer "{trainer}" does not do {task}; it does '
                f"{', '.join(manifest.tasks)}. Choose another trainer or dataset."
            )
            errors = {"trainer": message, **errors}
        if errors:
            raise wrong_fields("Invalid job", errors)
        defaults = {
            name: rules["default"] for name, rules in manifest.config_schema["properties"].items()
        }
        complete = {**defaults, **config}
        # The trainer gets it as one environment variable.
        size = len(json.dumps(complete))
        if size > MAX_CONFIG_BYTES:
            message = (
                f"The config has {size} bytes as JSON, complete with defaults; the most is "
                f"{MAX_CONFIG_BYTES}. Put large values into a file of the dataset or of the image."
            )
            raise wrong_field("Invalid job", "config", message)
        return complete

    def _no_trainer(self, name: str) -> str:
        known = ", ".join(self._manifests)
        left_out = "".join(f" Left out: {text}." for text in self._wrong)
        return (
            f'There is no trainer "{name[:100]}".{did_you_mean(name, self._manifests)} '
            f"There is: {known}.{left_out}"
        )


def _read_all(paths: Iterable[Path]) -> tuple[dict[str, Manifest], list[str]]:
    """By name those that are right, and what is wrong with the others."""
    places: dict[str, Path] = {}
    served, wrong = {}, []
    for path in paths:
        try:
            manifest = _read(path, places)
            served[manifest.name] = manifest
        except CatalogError as error:
            wrong.append(str(error))
            logger.warning("a manifest is left out: %s", error)
    return served, wrong


def _read(path: Path, places: dict[str, Path]) -> Manifest:
    """`places` holds where each name stands."""
    try:
        manifest = Manifest.model_validate_json(path.read_bytes())
        Draft202012Validator.check_schema(manifest.config_schema)
    except ManifestError as error:
        reasons = "; ".join(
            f"{'.'.join(map(str, e['loc'])) or 'the file'}: {e['msg']}" for e in error.errors()
        )
        raise CatalogError(f"{path}: {reasons}") from error
    except SchemaError as error:
        where = ".".join(map(str, error.absolute_path))
        raise CatalogError(f"{path}: config_schema.{where}: {error.message}") from error
    except OSError as error:
        raise CatalogError(f"{path} (TRAINERS_DIR) cannot be read: {error}") from error
    for name, rules in manifest.config_schema["properties"].items():
        # The whole schema is the base, so that "$ref" finds its "$defs".
        validator = Draft202012Validator(manifest.config_schema).evolve(schema=rules)
        if wrong := best_match(validator.iter_errors(rules["default"])):
            raise CatalogError(f'{path}: the default of "{name}" is wrong: {wrong.message}')
    if (place := places.setdefault(manifest.name, path)) != path:
        raise CatalogError(f'{path}: the trainer "{manifest.name}" stands in {place}. Rename one.')
    return manifest


def _config_errors(schema: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, str]:
    """By field, what is wrong with it."""
    properties, refused = schema["properties"], schema.get("refused", {})
    messages = {
        name: f'"{name}" cannot be set: {refused[name]}'
        if name in refused
        else f'There is no "{name[:100]}".{did_you_mean(name, properties)}'
        for name in islice((name for name in config if name not in properties), MAX_ERRORS)
    }
    # NaN passes every range, and no database keeps it in JSON.
    messages |= {
        name: f'"{name}" must be {wanted(schema, properties[name])}; it is not a finite number.'
        for name, value in config.items()
        if name in properties and not _finite(value)
    }
    known = {name: value for name, value in config.items() if name in properties}
    for error in islice(Draft202012Validator(schema).iter_errors(known), MAX_ERRORS):
        name = str(error.absolute_path[0]) if error.absolute_path else ""
        if name in messages:
            continue
        messages[name] = (
            f'"{name}" must be {_wanted(schema, name, error.validator)}; it is {shown(config[name])}.'
            if name
            else f"The config as a whole is wrong: {error.message}."
        )
    return {f"config.{name[:100]}" if name else "config": text for name, text in messages.items()}


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
