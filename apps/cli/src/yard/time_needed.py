"""How long a job would take, as the most alike of earlier ones on its data took; the page reckons the same."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from yard import formatting
from yard.client import Client, Json

_AMONG = 50
# Of its resources, those that change how long an epoch takes.
_RESOURCES = ("gpu", "nodes")
_SHOWN_FIELDS = 4


class Estimate(NamedTuple):
    """Seconds: of an epoch, from the start to the first batch, and of the whole job.

    `total` is None where the config does not say how many epochs. `like` is the job that took so
    long, `apart` the config fields and resources that the two do not share.
    """

    epoch: float
    start: float
    total: float | None
    like: Json
    apart: list[str]


def estimate(earlier: Sequence[Json], plan: Json) -> Estimate | None:
    """Return what the jobs of the same data say of the plan, newest first; None where none of them tells."""
    best = None
    for job in earlier:
        times = [job[name] for name in ("started_at", "first_step_at", "finished_at")]
        is_whole = job["attempt"] == 1 and job["trainer"] == plan["trainer"]
        if not is_whole or None in times or job["epoch"] is None:
            continue
        apart = [
            key
            for part, keys in (("config", job["config"]), ("resources", _RESOURCES))
            for key in keys
            if key != "epochs" and _differ(job[part].get(key), plan[part].get(key))
        ]
        # The newest of those that are alike.
        if best is not None and len(apart) >= len(best.apart):
            continue
        started, first, end = map(formatting.parse_time, times)
        each = (end - first).total_seconds() / (job["epoch"] + 1)
        start = (first - started).total_seconds()
        epochs = plan["config"].get("epochs")
        total = start + each * epochs if type(epochs) is int else None
        best = Estimate(each, start, total, job, apart)
    return best


def _differ(one: Any, other: Any) -> bool:
    """As JSON has it, where true is not 1."""
    return one != other or isinstance(one, bool) != isinstance(other, bool)


def told(api: Client, plan: Json) -> str:
    """Return the estimate in words."""
    query = {"dataset_id": plan["dataset_id"], "status": "succeeded", "limit": _AMONG}
    found = estimate(api.get("/jobs", **query)["items"], plan)
    if found is None:
        return "not known: no job on this dataset has succeeded"
    total = "" if found.total is None else f"≈ {formatting.duration(found.total)}: "
    first = formatting.duration(found.start + found.epoch)
    other = ", ".join(found.apart[:_SHOWN_FIELDS])
    return (
        f"{total}{formatting.duration(found.epoch)} an epoch, the first after {first}, as "
        f"{found.like['name'] or found.like['id'][:6]} took{other and f', with other {other}'}"
    )
