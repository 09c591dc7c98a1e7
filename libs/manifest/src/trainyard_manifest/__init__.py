"""A trainer's manifest, and configs checked against it."""

from trainyard_manifest.config import MAX_CONFIG_BYTES, complete, config_errors, dataset_errors
from trainyard_manifest.manifest import (
    MainMetric,
    Manifest,
    ManifestError,
    Resources,
    Task,
    TrainerSummary,
    read_all,
)
from trainyard_manifest.resources import Limits, gpu_numbers, resource_errors
from trainyard_manifest.wording import did_you_mean, wanted

__all__ = [
    "MAX_CONFIG_BYTES",
    "Limits",
    "MainMetric",
    "Manifest",
    "ManifestError",
    "Resources",
    "Task",
    "TrainerSummary",
    "complete",
    "config_errors",
    "dataset_errors",
    "did_you_mean",
    "gpu_numbers",
    "read_all",
    "resource_errors",
    "wanted",
]
