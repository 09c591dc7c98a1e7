"""Registered models. MLflow keeps them; an alias moves here, past its gate."""

import re
from contextlib import suppress

from backend.artifacts.repository import left_by_a_job
from backend.context import Context
from backend.infra.database import utcnow
from backend.infra.mlflow import JOB_TAG, MlflowRefusedError, entries
from backend.infra.problems import Problem, wrong_fields
from backend.models import repository
from backend.models.schemas import ModelVersion, ModelVersionList, Promotion
from backend.state.artifacts import BEST
from backend.state.jobs import Job
from backend.state.statuses import JobStatus
from backend.tracking import files

_LOCK = 0x70726F6D
SHA256_TAG = "trainyard.sha256"


async def versions(ctx: Context, name: str | None, limit: int, cursor: str) -> ModelVersionList:
    """A page of the versions of one model, or of all."""
    query = {"max_results": str(limit), "page_token": cursor}
    query |= {"filter": f"name = '{name}'"} if name else {}
    found = await ctx.mlflow.call("GET", "model-versions/search", params=query)
    items = [ModelVersion.model_validate(one) for one in found.get("model_versions", [])]
    for each in {one.name for one in items}:  # the search tells no aliases
        reply = await ctx.mlflow.call("GET", "registered-models/get", params={"name": each})
        told = reply["registered_model"].get("aliases", [])
        for one in [one for one in items if one.name == each]:
            one.aliases = [to["alias"] for to in told if to["version"] == str(one.version)]
    return ModelVersionList(items=items, next_cursor=found.get("next_page_token") or None)


async def file_of(ctx: Context, reference: str) -> str:
    """The `job:ID/best.pt` that `NAME@ALIAS` or `NAME/VERSION` means now."""
    found = await _find(ctx, reference)
    if found is None:
        raise wrong_fields("Weights not usable", {"weights": await _there(ctx, reference)})
    return f"job:{found.tags.get(JOB_TAG)}/{BEST}"


async def register(ctx: Context, name: str, job_id: str) -> ModelVersion:
    """Make the job's best.pt the next version of the model.

    Raises:
        Problem: 409 when the job has none that stays, or MLflow has not got its run yet.
    """
    ctx.mlflow.require()
    async with ctx.db.reading() as session:
        job = await session.get(Job, job_id)
        file = await left_by_a_job(session, f"job:{job_id}/{BEST}")
    if job is None or file is None or job.status != JobStatus.SUCCEEDED:
        raise _refusal("No model", f"Job {job_id} has not succeeded, or has left no {BEST}.")
    if not job.mlflow_done:
        raise _refusal("Run on its way", "MLflow lacks the job's end. Try again shortly.")
    with suppress(MlflowRefusedError):  # there is one; else the next call is refused too
        await ctx.mlflow.post("registered-models/create", name=name)
    run_id = job.mlflow_run_id or ""
    store = f"s3://{ctx.settings.models_bucket}/{file['key'].removesuffix(f'/{BEST}')}"
    source = await files.folder_of_model(ctx, job_id, run_id) or store
    tags = entries({JOB_TAG: job_id, SHA256_TAG: file["sha256"]})
    what = {"name": name, "source": source, "run_id": run_id}
    made = await ctx.mlflow.post("model-versions/create", **what, tags=tags)
    return ModelVersion.model_validate(made["model_version"])


