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
    """The service did not answer, or not sensibly: worth another try."""


def until_answered(call: Callable[[], T], abandon: Event, patience_s: float | None = None) -> T:
    """Try `call` until the service answers, giving up when `abandon` is set or patience ends.

    Raises:
        UnreachableError: that of the last try.
    """
    gives_up = stop_when_event_set(abandon)
    return Retrying(
        retry=retry_if_exception_type(UnreachableError),
        wait=wait_exponential(multiplier=0.1, max=2),
        sleep=sleep_using_event(abandon),
        stop=stop_any(gives_up, stop_after_delay(patience_s)) if patience_s else gives_up,
        reraise=True,
    )(call)
