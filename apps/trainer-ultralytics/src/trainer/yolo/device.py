"""The device that a config names, as Ultralytics takes it."""

import torch

from trainer.contract import AttemptError, Cause


def device_of(name: str) -> str:
    """`auto` is the first GPU where there is one, else the CPU.

    Raises:
        AttemptError: it names a GPU that is not there.
    """
    gpus = torch.cuda.device_count()
    if name == "auto":
        return "0" if gpus else "cpu"
    if name.isdigit() and int(name) >= gpus:
        raise AttemptError(
            Cause.CONFIG_INVALID,
            f"device is {name}, but this machine has {gpus or 'no'} GPUs: choose 'auto' or 'cpu'.",
        )
    return name
