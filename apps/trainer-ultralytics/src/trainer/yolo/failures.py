"""Translates exceptions of Ultralytics and torch into causes and messages for the user."""

import re
import traceback
from pathlib import Path

import torch

from trainer.contract import AttemptError, Cause

_DATASET_CODE = {"get_dataset", "build_dataset"}
_MODEL_CODE = {"get_model"}
_IMAGE_WORDS = "Image Not Found "  # said of what is there, too, and cannot be decoded
_CONFIG_WORDS = ("final batch=1", "froze the entire model", "Invalid CUDA", "Invalid device")
_LINE_CHARS = 400


def to_attempt_error(error: BaseException) -> AttemptError:
    """The cause and message of an exception that has ended the training."""
    if isinstance(error, AttemptError):
        return error
    text = readable(str(error))
    if isinstance(error, torch.cuda.OutOfMemoryError):
        return AttemptError(
            Cause.GPU_OUT_OF_MEMORY,
            "The GPU's memory ran out: lower batch or imgsz, or take a smaller model.",
        )
    if isinstance(error, MemoryError) or "can't allocate memory" in text:
        return AttemptError(
            Cause.OUT_OF_MEMORY,
            "Memory ran out: lower batch or imgsz, or give the job more memory.",
        )
    if any(words in text for words in _CONFIG_WORDS):
        return AttemptError(Cause.CONFIG_INVALID, f"The config cannot be used: {text}")
    _, damaged, path = text.partition(_IMAGE_WORDS)
    if damaged:
        text = f"the image {Path(path).name} is damaged; repair it or leave it out, and push again"
    calls = {frame.name for frame in traceback.extract_tb(error.__traceback__)}
    if damaged or (isinstance(error, Exception) and calls & _DATASET_CODE):
        return AttemptError(Cause.DATASET_INVALID, f"The dataset cannot be used: {text}")
    cause, words = Cause.TRAINER_CRASHED, f"The training failed: {type(error).__name__}"
    if isinstance(error, Exception) and calls & _MODEL_CODE:
        cause, words = Cause.CONFIG_INVALID, "The model cannot be built"
    return AttemptError(cause, f"{words}: {text}")


def readable(text: str) -> str:
    """One line without pictographs, terminal colours, links to documentation and other models."""
    text = re.sub(r"\x1b\[[0-9;]*m|[^\x00-\u2fff]|[\u2600-\u27bf]|\bSee https?://\S+", "", text)
    text = re.sub(r"\bUse an official Ultralytics model, i\.e\. '[^']*'", "", text)
    return " ".join(text.split())[:_LINE_CHARS]
