"""Manifests of the test trainers.

Their source is the command, so any image with Python, boto3 and requests runs them, on any executor.
"""

import json
import os
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent / "trainers"

SCRIPTED_FIELDS: dict[str, dict[str, Any]] = {
    "epochs": {"type": "integer", "default": 2, "minimum": 0},
    "epoch_s": {"type": "number", "default": 0.05},
    "lines_per_epoch": {"type": "integer", "default": 1},
    "die_at_epoch": {"type": ["integer", "null"], "default": None},
    "exit_code": {"type": "integer", "default": 0},
    "report": {"type": ["string", "null"], "default": None},
    "hang": {"type": "boolean", "default": False},
    "ignore_sigterm": {"type": "boolean", "default": False},
    "children": {"type": "integer", "default": 0},
    "allocate_mb": {"type": "integer", "default": 0},
    "keep_token": {"type": "boolean", "default": False},
    "other_job": {"type": ["string", "null"], "default": None},
}


def manifests(cpu: float = 1) -> dict[str, dict[str, Any]]:
    """`scripted`, `minimal` and `missing` (its program does not exist); `cpu`: the cores each asks for."""
    return {
        name: _manifest(name, command, fields, cpu)
        for name, command, fields in (
            ("scripted", ["python", "-c", (HERE / "scripted.py").read_text()], SCRIPTED_FIELDS),
            ("minimal", ["python", "-c", (HERE / "minimal.py").read_text()], {}),
            ("missing", ["no-such-program"], {}),
        )
    }


def write_manifests(folder: Path) -> None:
    """Write them as files, `scripted.json` and so on."""
    folder.mkdir(exist_ok=True)
    for name, manifest in manifests().items():
        (folder / f"{name}.json").write_text(json.dumps(manifest))


def _manifest(
    name: str, command: list[str], fields: dict[str, dict[str, Any]], cpu: float
) -> dict[str, Any]:
    properties = {key: {"description": key, **field} for key, field in fields.items()}
    return {
        "name": name,
        "version": "1",
        "description": f"The conformance suite's {name} trainer.",
        "image": os.environ.get("TRAINER_IMAGE", "trainer-ultralytics:latest"),
        "command": command,
        "tasks": ["detect"],
        "config_schema": {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": properties,
            "additionalProperties": False,
        },
        "resources": {"cpu": cpu, "memory": "512Mi", "gpu": 0},
    }
