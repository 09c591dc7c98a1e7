"""Poll until a condition holds."""

import time
from collections.abc import Callable
from typing import Any


def wait_for(
    condition: Callable[[], Any],
    seconds: float,
    explain: Callable[[], object] = lambda: "",
    *,
    catch: type[Exception] | tuple[type[Exception], ...] = (),
    every_s: float = 0.05,
) -> Any:
    """Poll every `every_s` until `condition()` is true, and return what it returned.

    Raises:
        AssertionError: the condition did not hold within `seconds`; the text ends with `explain()`.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if value := condition():
                return value
        except catch:
            pass
        time.sleep(every_s)
    raise AssertionError(f"not within {seconds} s: {explain()}")
