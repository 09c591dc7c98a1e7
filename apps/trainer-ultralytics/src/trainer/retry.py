"""Repeats a call to a service that does not answer."""

from collections.abc import Callable
from threading import Event
from typing import TypeVar

from tenacity import (
    Retrying,
    retry_if_exception_type,
    sleep_using_event,
    stop_after_delay,
    stop_any,
    stop_when_event_set,
    wait_exponential,
)

T = TypeVar("T")


class UnreachableError(Exception):
    """The service did not answer, or with an error that may pass: try again."""


def until_answered(call: Callable[[], T], abandoned: Event, patience_s: float | None = None) -> T:
    """Repeat `call` until the service answers, `abandoned` is set or `patience_s` is over.

    Raises:
        UnreachableError: from the last call.
    """
    gives_up = stop_when_event_set(abandoned)
    return Retrying(
        retry=retry_if_exception_type(UnreachableError),
        wait=wait_exponential(multiplier=0.1, max=2),
        sleep=sleep_using_event(abandoned),
        stop=stop_any(gives_up, stop_after_delay(patience_s)) if patience_s else gives_up,
        reraise=True,
    )(call)
