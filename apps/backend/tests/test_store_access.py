"""An attempt's keys for the store: enough for its training, and for nothing else."""

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import api_support
import data_support
import httpx
import pytest
import servers
from api_support import Api, Running, add_running, set_attempt
from backend.infra.database import new_id, utcnow
from backend.infra.object_store import ObjectStore, ObjectStoreError
from backend.state.jobs import Job
from backend.state.store_access import attempt_keys
from support.store_attacks import (
    Given,
    Others,
    attacks,
    changed,
    failures,
    put_all,
    refused,
    rights,
    ways_to_more,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

pytestmark = pytest.mark.databases("sqlite")


@pytest.fixture
async def api(database_url: str, store: servers.S3Server, tmp_path: Path) -> AsyncIterator[Api]:
    async with api_support.serving(api_support.settings(database_url, tmp_path, store)) as api:
        await api.ctx.store.ensure_buckets()
        yield api


async def ask(api: Api, running: Running) -> httpx.Response:
    return await api.http.post(f"{running.path}/credentials", headers=running.headers)


async def test_a_trainer_does_its_work_and_gets_at_nothing_else(
    api: Api, store: servers.S3Server, s3: "S3Client"
) -> None:
    given = Given(new_id(), 2, new_id(), f"{new_id()}/3/artifacts/best (1).pt")
    others = Others(new_id(), new_id(), f"weights/{new_id()}.pt")
    weights = {"name": "w", "key": given.weights_key, "sha256": ""}
    job = Job(id=given.job_id, dataset_id=given.dataset_id, weights=weights)
    variables = await attempt_keys(api.ctx.store, api.ctx.settings, job, given.attempt)
    put_all(s3, given, others)
    for suffix in ("zip", "jsonl"):
        s3.put_object(Bucket="datasets", Key=f"{given.dataset_id}.{suffix}", Body=b"data")
    own = store.for_attempt(variables).client()
    assert failures(rights(own, given)) == {}
    attempts = attacks(own, given, others)
    assert [name for name, call in attempts.items() if not refused(call)] == []
    assert ways_to_more(store.endpoint, variables) == []
    assert changed(s3, others) == []


async def test_an_attempt_s_keys_are_renewed_when_half_of_their_time_is_over(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = await add_running(api.ctx)
    first = (await ask(api, running)).json()
    left = datetime.fromisoformat(first["AWS_CREDENTIAL_EXPIRATION"]) - datetime.now(UTC)
    assert timedelta(hours=11.9) < left < timedelta(hours=12.1)
    assert (await ask(api, running)).json() == first
    later = time.monotonic() + 6 * 3600 + 1
    monkeypatch.setattr("backend.infra.object_store.time", SimpleNamespace(monotonic=lambda: later))
    assert (await ask(api, running)).json()["AWS_SESSION_TOKEN"] != first["AWS_SESSION_TOKEN"]
    await set_attempt(api.ctx, running.job_id, ended_at=utcnow())
    assert (await ask(api, running)).status_code == 409
    assert (await ask(api, running._replace(token="another"))).status_code == 401


async def test_who_hands_out_no_keys_is_named(store: servers.S3Server) -> None:
    changed = data_support.settings(store, trainer_role_arn="arn:aws:iam::000000000000:role/none")
    opened = ObjectStore(changed)
    await opened.ensure_buckets()
    with pytest.raises(ObjectStoreError, match=r"hands out no keys .*TRAINER_ROLE_ARN.*=shared"):
        await opened.check()
    await opened.close()
    opened = ObjectStore(data_support.settings(store, trainer_credentials="shared"))
    await opened.check()
    shared = await opened.session_keys("any", {})
    assert shared == {
        "AWS_ACCESS_KEY_ID": store.access_key,
        "AWS_SECRET_ACCESS_KEY": store.secret_key,
    }
    await opened.close()


@pytest.mark.parametrize(
    "asked",
    [
        {"Action": "AssumeRole", "RoleArn": "arn:aws:iam::000000000000:role/attempt"},
        {"Action": "AssumeRoleWithWebIdentity", "WebIdentityToken": "x"},
        {"Action": "CreateAccessKey", "UserName": "tests"},
    ],
    ids=lambda asked: str(asked["Action"]),
)
async def test_who_signs_nothing_gets_no_keys(
    store: servers.S3Server, asked: dict[str, str]
) -> None:
    """As a web page sends it to `yard dev`, or another user of its machine."""
    body = asked | {"RoleSessionName": "page", "Version": "2011-06-15"}
    async with httpx.AsyncClient() as client:
        reply = await client.post(store.endpoint, data=body)
    assert reply.status_code in {400, 403}, reply.text


async def test_an_attached_script_gets_no_keys(api: Api) -> None:
    body = {"trainer": "plain", "task": "detect"}
    told = (await api.http.post("/api/v1/attached-jobs", json=body)).json()
    at, headers = f"/api/v1/jobs/{told['id']}", {"Authorization": f"Bearer {told['token']}"}
    assert (await api.http.post(f"{at}/heartbeat", json={}, headers=headers)).status_code == 200
    asked = await api.http.post(f"{at}/credentials", headers=headers)
    assert asked.status_code == 409
    assert "AWS" not in asked.text
