"""What a job starts from: weights that the platform keeps, or a file that an earlier job left."""

import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import api_support
import httpx
import pytest
import servers
from api_support import Api, add_running, get_job, set_job
from backend.orchestration.attempt_env import attempt_env
from backend.state.artifacts import Artifact
from backend.state.jobs import Attempt
from backend.state.statuses import JobStatus
from pickled_weights import archive, model, text
from weights_support import MANIFEST, made, push, send, submit

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

pytestmark = pytest.mark.databases("postgresql")


@pytest.fixture
async def api(
    database_url: str, tmp_path: Path, store: servers.S3Server, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Api]:
    monkeypatch.setattr(api_support, "MANIFEST", MANIFEST)
    async with api_support.serving(api_support.settings(database_url, tmp_path, store)) as api:
        await api.ctx.store.ensure_buckets()
        yield api


async def finished(api: Api, name: str) -> str:
    job = await add_running(api.ctx, JobStatus.SUCCEEDED, name=name, config={"model": "yolo11s"})
    async with api.ctx.db.transaction() as session:
        for file, sha256 in (
            ("best.pt", "a" * 64),
            ("last.pt", "b" * 64),
            ("own.pt", None),
            ("results.csv", "c" * 64),
        ):
            session.add(Artifact(job_id=job.job_id, name=file, attempt=2, size=1, sha256=sha256))
    return job.job_id


async def test_a_job_starts_from_the_pretrained_weights_of_its_model_if_they_are_there(
    api: Api,
) -> None:
    data = made(api.url)
    assert (await submit(api, None))["weights"] is None
    sha256 = (await push(api, data, "yolo11n.pt", task="detect", model="yolo11n"))["sha256"]
    wanted = {"name": "yolo11n.pt", "sha256": sha256}
    job = await submit(api, None)
    assert (job["weights"], sha256) == (wanted, hashlib.sha256(data).hexdigest())
    row = await get_job(api.ctx, job["id"])
    env = attempt_env(api.ctx.settings, row, Attempt(number=1), None, "token")
    assert env["WEIGHTS_KEY"] == f"weights/{sha256}.pt"
    for weights, task, config in (
        (None, "detect", {"model": "yolo11s"}),
        (None, "segment", {}),
        ("none", "detect", {}),
    ):
        assert (await submit(api, weights, task, **config))["weights"] is None


async def test_weights_are_kept_once_and_listed_and_deleted(api: Api, s3: "S3Client") -> None:
    data = made(f"kept {api.url}")
    first = await push(api, data, "ours.pt")
    again = await push(api, data, "ours.pt", model="yolo11x")
    assert (again["sha256"], again["size"]) == (first["sha256"], len(data))
    # What jobs name so does not vanish because somebody gives it another name.
    renamed = await send(api, data, "mine.pt", data)
    assert (renamed.status_code, renamed.json()["title"]) == (409, "Weights kept already")
    assert "kept as ours.pt. Name it so, or delete that first" in renamed.json()["detail"]
    newer = await push(api, made(f"newer {api.url}"), "ours.pt", model="yolo11s")
    listed = (await api.http.get("/api/v1/weights")).json()
    assert (listed["items"], listed["next_cursor"]) == ([newer, again], None)
    begin: dict[str, Any] = {"name": "ours.pt", "limit": 1}
    page = (await api.http.get("/api/v1/weights", params=begin)).json()
    rest = {**begin, "cursor": page["next_cursor"]}
    last = (await api.http.get("/api/v1/weights", params=rest)).json()
    assert page["items"] + last["items"] == [newer, again]
    prefix = {"id_prefix": first["sha256"][:9]}
    found = (await api.http.get("/api/v1/weights", params=prefix)).json()["items"]
    assert found == [again]
    job = await submit(api, "ours.pt")
    assert job["weights"]["sha256"] == newer["sha256"]
    assert job["config"]["model"] == "yolo11s"  # theirs, not the default
    old = await submit(api, f"sha256:{first['sha256']}")
    path = f"/api/v1/weights/{first['sha256']}"
    refused = await api.http.delete(path)
    assert (refused.status_code, refused.json()["title"]) == (409, "Weights in use")
    assert old["id"] in refused.json()["detail"]
    await set_job(api.ctx, old["id"], status=JobStatus.FAILED)
    assert (await api.http.delete(path)).status_code == 204
    assert (await api.http.delete(path)).status_code == 404
    kept = s3.list_objects_v2(Bucket="models", Prefix=f"weights/{first['sha256']}")
    assert kept["KeyCount"] == 0


async def test_without_a_host_official_weights_have_to_be_pushed(api: Api) -> None:
    refused = await submit(api, "yolo11s.pt", model="yolo11s")
    assert "`yard weights push yolo11s.pt` puts them there" in refused["detail"]
    assert (await submit(api, None, model="yolo11s"))["weights"] is None


