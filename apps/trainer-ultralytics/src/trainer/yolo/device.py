"""The device that a config names, as Ultralytics takes it."""

import torch

from trainer.contract import AttemptError, Cause


def device_of(name: str, ranks: int = 1) -> str:
    """`auto` is the first GPU where there is one, else the CPU; `ranks` take as many from there on.

    Raises:
        AttemptError: it names a GPU that is not there.
    """
    gpus = torch.cuda.device_count()
    if name == "auto":
        name = "0" if gpus else "cpu"
    if not name.isdigit():
        return name
    taken = range(int(name), int(name) + ranks)
    if taken[-1] >= gpus:
        raise AttemptError(
            Cause.CONFIG_INVALID,
            f"device is {name}{f' and {ranks} GPUs are asked for' if ranks > 1 else ''}, but this "
            f"machine has {gpus or 'no'} GPUs: choose 'auto' or 'cpu'.",
        )
    return ",".join(map(str, taken))
