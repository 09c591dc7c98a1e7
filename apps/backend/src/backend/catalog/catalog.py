"""The catalog of trainers, and the validation of configs."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, best_match
from pydantic import ValidationError as ManifestError

from backend.catalog.manifest import Manifest
from backend.catalog.schema_wording import shown, wanted
from backend.infra.problems import Problem, did_you_mean


class CatalogError(ValueError):
    """A manifest is wrong; the text names the file and the reason."""


class TrainerCatalog:
    def __init__(self, manifests: Iterable[Manifest]) -> None:
        self._manifests = {manifest.name: manifest for manifest in manifests}

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read `*.json` and `*/trainer.json` of `TRAINERS_DIR`.

        Raises:
            CatalogError: a manifest is wrong, or there is none.
        """
        paths = sorted([*folder.glob("*.json"), *folder.glob("*/trainer.json")])
        if not paths:
            raise CatalogError(
                f"{folder} (TRAINERS_DIR) holds no *.json and no */trainer.json. "
                "Name the folder of the trainers' manifests."
            )
        found: dict[str, Path] = {}
        manifests = []
        for path in paths:
            manifest = _read(path)
            if manifest.name in found:
                raise CatalogError(
                    f'{path}: the trainer "{manifest.name}" stands in {found[manifest.name]} '
                    "already. Rename one."
                )
            found[manifest.name] = path
            manifests.append(manifest)
        return cls(manifests)

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
            raise _invalid([{"field": "trainer", "message": self._no_trainer(trainer)}])
        manifest = self._manifests[trainer]
        errors = []
        if task not in manifest.tasks:
            errors.append(
                {
                    "field": "trainer",
                    "message": f'The trainer "{trainer}" does not do {task}; it does '
                    f"{', '.join(manifest.tasks)}. Choose another trainer or dataset.",
                }
            )
        errors += _config_errors(manifest.config_schema, config)
        if errors:
            raise _invalid(errors)
        defaults = {
            name: rules["default"] for name, rules in manifest.config_schema["properties"].items()
        }
        return {**defaults, **config}

    def _no_trainer(self, name: str) -> str:
        known = ", ".join(self._manifests)
        return f'There is no trainer "{name[:100]}".{did_you_mean(name, self._manifests)} There is: {known}.'


def _read(path: Path) -> Manifest:
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
        wrong = best_match(validator.iter_errors(rules["default"]))
        if wrong is not None:
            raise CatalogError(f'{path}: the default of "{name}" is wrong: {wrong.message}')
    return manifest


def _config_errors(schema: Mapping[str, Any], config: Mapping[str, Any]) -> list[dict[str, str]]:
    properties = schema["properties"]
    messages = {
        name: f'There is no "{name[:100]}".{did_you_mean(name, properties)}'
        for name in config
        if name not in properties
    }
    # NaN passes every range, and no database keeps it in JSON.
    messages |= {
        name: f'"{name}" must be {wanted(schema, properties[name])}; it is not a finite number.'
        for name, value in config.items()
        if name in properties and not _finite(value)
    }
    for error in Draft202012Validator(schema).iter_errors(config):
        name = str(error.absolute_path[0]) if error.absolute_path else ""
        if name in messages or (not name and error.validator == "additionalProperties"):
            continue
        messages[name] = (
            f'"{name}" must be {_wanted(schema, name, error.validator)}; it is {shown(config[name])}.'
            if name
            else f"The config as a whole is wrong: {error.message}."
        )
    return [
        {"field": f"config.{name[:100]}" if name else "config", "message": message}
        for name, message in messages.items()
    ]


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


def _invalid(errors: list[dict[str, str]]) -> Problem:
    return Problem(
        422, "Invalid job", " ".join(error["message"] for error in errors[:5]), errors=errors
    )