@pytest.mark.parametrize("content", [b"damaged", b"longer than it was announced to be"])
async def test_another_file_than_was_announced_is_refused(api: Api, content: bytes) -> None:
    for _ in range(2):  # what was refused is gone
        reply = await send(api, b"onlyone", "a.pt", content)
        kept = (await api.http.get("/api/v1/weights")).json()["items"]
        assert (reply.status_code, kept) == (200 if len(content) > 7 else 422, [])
        assert "upload" in reply.json() or "Push it again" in reply.json()["detail"]


async def test_weights_are_judged_whoever_sends_them(api: Api, s3: "S3Client") -> None:
    poison = archive(pickled=b"cos\nsystem\n" + text(f"touch {api.url}") + b"\x85R.")
    bomb = archive(pickled=b"\x80\x02" + b"N" * (9 << 20) + b".", compressed=True)
    detector = archive(("best/data/0", api.url.encode()), pickled=model("DetectionModel"))
    for data, claims, words in (
        (poison, {}, "own.pt is refused: it names os.system"),
        (bomb, {}, "own.pt is refused: its best/data.pkl is too large"),
        (api.url.encode(), {}, "own.pt is refused: PyTorch has not written it"),
        (detector, {"task": "segment"}, "it is for the task detect, not segment"),
        (detector, {"model": "yolo11x"}, "it is for the model yolo11n, not yolo11x"),
    ):
        refused = await send(api, data, "own.pt", data, **claims)
        assert (refused.status_code, refused.json()["title"]) == (422, "Weights refused")
        assert words in refused.json()["detail"]
        assert refused.json()["detail"].endswith("Nothing of it was run.")
        key = f"weights/{hashlib.sha256(data).hexdigest()}.pt"
        # What only the sender was wrong about needs no second upload.
        left = s3.list_objects_v2(Bucket="models", Prefix=key)["KeyCount"]
        assert left == len(claims)
    kept = await push(api, detector, "own.pt")
    assert (kept["task"], kept["model"]) == ("detect", "yolo11n")
    # A wrong claim costs those that are kept nothing.
    assert (await send(api, detector, "own.pt", detector, task="pose")).status_code == 422
    assert (await submit(api, "own.pt"))["weights"]["sha256"] == kept["sha256"]


async def test_a_split_that_the_dataset_has_not_is_refused_at_submit(api: Api) -> None:
    rules = {"default": "val", "description": "Which images.", "split": True}
    own = {"type": "object", "properties": {"split": rules}}
    judge = MANIFEST | {"name": "splits", "config_schema": own}
    (api.ctx.settings.trainers_dir / "splits.json").write_text(json.dumps(judge))
    images = {"images": {"train": 8, "val": 2, "test": 0}}
    assert (await submit(api, "none", trainer="splits"))["config"] == {"split": "val"}
    refused = await submit(api, "none", trainer="splits", report=images, split="test")
    [error] = refused["errors"]
    assert error["field"] == "config.split"
    assert "no images in test: set split to train or val" in error["message"]


async def test_a_job_starts_from_what_an_earlier_one_left(api: Api) -> None:
    assert (await submit(api, None))["weights"] is None
    await finished(api, "night run")
    id_ = await finished(api, "night run")
    for reference, file, sha256 in (
        (id_, "best.pt", "a" * 64),
        ("night run", "best.pt", "a" * 64),
        (f"{id_}/last.pt", "last.pt", "b" * 64),
    ):
        job = await submit(api, f"job:{reference}")
        assert job["weights"] == {"name": f"job:{id_}/{file}", "sha256": sha256}
        assert job["config"] == {"model": "yolo11s"}  # theirs, not the default
    row = await get_job(api.ctx, job["id"])
    env = attempt_env(api.ctx.settings, row, Attempt(number=2), None, "token")
    assert env["WEIGHTS_NAME"] == f"job:{id_}/last.pt"
    assert env["WEIGHTS_KEY"] == f"{id_}/2/artifacts/last.pt"
    assert env["WEIGHTS_SHA256"] == "b" * 64


async def test_a_job_stays_until_those_that_start_from_its_files_have_ended(api: Api) -> None:
    id_ = await finished(api, "night run")
    user = await submit(api, f"job:{id_}/last.pt")
    refused = await api.http.delete(f"/api/v1/jobs/{id_}")
    assert (refused.status_code, refused.json()["title"]) == (409, "Job in use")
    assert user["id"] in refused.json()["detail"]
    another = await submit(api, f"job:{id_}")  # what was refused changed nothing
    for job, status in ((user, 409), (another, 204)):
        await set_job(api.ctx, job["id"], status=JobStatus.FAILED)
        reply = await api.http.delete(f"/api/v1/jobs/{id_}")
        assert reply.status_code == status, reply.text
    assert "no weights" in (await submit(api, f"job:{id_}"))["detail"]


