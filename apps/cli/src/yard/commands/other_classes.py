"""What starts anew in a training whose weights know other classes than its dataset."""

from contextlib import suppress

from yard.client import Client, Json
from yard.commands.model_registry import job_of
from yard.errors import YardError


def told(api: Client, reference: str, on: Json) -> str | None:
    """What the weights of a job or registered model bring to the dataset; None where they fit.

    None too where the server does not know their classes: of other weights the training's log
    tells it.
    """
    if not reference.startswith(("job:", "model:")):
        return None
    with suppress(YardError):  # the job or its dataset was deleted meanwhile: the job goes on
        kind, _, name = reference.partition(":")
        job = job_of(api, name.partition("/")[0] if kind == "job" else reference)
        if job["dataset_id"] and not job["config"].get("single_cls"):
            own = api.get(f"/datasets/{job['dataset_id']}")
            return _told(_classes(own), _classes(on), on["task"])
    return None


def _told(ours: list[str], theirs: list[str], task: str) -> str | None:
    pairs = zip(ours, theirs, strict=False)
    fits = len(ours) == len(theirs) and (
        # A classifier's head is taken as it is.
        task == "classify" or all(own == one or own not in theirs for own, one in pairs)
    )
    if fits or not ours or not theirs:
        return None
    return (
        f"its weights know {len(ours)} classes, and the dataset has others, {len(theirs)}: the "
        "head's outputs for them start anew, but for those that a detector knows by name; all "
        "else that fits is taken"
    )


def _classes(dataset: Json) -> list[str]:
    return [one["name"] for one in (dataset["report"] or {}).get("classes", [])]
