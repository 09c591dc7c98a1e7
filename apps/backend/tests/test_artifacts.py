"""What a job left in the store, on both databases and a real store."""

import hashlib
from typing import TYPE_CHECKING

import api_support
import httpx
import pytest
from backend.artifacts import service
from backend.artifacts.service import register_artifacts
from backend.callbacks import log_repository
from backend.infra.database import new_id
from backend.orchestration.attempts import finalize
from backend.state.jobs import Attempt, Job
from backend.state.statuses import JobStatus
from data_support import Served

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

pytestmark = pytest.mark.databases("postgresql")


@pytest.fixture
async def job_id(served: Served) -> str:
    ctx, _ = served
    job = Job(
        id=new_id(),
        trainer="plain",
        task="detect",
        dataset_id=new_id(),
        config={},
        resources={},
        max_attempts=1,
        request_sha256="",
    )
    async with ctx.db.transaction() as session:
        session.add(job)
        await session.flush()
        for number in (1, 2, 9, 10):
            session.add(
                Attempt(job_id=job.id, number=number, executor="subprocess", token_sha256="")
            )
    return job.id


def put(s3: "S3Client", key: str, body: bytes, sha256: str | None = None) -> None:
    metadata = {"sha256": sha256} if sha256 else {}
    s3.put_object(Bucket="models", Key=key, Body=body, Metadata=metadata)


async def test_the_last_attempt_that_left_any_counts(
    served: Served, s3: "S3Client", job_id: str
) -> None:
    ctx, client = served
    put(s3, f"{job_id}/1/artifacts/best.pt", b"old")
    put(s3, f"{job_id}/2/artifacts/best.pt", b"model", "a" * 64)
    put(s3, f"{job_id}/2/artifacts/results.csv", b"a,b\n", "not a sha256")
    put(s3, f"{job_id}/10/checkpoint", b"checkpoint")
    for name in ("sub/folder.txt", "über", ".hidden"):
        put(s3, f"{job_id}/2/artifacts/{name}", b"x")
    await register_artifacts(ctx, job_id)
    await register_artifacts(ctx, job_id)
    items = (await client.get(f"/api/v1/jobs/{job_id}/artifacts")).json()["items"]
    assert [(item["name"], item["size"], item["sha256"], item["media_type"]) for item in items] == [
        ("best.pt", 5, "a" * 64, "application/octet-stream"),
        ("results.csv", 4, None, "text/csv"),
    ]
    async with httpx.AsyncClient() as plain:
        reply = await plain.get(items[0]["url"])
    assert reply.content == b"model"
    assert reply.headers["content-disposition"] == 'attachment; filename="best.pt"'


async def test_the_nodes_logs_of_each_attempt_stay_beside_what_the_last_one_left(
    served: Served, s3: "S3Client", job_id: str
) -> None:
    ctx, client = served
    put(s3, f"{job_id}/1/artifacts/best.pt", b"old")
    put(s3, f"{job_id}/2/artifacts/best.pt", b"model")
    put(s3, f"{job_id}/2/artifacts/attempt-1.node-1.log", b"not its own")
    for number in (1, 9, 10):
        put(s3, f"{job_id}/{number}/artifacts/attempt-{number}.node-1.log", b"%d" % number)
    await register_artifacts(ctx, job_id)
    items = (await client.get(f"/api/v1/jobs/{job_id}/artifacts")).json()["items"]
    async with httpx.AsyncClient() as plain:
        left = {item["name"]: (await plain.get(item["url"])).content for item in items}
    assert left == {
        "attempt-1.node-1.log": b"1",
        "attempt-10.node-1.log": b"10",
        "attempt-9.node-1.log": b"9",
        "best.pt": b"model",
    }


