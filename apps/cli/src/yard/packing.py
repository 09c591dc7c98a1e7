"""Looks at a dataset's folder before it is packed."""

from pathlib import Path

from trainyard_datasets import layout
from trainyard_datasets.files import IMAGE_SUFFIXES, Files, is_image
from trainyard_datasets.folder import Folder
from trainyard_datasets.problems import RejectedError

from yard.errors import Code, YardError


def scan(root: Path) -> Folder:
    """Find the images, the label files and data.yaml; leave out caches, links and hidden files.

    Raises:
        YardError: there is no such folder, or no image in it.
    """
    if not root.is_dir():
        raise YardError(
            f"{root} is not a folder", todo="name the dataset's folder", code=Code.NOT_FOUND
        )
    folder = Folder(root)
    if not any(map(is_image, folder.names)):
        raise YardError(
            f"there is no image in {root}",
            f"looked for {', '.join(sorted(IMAGE_SUFFIXES))} in all its folders",
            f"its {folder.links} symbolic links are not followed: copy what they lead to (cp -rL)"
            if folder.links
            else "give the folder that holds data.yaml with images/ and labels/ "
            "(or train/ and val/ with one folder per class, to classify)",
            Code.USAGE,
        )
    return folder


def guess_task(files: Files) -> str:
    """Return the task that the files look made for.

    Raises:
        YardError: there are label files, but no data.yaml, or it cannot be read.
    """
    try:
        return layout.guess_task(files)
    except RejectedError as error:
        raise YardError(
            "the task cannot be guessed", error.message, "fix data.yaml, or add --task", Code.USAGE
        ) from error
