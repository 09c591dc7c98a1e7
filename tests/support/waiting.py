"""Waiting for what must become true."""

import time
from collections.abc import Callable
from typing import Any


def wait_for(
    condition: Callable[[], Any],
    seconds: float,
    explain: Callable[[], object] = lambda: "",
    *,
    catch: type[Exception] | tuple[()] = (),
) -> Any:
    """Poll until `condition()` is true and return what it returned.

    Raises:
        AssertionError: it was not within `seconds`; carries what `explain()` says.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if value := condition():
                return value
        except catch:
            pass
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s: {explain()}")