async def test_logs_of_nodes_take_no_place_from_what_the_model_needs(
    served: Served, s3: "S3Client", job_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MAX_ARTIFACTS", 3)
    ctx, client = served
    for name in ("best.pt", "model.onnx"):
        put(s3, f"{job_id}/2/artifacts/{name}", b"x")
    for number in (1, 2):
        put(s3, f"{job_id}/{number}/artifacts/attempt-{number}.node-1.log", b"x")
    assert "attempt-2.node-1.log" in str(await register_artifacts(ctx, job_id))
    items = (await client.get(f"/api/v1/jobs/{job_id}/artifacts")).json()["items"]
    names = [item["name"] for item in items]
    assert names == ["attempt-1.node-1.log", "best.pt", "model.onnx"]


async def test_names_with_spaces_and_brackets_are_taken_and_the_others_told(
    served: Served, s3: "S3Client", job_id: str
) -> None:
    ctx, client = served
    taken = ["best (1).pt", "confusion matrix [0].png", "lr=0.1,batch=8 {a}+b@c.csv"]
    for name in [*taken, "\u732b.png", "sub/folder.txt"]:
        put(s3, f"{job_id}/2/artifacts/{name}", b"x")
    assert await register_artifacts(ctx, job_id) == {
        "Not listed as artifacts, because of their names:": (
            "'2/artifacts/sub/folder.txt', '2/artifacts/\u732b.png'."
        )
    }
    items = (await client.get(f"/api/v1/jobs/{job_id}/artifacts")).json()["items"]
    assert sorted(item["name"] for item in items) == sorted(taken)
    async with httpx.AsyncClient() as plain:
        assert [(await plain.get(item["url"])).content for item in items] == [b"x"] * 3


async def test_the_model_and_its_results_come_before_the_cut_which_the_log_tells(
    served: Served, s3: "S3Client", job_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ctx, client = served
    monkeypatch.setattr(service, "MAX_ARTIFACTS", 4)
    wanted = ["best.pt", "evaluation.json", "last.pt", "results.csv"]
    for name in [*wanted, *(f"a{number}.png" for number in range(7))]:
        put(s3, f"{job_id}/2/artifacts/{name}", b"x")
    await api_support.set_job(ctx, job_id, attempt=10, status=JobStatus.RUNNING)
    for _ in range(2):
        await finalize(ctx, job_id, 10)
    items = (await client.get(f"/api/v1/jobs/{job_id}/artifacts")).json()["items"]
    assert [item["name"] for item in items] == wanted
    async with ctx.db.reading() as session:
        log = await log_repository.read(session, await session.get_one(Job, job_id), 0, 1000)
    named = ", ".join(f"'2/artifacts/a{number}.png'" for number in range(5))
    text = f"\n[trainyard] Not listed, beyond 4 artifacts: {named} and 2 more.\n"
    assert log.data.decode() == text


async def test_a_later_attempt_replaces_them(served: Served, s3: "S3Client", job_id: str) -> None:
    ctx, client = served
    put(s3, f"{job_id}/9/artifacts/best.pt", b"old")
    put(s3, f"{job_id}/9/artifacts/gone.png", b"old")
    await register_artifacts(ctx, job_id)
    put(s3, f"{job_id}/10/artifacts/best.pt", b"newer")
    await register_artifacts(ctx, job_id)
    items = (await client.get(f"/api/v1/jobs/{job_id}/artifacts")).json()["items"]
    assert [(item["name"], item["size"]) for item in items] == [("best.pt", 5)]


async def test_a_job_that_goes_on_has_what_there_is_so_far(
    served: Served, s3: "S3Client", job_id: str
) -> None:
    ctx, client = served

    async def sizes() -> dict[str, int]:
        items = (await client.get(f"/api/v1/jobs/{job_id}/artifacts")).json()["items"]
        return {item["name"]: item["size"] for item in items}

    await api_support.set_job(ctx, job_id, attempt=10, status=JobStatus.RUNNING)
    assert await sizes() == {}
    for name, body in (("last.pt", b"x"), ("best.pt", b"epoch 1"), ("best.pt", b"of epoch 2")):
        put(s3, f"{job_id}/9/artifacts/{name}", body)
        assert (await sizes())[name] == len(body)
    for status in (JobStatus.CANCELLED, JobStatus.RUNNING):  # cancelled while it waits for a retry
        await api_support.set_job(ctx, job_id, status=status)
        assert list(await sizes()) == ["best.pt", "last.pt"]
    await finalize(ctx, job_id, 10)
    put(s3, f"{job_id}/9/artifacts/late.txt", b"x")
    assert await sizes() == {"best.pt": 10, "last.pt": 1}


async def test_what_is_replaced_after_the_end_has_another_sha256_than_the_job_s(
    served: Served, s3: "S3Client", job_id: str
) -> None:
    """An attempt's keys outlive it, and it may write the metadata, too; finalizing may come twice."""
    ctx, client = served
    put(s3, f"{job_id}/9/artifacts/best.pt", b"model", hashlib.sha256(b"model").hexdigest())
    await api_support.set_job(ctx, job_id, attempt=10, status=JobStatus.RUNNING)
    await finalize(ctx, job_id, 10)
    put(s3, f"{job_id}/9/artifacts/best.pt", b"other", hashlib.sha256(b"other").hexdigest())
    put(s3, f"{job_id}/10/artifacts/best.pt", b"third", hashlib.sha256(b"third").hexdigest())
    await finalize(ctx, job_id, 10)
    [item] = (await client.get(f"/api/v1/jobs/{job_id}/artifacts")).json()["items"]
    assert item["sha256"] == hashlib.sha256(b"model").hexdigest()
    async with httpx.AsyncClient() as plain:
        assert (await plain.get(item["url"])).content == b"other"  # whoever compares, notices


@pytest.mark.parametrize("attempt", ["99999999999999999999", "2147483648", "3", "02", "\u0662"])
async def test_what_no_attempt_of_the_job_can_have_left(
    served: Served, s3: "S3Client", job_id: str, attempt: str
) -> None:
    """The keys of the store are shared by all trainers."""
    ctx, client = served
    put(s3, f"{job_id}/2/artifacts/best.pt", b"model")
    put(s3, f"{job_id}/{attempt}/artifacts/best.pt", b"other")
    await register_artifacts(ctx, job_id)
    items = (await client.get(f"/api/v1/jobs/{job_id}/artifacts")).json()["items"]
    assert [(item["name"], item["size"]) for item in items] == [("best.pt", 5)]
    async with httpx.AsyncClient() as plain:
        assert (await plain.get(items[0]["url"])).content == b"model"


async def test_none_and_no_such_job(served: Served, job_id: str) -> None:
    ctx, client = served
    await register_artifacts(ctx, job_id)
    reply = await client.get(f"/api/v1/jobs/{job_id}/artifacts")
    assert reply.json() == {"items": []}
    missing = await client.get(f"/api/v1/jobs/{new_id()}/artifacts")
    assert missing.status_code == 404
