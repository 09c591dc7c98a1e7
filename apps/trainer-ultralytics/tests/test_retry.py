"""When repeating a call ends."""

import threading
import time

import pytest
from trainer.retry import UnreachableError, until_answered


def test_trying_ends_when_the_attempt_is_abandoned() -> None:
    abandon = threading.Event()
    threading.Timer(0.3, abandon.set).start()
    begun = time.monotonic()

    def fail() -> None:
        raise UnreachableError("down")

    with pytest.raises(UnreachableError):
        until_answered(fail, abandon)
    assert time.monotonic() - begun < 1