async def promote(ctx: Context, target: str, body: Promotion, user: str) -> ModelVersion:
    """Move an alias, `NAME@ALIAS`, to the version if it passes the gate.

    Raises:
        Problem: 409 when it does not, or was not judged on these images.
    """
    name, _, alias = target.partition("@")
    tag = f"trainyard.{alias}"
    # Else two could each pass against the same version.
    async with ctx.db.advisory_lock(_LOCK):
        asked = f"{name}/{body.version}"
        wanted, current = await _find(ctx, asked), await _find(ctx, target)
        if wanted is None:
            raise Problem(404, "Model not found", await _there(ctx, asked))
        stays = current is not None and current.version == wanted.version
        if stays and body.dataset_id is None:
            return current or wanted
        tags = {f"{tag}.by": user, f"{tag}.at": utcnow().isoformat(timespec="seconds")}
        if body.dataset_id is None:
            if current is None or current.tags.get(f"{tag}.replaced") != str(wanted.version):
                raise _refusal("No gate", f"{target} did not replace that version. Name a dataset.")
            tags[f"{tag}.gate"] = f"back from version {current.version}"
        else:
            value, told, sign = await _judged(ctx, wanted, body)
            bar = body.threshold
            if bar is None and current:
                bar, *_ = await _judged(ctx, current, body)
            least, less = ("least", "less") if sign > 0 else ("most", "more")
            if bar is not None and not sign * value >= sign * bar:
                raise _refusal("Gate not passed", f"{told}, {less} than {bar:g}. {target} stays.")
            tags[f"{tag}.gate"] = told + (f", at {least} {bar:g}" if bar is not None else "")
            tags[f"{tag}.replaced"] = str(current.version) if current else ""
        which = {"name": name, "version": str(wanted.version)}
        # One that has the alias already was judged, too; who has moved it there stays told.
        for key, text in ({} if stays else tags).items():
            await ctx.mlflow.post("model-versions/set-tag", **which, key=key, value=text)
        await ctx.mlflow.post("registered-models/alias", **which, alias=alias)
        return await _find(ctx, target) or wanted


async def _find(ctx: Context, reference: str) -> ModelVersion | None:
    name, at, alias = reference.partition("@")
    path, query = "registered-models/alias", {"name": name, "alias": alias}
    if not at:
        name, _, version = reference.partition("/")
        path, query = "model-versions/get", {"name": name, "version": version}
    with suppress(MlflowRefusedError):  # there is none
        found = await ctx.mlflow.call("GET", path, params=query)
        return ModelVersion.model_validate(found["model_version"])
    return None


async def _there(ctx: Context, reference: str) -> str:
    """That there is no such version, and what there is, in words."""
    name = re.split("[@/]", reference)[0].replace("'", "")
    there = (await versions(ctx, name, 20, "")).items or (await versions(ctx, None, 20, "")).items
    told = [" @".join([f"{one.name}/{one.version}", *one.aliases]) for one in there]
    what = ", ".join(told) or "none: `yard model register JOB NAME` makes one"
    return f"No registered model is {reference!r} (NAME@ALIAS or NAME/VERSION). There is {what}."


async def _judged(ctx: Context, version: ModelVersion, body: Promotion) -> tuple[float, str, int]:
    """The main metric of the version's latest evaluation on these images, how it is told, and -1 if less of it is better."""
    by = [one.name for one in ctx.trainers.all() if one.needs_weights_of]
    which, sha256 = f"{version.name}/{version.version}", version.tags.get(SHA256_TAG)
    async with ctx.db.reading() as session:
        for job in await repository.evaluations(session, sha256, body, by):
            if job.best and job.best["value"] is not None:
                value, metric = float(job.best["value"]), job.best["metric"]
                mains = [one.metrics.get(job.task) for one in ctx.trainers.all()]
                less = any(main and (main.main, main.goal) == (metric, "min") for main in mains)
                told = f"{which} has {metric} {value:g} by job {job.id}"
                return value, told, -1 if less else 1
    todo = f"yard model eval model:{which} --data {body.dataset_id} --split {body.split}"
    raise _refusal("Not judged", f"{which} was not judged on these images. Run `{todo}` first.")


def _refusal(title: str, detail: str) -> Problem:
    return Problem(409, title, detail)


async def require_unregistered(ctx: Context, job: Job) -> None:
    """Raise a Problem (409) while a registered model lies among the job's files."""
    if ctx.settings.mlflow_tracking_uri and job.mlflow_run_id and job.status == JobStatus.SUCCEEDED:
        query = {"filter": f"run_id = '{job.mlflow_run_id}'", "max_results": "1"}
        found = await ctx.mlflow.call("GET", "model-versions/search", params=query)
        for one in found.get("model_versions", []):
            which = f"{one['name']}/{one['version']}"
            raise _refusal("Model registered", f"{which} is its model. Delete that in MLflow.")
