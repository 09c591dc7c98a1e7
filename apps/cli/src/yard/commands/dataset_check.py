"""`yard dataset check`: the server's check of a dataset, on this machine."""

from pathlib import Path
from typing import Annotated

import typer
from trainyard_datasets.archive import Archive
from trainyard_datasets.files import Files
from trainyard_datasets.folder import Folder
from trainyard_datasets.problems import RejectedError

from yard import console, formatting, packing
from yard.commands.dataset import Task, print_report, print_scanned
from yard.errors import YardError
from yard.options import AsJson


def check(
    path: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder of a dataset, or a zip archive of one.")
    ],
    task: Annotated[
        Task | None, typer.Option(help="Default: guessed from the labels.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check a folder as the server does, without sending it; exit code 1: it would be rejected."""
    from trainyard_datasets.check import check_files  # noqa: PLC0415 - it imports Pillow

    files = _open(path)
    kind = task.value if task else packing.guess_task(files)
    if isinstance(files, Folder) and not as_json:
        print_scanned(files, kind, guessed=task is None)
    result = check_files(files, kind)
    report = result.report()
    status = "ready" if result.accepted else "rejected"
    if as_json:
        console.print_json({"status": status, "task": kind, "report": report})
    else:
        print_report([("status", formatting.status(status)), ("task", kind)], report)
    if not result.accepted:
        raise YardError(
            f"{path} would be rejected",
            "the problems are listed above; nothing could be trained on it",
            "fix the files and check again",
        )


def _open(path: Path) -> Files:
    """The files of a folder or an archive.

    Raises:
        YardError: it is neither, or there is no image in it.
    """
    if not path.is_file():
        return packing.scan(path)
    try:
        return Archive(path.open("rb"), path.stat().st_size)
    except RejectedError as error:
        where = f" ({error.file})" if error.file else ""
        raise YardError(f"{path} would be rejected", f"{error.message}{where}") from error
