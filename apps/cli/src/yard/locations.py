"""Where things are: the server, its token, the checkout, the trainer's Python, the cache."""

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import platformdirs

from yard.errors import Code, YardError

DEFAULT_URL = "http://localhost:30080"
STATE_DIR = ".trainyard"
ADDRESS_FILE = "address.json"


def dev_url() -> str | None:
    """Return the URL of the `yard dev` whose state folder is in this folder or above.

    A killed `yard dev` leaves its address file and its backend, which still serves.
    """
    return next((str(one["url"]) for _, one in _addresses()), None)


def dev_folder(url: str) -> Path | None:
    """Return the state folder in this folder or above whose `yard dev` has this URL."""
    return next((folder for folder, one in _addresses() if one["url"] == url), None)


def dev_token(url: str) -> str | None:
    """Return the API token of the `yard dev` of this folder or one above that has this URL."""
    return next((one.get("token") for _, one in _addresses() if one["url"] == url), None)


def _addresses() -> Iterator[tuple[Path, dict[str, Any]]]:
    """The user's state folders in this folder or above, each with its address file's content."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        path = folder / STATE_DIR / ADDRESS_FILE
        # In a folder that many write to, e.g. /tmp, another user may have put one.
        if (address := read_json(path)) and path.stat().st_uid == os.getuid():
            yield path.parent, address


def has_state_folder() -> bool:
    """Return whether `yard dev` has ever run in this folder or above."""
    here = Path.cwd()
    return any((folder / STATE_DIR / "ports.json").is_file() for folder in (here, *here.parents))


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file; empty if the file is absent or half-written."""
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def write_private(path: Path, content: str) -> None:
    """Replace a file atomically; only its owner can read it."""
    descriptor, partial = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    with os.fdopen(descriptor, "w") as file:
        file.write(content)
    Path(partial).replace(path)


def token() -> str | None:
    """Return the API token of the environment."""
    return os.environ.get("YARD_TOKEN") or None


def checkout() -> Path:
    """Return the root of the Trainyard checkout: that of this source file, else of this folder.

    Raises:
        YardError: neither is in a checkout.
    """
    for folder in (Path(__file__).resolve(), Path.cwd() / "-"):
        for parent in folder.parents:
            if (parent / "apps/trainer-ultralytics/trainer.json").is_file():
                return parent
    raise YardError(
        "no Trainyard checkout found",
        "this command runs parts of the platform from its source folder",
        "change into a clone of Trainyard and run it again",
        Code.USAGE,
    )


def trainer_python() -> Path:
    """Return the Python of the trainer's own environment, which has torch and Ultralytics.

    Raises:
        YardError: it is not installed.
    """
    named = os.environ.get("YARD_TRAINER_PYTHON")
    python = Path(named) if named else checkout() / "apps/trainer-ultralytics/.venv/bin/python"
    if not python.is_file():
        raise YardError(
            "the trainer's environment is not installed",
            f"there is no {python}",
            "run `make dev` once in the checkout, or set YARD_TRAINER_PYTHON",
            Code.USAGE,
        )
    return python


def cache_dir() -> Path:
    """Return the folder that keeps pulled models."""
    return Path(platformdirs.user_cache_dir("trainyard"))
