"""What is wrong with a dataset, collected."""

from typing import Any

from backend.datasets.preflight.limits import MAX_PROBLEMS


class RejectedError(Exception):
    """The dataset cannot be used, and looking further is pointless or dangerous."""

    def __init__(self, message: str, file: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.file = file


class UnavailableError(Exception):
    """The store did not answer; the dataset may be fine."""


class Problems:
    """Keeps the first of each severity, counts all."""

    def __init__(self) -> None:
        self._errors: list[dict[str, Any]] = []
        self._warnings: list[dict[str, Any]] = []
        self.total = 0

    def error(self, message: str, file: str | None = None) -> None:
        self._add(self._errors, "error", message, file)

    def warning(self, message: str, file: str | None = None) -> None:
        self._add(self._warnings, "warning", message, file)

    def _add(
        self, kept: list[dict[str, Any]], severity: str, message: str, file: str | None
    ) -> None:
        self.total += 1
        if len(kept) < MAX_PROBLEMS:
            kept.append({"severity": severity, "file": file, "message": message})

    @property
    def fatal(self) -> bool:
        return bool(self._errors)

    def listed(self) -> list[dict[str, Any]]:
        """Errors first."""
        return (self._errors + self._warnings)[:MAX_PROBLEMS]