async def test_a_job_whose_weights_were_deleted_is_retried_only_from_a_checkpoint(
    api: Api, s3: "S3Client"
) -> None:
    id_ = await finished(api, "night run")
    pushed = await push(api, made(f"gone {api.url}"), "gone.pt")
    users = [await submit(api, one) for one in (f"job:{id_}/last.pt", "gone.pt", "gone.pt")]

    async def retried(job: dict[str, Any]) -> httpx.Response:
        await set_job(api.ctx, job["id"], status=JobStatus.FAILED)
        return await api.http.post(f"/api/v1/jobs/{job['id']}/retry")

    assert [(await retried(job)).status_code for job in users] == [202] * 3
    for job in users:
        await set_job(api.ctx, job["id"], status=JobStatus.FAILED)
    for path in (f"jobs/{id_}", f"weights/{pushed['sha256']}"):
        assert (await api.http.delete(f"/api/v1/{path}")).status_code == 204
    for job, name in zip(users, (f"job:{id_}/last.pt", "gone.pt"), strict=False):
        refused = await retried(job)
        assert (refused.status_code, refused.json()["title"]) == (409, "Job not to be retried")
        assert f"Its weights {name} were deleted" in refused.json()["detail"]
    s3.put_object(Bucket="models", Key=f"{users[2]['id']}/1/checkpoint", Body=b"trained")
    assert (await retried(users[2])).status_code == 202


async def test_weights_that_do_not_fit_are_refused_at_submit(api: Api) -> None:
    id_ = await finished(api, "night run")
    await push(api, made(f"seg {api.url}"), "seg.pt", task="segment", model="yolo11n")
    await push(api, made(f"big {api.url}"), "big.pt", task="detect", model="yolo11x")
    for weights, config, task, words in (
        (
            "none.pt",
            {},
            "detect",
            "There are no weights 'none.pt'. Name kept weights, an ended job's model, or none.",
        ),
        (f"sha256:{'0' * 64}", {}, "detect", "no weights 'sha256:00"),
        ("seg.pt", {}, "detect", "seg.pt is for segment, this job is for detect"),
        (
            "big.pt",
            {"model": "yolo11n"},
            "detect",
            "big.pt is for yolo11x, this job is for yolo11n",
        ),
        ("job:0123456789ab", {}, "detect", "no weights 'job:0123456789ab'"),
        (f"job:{id_}/own.pt", {}, "detect", f"Name job:{id_}/best.pt, job:{id_}/last.pt, or none"),
        ("job:night run/results.csv", {}, "detect", f"results.csv'. Name job:{id_}/best.pt, "),
        (f"job:{id_}", {}, "segment", "best.pt is for detect, this job is for segment"),
        (
            f"job:{id_}",
            {"model": "yolo11x"},
            "detect",
            "best.pt is for yolo11s, this job is for yolo11x",
        ),
        ("a\x00b", {}, "detect", "match"),
    ):
        refused = await submit(api, weights, task, **config)
        assert refused["errors"][0]["field"] == "weights"
        assert words in refused["errors"][0]["message"]
    # A model that is told as text takes what fits of any weights.
    assert (await submit(api, "big.pt", model="backbone:\nhead:\n"))["weights"]["name"] == "big.pt"


async def test_a_trainer_that_works_on_weights_takes_its_maker_s_of_any_model(api: Api) -> None:
    judge = {key: MANIFEST[key] for key in MANIFEST.keys() - {"pretrained", "config_schema"}}
    judge |= {"name": "judge", "needs_weights_of": "plain"}
    judge["config_schema"] = {"type": "object", "properties": {}}
    (api.ctx.settings.trainers_dir / "judge.json").write_text(json.dumps(judge))
    id_ = await finished(api, "night run")
    name = f"big{api.url.rpartition(':')[2]}.pt"
    await push(api, made(f"judged {api.url}"), name, task="detect", model="yolo11x")
    for weights, found in (("job:night run", f"job:{id_}/best.pt"), (name, name)):
        assert (await submit(api, weights, trainer="judge"))["weights"]["name"] == found
    for given, task, words in (
        (None, "detect", "judge works on weights of plain. Name some."),
        ("none", "detect", "judge works on weights of plain. Name some."),
        (name, "segment", f"{name} is for detect, this job is for segment. Name others."),
        ("job:gone", "detect", "'job:gone'. Name kept weights, an ended job's model."),
    ):
        refused = await submit(api, given, task, trainer="judge")
        assert words in refused["errors"][0]["message"]
    starter = {key: MANIFEST[key] for key in MANIFEST.keys() - {"pretrained", "needs_weights_of"}}
    (api.ctx.settings.trainers_dir / "own.json").write_text(json.dumps(starter | {"name": "own"}))
    refused = await submit(api, name, trainer="own")
    takes_none = f"own takes no kept weights '{name}'. Name an ended job's model, or none."
    assert refused["errors"][0]["message"] == takes_none
