"""`yard job watch`, or `yard watch`: the live view of a job until its end, which submitting shows too."""

from yard.arguments import JobId
from yard.client import Client, Json
from yard.commands.job import FINISHED, fail_unless_succeeded
from yard.commands.job_follow import Follower, follow_json, show_result
from yard.console import out
from yard.errors import Code, YardError
from yard.options import AsJson, Url, client


def watch(job_id: JobId, url: Url = None, as_json: AsJson = False) -> None:
    """Show a job's epochs so far and follow it to its end, as `yard train` does.

    Ctrl-C leaves it running. The exit code tells how it ended.
    """
    api = client(url)
    job = api.find("jobs", job_id)
    to_end(api, job, _data(api, job), as_json=as_json)


def to_end(api: Client, job: Json, data: str, *, as_json: bool) -> None:
    """Follow a job to its end.

    Args:
        api: its server.
        job: as the server tells it.
        data: what it trains on, in words.
        as_json: whether to print a line of JSON per event instead.

    Raises:
        YardError: it does not succeed, or Ctrl-C ends the view.
    """
    try:
        job = _follow(api, job, data, as_json=as_json)
    except KeyboardInterrupt:
        short = job["id"][:6]
        raise YardError(
            f"no longer following job {job['id']}; it goes on",
            todo=f"`yard watch {short}` follows it again, `yard job cancel {short}` stops it",
            code=Code.INTERRUPTED,
        ) from None
    fail_unless_succeeded(job)


def start_of(job: Json) -> str:
    """Return what the job's training starts from."""
    return str((job.get("weights") or {"name": "scratch"})["name"])


def _follow(api: Client, job: Json, data: str, *, as_json: bool) -> Json:
    if as_json:
        follow_json(api, job["id"])
        return api.get(f"/jobs/{job['id']}")
    leave = "" if job["status"] in FINISHED else " · Ctrl-C leaves it running"
    out.print(
        f"job {job['id']} · {job['trainer']} · {job['task']} on {data} · "
        f"starts from {start_of(job)}{leave}"
    )
    job = Follower(job).run(api)
    if job["status"] == "succeeded":
        show_result(api, job)
    return job


def _data(api: Client, job: Json) -> str:
    """The dataset, by its id if it was deleted since."""
    if not job["dataset_id"]:
        return "its script's own data"
    try:
        found = api.get(f"/datasets/{job['dataset_id']}")
    except YardError as error:
        if error.code != Code.NOT_FOUND:
            raise
        return str(job["dataset_id"])
    return f"{found['name']}@{found['version']}"
