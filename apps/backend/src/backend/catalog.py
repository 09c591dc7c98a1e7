"""The catalog of trainers, and the validation of configs."""

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from trainyard_manifest import (
    Manifest,
    ManifestError,
    complete,
    config_errors,
    did_you_mean,
    read_all,
)

from backend.infra.problems import MAX_ERRORS, Problem, wrong_fields

logger = logging.getLogger(__name__)


class TrainerCatalog:
    """The manifests of a folder as it is now: what is added or changed counts from then on."""

    def __init__(self, folder: Path) -> None:
        """Read `*.json` and `*/trainer.json` of `TRAINERS_DIR`; those that are wrong are left out.

        Raises:
            ManifestError: there is no manifest, or none that is right.
        """
        self._folder = folder
        self._seen: Mapping[Path, int] = {}
        self._served: Mapping[str, Manifest] = {}
        # What is wrong with the manifests that are not served.
        self._wrong: list[str] = []
        nothing = f"{folder} (TRAINERS_DIR) has no *.json and no */trainer.json: name another."
        if not self._manifests:
            raise ManifestError("\n".join(self._wrong) or nothing)

    @property
    def _manifests(self) -> Mapping[str, Manifest]:
        paths = [*self._folder.glob("*.json"), *self._folder.glob("*/trainer.json")]
        seen = {path: path.exists() and path.stat().st_mtime_ns for path in paths}
        if seen != self._seen:
            self._seen = seen
            self._served, self._wrong = read_all(sorted(paths))
            for problem in self._wrong:
                logger.warning("a manifest is left out: %s", problem)
        return self._served

    async def check(self) -> None:
        """Raise a ManifestError if a manifest is left out."""
        if not self._manifests or self._wrong:
            raise ManifestError("Left out: " + ("; ".join(self._wrong) or "all"))

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
            raise wrong_fields("Invalid job", {"trainer": self._no_trainer(trainer)})
        manifest = self._manifests[trainer]
        errors = config_errors(manifest, config, MAX_ERRORS, task)
        if errors:
            raise wrong_fields("Invalid job", errors)
        return complete(manifest, config)

    def _no_trainer(self, name: str) -> str:
        known = ", ".join(self._manifests)
        left_out = "".join(f" Left out: {text}." for text in self._wrong)
        return (
            f'There is no trainer "{name[:100]}".{did_you_mean(name, self._manifests)} '
            f"There is: {known}.{left_out}"
        )
