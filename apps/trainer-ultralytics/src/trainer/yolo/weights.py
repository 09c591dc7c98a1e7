"""Reads what weights are for, as Ultralytics will load them: no code of theirs runs."""

from pathlib import Path
from typing import get_args, get_type_hints

from ultralytics.nn.tasks import load_checkpoint

from trainer.contract import AttemptError, Cause
from trainer.train_config import TrainConfig
from trainer.yolo import architecture
from trainer.yolo.failures import readable


def read(path: Path, name: str) -> tuple[str, list[str]]:
    """The task, and which `model` of a config the weights fit: one, or none that is known.

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
    return model.task, [
        one for one in get_args(named) if one == family or (one[:-1] in family and one[-1] == scale)
    ]


def require_fitting(path: Path, name: str, task: str, wanted: str) -> None:
    """Raise an AttemptError unless the weights can be read and are for this task and model."""
    its_task, models = read(path, name)
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
