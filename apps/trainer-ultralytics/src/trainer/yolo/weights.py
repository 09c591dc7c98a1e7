"""Reads what weights are for, as Ultralytics will load them: no code of theirs runs."""

from pathlib import Path
from typing import NamedTuple, get_args, get_type_hints

from ultralytics.nn.tasks import load_checkpoint

from trainer.contract import AttemptError, Cause
from trainer.train_config import TrainConfig
from trainer.yolo import architecture
from trainer.yolo.failures import readable


class Purpose(NamedTuple):
    """What weights are for: `models` are those of a config that they fit, one, or none that is known.

    `classes` are the names of what they tell apart, by index.
    """

    task: str
    models: list[str]
    classes: list[str]


def read(path: Path, name: str) -> Purpose:
    """What the weights are for.

    Raises:
        AttemptError: they are no checkpoint of Ultralytics.
    """
    try:
        model, _ = load_checkpoint(path)
    except Exception as error:
        # Where the file lies here is nobody's business.
        why = readable(str(error).replace(str(path), name))
        raise AttemptError(
            Cause.CONFIG_INVALID,
            f"The weights {name} cannot be read: {why.rstrip('.')}. Nothing of them was run.",
        ) from error
    family, scale = Path(str(model.yaml.get("yaml_file", ""))).stem, model.yaml.get("scale", "")
    named, *_ = get_args(get_type_hints(TrainConfig)["model"])
    models = [
        one for one in get_args(named) if one == family or (one[:-1] in family and one[-1] == scale)
    ]
    return Purpose(model.task, models, listed(model.names))


def listed(names: dict[int, str] | list[str]) -> list[str]:
    """Names of classes by index, of which Ultralytics has a dict or a list."""
    return [
        str(names[at]) for at in (sorted(names) if isinstance(names, dict) else range(len(names)))
    ]


def moved(ours: list[str], theirs: list[str]) -> str | None:
    """A class that both have, at different places."""
    both = set(ours) & set(theirs)
    return next(
        (one for at, one in enumerate(ours) if one in both and [one] != theirs[at : at + 1]), None
    )


def require_fitting(path: Path, name: str, task: str, wanted: str) -> list[str]:
    """The weights' classes, once they can be read and are for this task and model.

    Raises:
        AttemptError: they are not.
    """
    its_task, models, classes = read(path, name)
    if its_task != task:
        raise AttemptError(
            Cause.CONFIG_INVALID,
            f"The weights {name} are for the task {its_task}, the dataset is for {task}.",
        )
    if wanted not in models and not architecture.is_text(wanted):  # which takes what fits of any
        raise AttemptError(
            Cause.CONFIG_INVALID,
            f"The weights {name} belong to another model than {wanted}: "
            "set model to the one they were trained with.",
        )
    return classes
