"""What the check finds wrong with a dataset."""

from typing import Any

from trainyard_datasets.limits import MAX_PROBLEMS


class RejectedError(Exception):
    """The dataset cannot be used, and to check further is pointless or dangerous."""

    def __init__(self, message: str, file: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.file = file


class UnavailableError(Exception):
    """The store did not answer; the dataset may be fine."""


class Problems:
    """Errors and warnings: keeps the first of each, counts all."""

    def __init__(self) -> None:
        self._kept: dict[str, list[dict[str, Any]]] = {"error": [], "warning": []}
        self.total = 0

    def error(self, message: str, file: str | None = None) -> None:
        self._add("error", message, file)

    def warning(self, message: str, file: str | None = None) -> None:
        self._add("warning", message, file)

    def _add(self, severity: str, message: str, file: str | None) -> None:
        self.total += 1
        kept = self._kept[severity]
        if len(kept) < MAX_PROBLEMS:
            kept.append({"severity": severity, "file": file, "message": message})

    @property
    def rejected(self) -> bool:
        """Whether there is an error."""
        return bool(self._kept["error"])

    def listed(self) -> list[dict[str, Any]]:
        """Errors first."""
        return (self._kept["error"] + self._kept["warning"])[:MAX_PROBLEMS]


def share(count: int, total: int) -> str:
    """How many of how many."""
    return f"{count} of {total} ({count / max(1, total):.0%})" if count < total else f"All {total}"
