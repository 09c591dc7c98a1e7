"""A trainer's manifest (docs/training-contract.md)."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, Self

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, best_match
from jsonschema.exceptions import ValidationError as WrongSchema
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

# What a config's schema may say beside JSON Schema, at its top and of a field (`$defs/field`).
KEYWORDS: dict[str, Any] = {
    "properties": {
        "refused": {"type": "object", "additionalProperties": {"type": "string"}},
        "allOf": {
            "items": {
                "type": "object",
                "required": ["not", "description"],
                "properties": {"description": {"type": "string"}},
            }
        },
        "properties": {"additionalProperties": {"$ref": "#/$defs/field"}},
    },
    "$defs": {
        "field": {
            "properties": {
                "group": {"type": "string"},
                "advanced": {"type": "boolean"},
                "gpu_number": {"type": "boolean"},
                "split": {"type": "boolean"},
                "classes": {"type": "boolean"},
                "unavailable": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["enum", "description"],
                        "additionalProperties": False,
                        "properties": {
                            "enum": {"type": "array"},
                            "description": {"type": "string"},
                        },
                    },
                },
                "items": {"$ref": "#/$defs/field"},
            }
        }
    },
}


class ManifestError(ValueError):
    """A manifest is wrong; the text names the file and the reason."""


class Task(StrEnum):
    """What a model does with an image."""

    DETECT = "detect"
    SEGMENT = "segment"
    CLASSIFY = "classify"
    POSE = "pose"
    OBB = "obb"


class Resources(BaseModel):
    """What one attempt may use, on each of its nodes. `memory` is a Kubernetes quantity."""

    model_config = ConfigDict(extra="forbid")

    cpu: float = Field(default=2, gt=0, le=1024, description="CPU cores")
    memory: str = Field(default="4Gi", pattern=r"^[1-9][0-9]{0,6}(Ki|Mi|Gi|Ti)$")
    gpu: int = Field(default=0, ge=0, le=64)
    nodes: int = Field(
        default=1,
        ge=1,
        le=64,
        description="Machines that train together; each gets this much CPU, memory and GPUs",
    )
    placement: str | None = Field(
        default=None,
        max_length=63,
        description="One of the places that the platform offers (`trainer.job.placements`)",
    )
    priority: str | None = Field(
        default=None,
        max_length=63,
        description="Whose turn it is first in Kueue's queues: one of the platform's priorities "
        "(`trainer.job.kueue.priorities`)",
    )

    @property
    def memory_bytes(self) -> int:
        return int(self.memory[:-2]) << 10 * ("KMGT".index(self.memory[-2]) + 1)


class Distributed(BaseModel):
    """How far one attempt of the trainer can spread."""

    model_config = ConfigDict(extra="forbid")

    gpus: int = Field(
        default=1, ge=1, le=64, description="The most GPUs that it uses on a node, a rank each"
    )
    nodes: int = Field(default=1, ge=1, le=64, description="The most nodes that it uses")
    ranks: str | None = Field(default=None, description="The config field for ranks on CPUs")
    shared: str | None = Field(
        default=None, description="The config field, a number, that ranks share out evenly"
    )


class MainMetric(BaseModel):
    """The metric that says how good a model is."""

    model_config = ConfigDict(extra="forbid")

    main: str = Field(min_length=1, max_length=100)
    goal: Literal["max", "min"] = "max"


class TrainerSummary(BaseModel):
    name: str = Field(pattern=r"^[a-z0-9-]{1,40}$")
    version: str = Field(min_length=1)
    description: str = Field(min_length=1)
    tasks: list[Task] = Field(min_length=1)


class Manifest(TrainerSummary):
    model_config = ConfigDict(extra="forbid")

    image: str = Field(min_length=1)
    command: list[str] = Field(min_length=1)
    config_schema: dict[str, Any] = Field(description="JSON Schema 2020-12 of a job's `config`")
    resources: Resources = Resources()
    distributed: Distributed = Distributed()
    metrics: dict[str, MainMetric] = Field(default={}, description="By task; which model is best")
    pretrained: dict[str, str] = Field(
        default={},
        description="By task, the weights that a job starts from where the platform has them, with "
        "`{model}` for the config's; a trainer that takes no weights by name has none",
    )
    assets: dict[str, dict[Literal["task", "model"], str]] = Field(
        default={}, description="By name, official weights that the platform may fetch"
    )
    needs_weights_of: str | None = Field(
        default=None,
        description="The trainer whose weights every job works on, e.g. to evaluate or export them",
    )

    @field_validator("config_schema")
    @classmethod
    def _documented(cls, schema: dict[str, Any]) -> dict[str, Any]:
        properties = schema.get("properties")
        if schema.get("type") != "object" or not isinstance(properties, dict):
            raise ValueError('must have "type": "object" and "properties"')
        for name, rules in properties.items():
            for key in ("default", "description"):
                if not isinstance(rules, dict) or key not in rules:
                    raise ValueError(f'the property "{name}" lacks "{key}"')
        return schema

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read and check a `trainer.json`.

        Raises:
            ManifestError: it is wrong.
            OSError: it cannot be read.
        """
        try:
            manifest = cls.model_validate_json(path.read_bytes())
            Draft202012Validator.check_schema(manifest.config_schema)
            Draft202012Validator(KEYWORDS).validate(manifest.config_schema)
        except ValidationError as error:
            reasons = "; ".join(
                f"{'.'.join(map(str, e['loc'])) or 'the file'}: {e['msg']}" for e in error.errors()
            )
            raise ManifestError(f"{path}: {reasons}") from error
        except (SchemaError, WrongSchema) as error:
            where = ".".join(map(str, error.absolute_path))
            raise ManifestError(f"{path}: config_schema.{where}: {error.message}") from error
        for name, rules in manifest.fields.items():
            # The whole schema is the base, so that "$ref" finds its "$defs".
            validator = Draft202012Validator(manifest.config_schema).evolve(schema=rules)
            if wrong := best_match(validator.iter_errors(rules["default"])):
                raise ManifestError(f'{path}: the default of "{name}" is wrong: {wrong.message}')
        return manifest

    @property
    def fields(self) -> Mapping[str, Any]:
        """The rules of each field of a job's config."""
        properties: dict[str, Any] = self.config_schema["properties"]
        return properties


def read_all(paths: Iterable[Path]) -> tuple[dict[str, Manifest], list[str]]:
    """By name the manifests that are right, and what is wrong with the others."""
    served: dict[str, tuple[Path, Manifest]] = {}
    wrong = []
    for path in paths:
        try:
            manifest = Manifest.read(path)
            place, _ = served.setdefault(manifest.name, (path, manifest))
            if place != path:
                name = manifest.name
                wrong.append(f'{path}: the trainer "{name}" stands in {place}. Rename one.')
        except ManifestError as error:
            wrong.append(str(error))
        except OSError as error:
            wrong.append(f"{path} (TRAINERS_DIR) cannot be read: {error}")
    return {name: manifest for name, (_, manifest) in served.items()}, wrong
