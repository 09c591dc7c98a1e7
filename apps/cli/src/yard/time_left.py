"""How long a job still trains, from the times at which its own epochs ended; the page reckons the same."""

import datetime as dt
import itertools
import math
import statistics
from collections.abc import Sequence

from yard import formatting
from yard.client import Json

# The latest tell best: the first epoch is slower than those that follow.
_LATEST = 10


def estimate(
    ends: Sequence[dt.datetime], left: int, now: dt.datetime
) -> tuple[float, float | None] | None:
    """Return seconds until the last epoch is through, and their standard error.

    Args:
        ends: when the epochs of the running attempt ended, oldest first.
        left: how many epochs are to come.
        now: the time.

    Returns:
        None before two epochs have ended; no error before three have.
    """
    latest = ends[-_LATEST - 1 :]
    spans = [(b - a).total_seconds() for a, b in itertools.pairwise(latest)]
    if not spans:
        return None
    seconds = statistics.fmean(spans) * left - (now - latest[-1]).total_seconds()
    if len(spans) == 1:
        return max(0.0, seconds), None
    # Each epoch to come varies, and all of them by what the mean is wrong.
    error = statistics.stdev(spans) * math.sqrt(left + left**2 / len(spans))
    return max(0.0, seconds), error


def told(job: Json, rows: Sequence[Json], now: dt.datetime) -> str | None:
    """Return the time left in words; `rows` are the metrics of the job's epochs, in order."""
    epochs = job["config"].get("epochs")
    if job["status"] != "running" or type(epochs) is not int:
        return None
    own = [row for row in rows if row["attempt"] == job["attempt"]]
    ends = [formatting.parse_time(row["at"]) for row in own]
    left = epochs - 1 - own[-1]["epoch"] if own else epochs
    if (found := estimate(ends, left, now)) is None:
        return None
    seconds, error = found
    text = f"≈ {formatting.duration(seconds)}"
    return text if error is None else f"{text} ± {formatting.duration(error)}"
