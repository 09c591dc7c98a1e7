"""Tokens: what each kind lets its holder do, how they end, and who is told to have done what."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import api_support
import httpx
import pytest
import servers
from api_support import Api, add_dataset, add_running
from backend.auth.service import create_token
from backend.infra.database import utcnow
from backend.infra.retry import every
from backend.state.tokens import Access, ApiToken, sha256
from sqlalchemy import event

NAMES = (
    "x' OR '1'='1",
    'a"; DROP TABLE api_tokens; --',
    "%",
    "../jobs",
    "",
    "a" * 64,
    "a\nb",
    "-a",
)


@pytest.fixture
async def asking(database_url: str, tmp_path: Path) -> AsyncIterator[Api]:
    """A backend that asks for tokens; `http` sends an administrator's."""
    chosen = api_support.settings(database_url, tmp_path, api_auth="on")
    async with api_support.serving(chosen) as api:
        _, secret = await create_token(api.ctx.db, "root")
        api.http.headers["Authorization"] = f"Bearer {secret}"
        yield api


def bearing(api: Api, secret: str) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {secret}"}
    return httpx.AsyncClient(base_url=api.url, headers=headers, timeout=60)


async def made(api: Api, name: str, **fields: Any) -> str:
    """The secret of a new token."""
    reply = await api.http.post("/api/v1/tokens", json={"name": name, **fields})
    assert reply.status_code == 201, reply.text
    return str(reply.json()["token"])


async def row(api: Api, name: str, **columns: Any) -> ApiToken:
    async with api.ctx.db.transaction() as session:
        token = await session.get_one(ApiToken, name)
        for column, value in columns.items():
            setattr(token, column, value)
    return token


async def until(api: Api, secret: str, status: int) -> httpx.Response:
    """The first answer with this status; within seconds."""
    async with asyncio.timeout(20), bearing(api, secret) as http:
        while (reply := await http.get("/api/v1/jobs")).status_code != status:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    return reply


async def test_each_kind_of_token_does_what_it_may(asking: Api) -> None:
    running, dataset_id = await add_running(asking.ctx), await add_dataset(asking.ctx)
    submit = {"dataset_id": dataset_id, "trainer": "plain"}
    announce = {"name": "a", "task": "detect", "size": 10**15}
    reading, writing = await made(asking, "watch", access="read"), await made(asking, "ci")
    async with bearing(asking, reading) as http:
        for path in (running.path, "/api/v1/jobs", "/api/v1/datasets", "/api/v1/trainers"):
            assert (await http.get(path)).status_code == 200, path
        # Links that take data are no reading.
        assert (await http.get(f"/api/v1/datasets/{dataset_id}/upload")).status_code == 405
        writes = [
            ("POST", "/api/v1/jobs", submit),
            ("POST", "/api/v1/attached-jobs", {"trainer": "plain", "task": "detect"}),
            ("POST", "/api/v1/datasets", announce),
            ("POST", f"{running.path}/cancel", None),
            ("DELETE", running.path, None),
            ("POST", f"/api/v1/datasets/{dataset_id}/upload", None),
            ("DELETE", f"/api/v1/datasets/{dataset_id}", None),
            ("PUT", f"/api/v1/weights/{'0' * 64}", {"name": "a.pt", "size": 1}),
            ("POST", "/api/v1/no/such/address", None),
        ]
        for method, path, body in writes:
            refused = await http.request(method, path, json=body)
            assert (refused.status_code, refused.json()["title"]) == (403, "Token only reads"), path
    async with bearing(asking, writing) as http:
        assert (await http.post("/api/v1/jobs", json=submit)).json()["created_by"] == "ci"
        # Neither manages tokens, not even by making one that would.
        for secret in (reading, writing):
            http.headers["Authorization"] = f"Bearer {secret}"
            for method, path, body in (
                ("GET", "/api/v1/tokens", None),
                ("POST", "/api/v1/tokens", {"name": "mine"}),
                ("DELETE", "/api/v1/tokens/root", None),
                ("DELETE", "/api/v1/tokens/ci", None),
            ):
                assert (await http.request(method, path, json=body)).status_code == 403, path
    wanted = {"name": "more", "access": "admin"}
    assert (await asking.http.post("/api/v1/tokens", json=wanted)).status_code == 422


async def test_who_made_a_job_and_a_dataset_stays_told(
    database_url: str, tmp_path: Path, store: servers.S3Server
) -> None:
    chosen = api_support.settings(database_url, tmp_path, store, api_auth="on")
    async with api_support.serving(chosen) as api:
        await api.ctx.store.ensure_buckets()
        _, secret = await create_token(api.ctx.db, "ci")
        api.http.headers["Authorization"] = f"Bearer {secret}"
        body = {"name": "a", "task": "detect", "size": 1}
        dataset = (await api.http.post("/api/v1/datasets", json=body)).json()
        attached = {"trainer": "plain", "task": "detect"}
        job = (await api.http.post("/api/v1/attached-jobs", json=attached)).json()
        for path in (f"/api/v1/datasets/{dataset['id']}", f"/api/v1/jobs/{job['id']}"):
            assert (await api.http.get(path)).json()["created_by"] == "ci"


async def test_a_token_that_is_revoked_ends_everywhere(
    asking: Api, database_url: str, tmp_path: Path
) -> None:
    """On other replicas too, and with it the streams that it follows."""
    running = await add_running(asking.ctx)
    secret = await made(asking, "leaked")
    chosen = api_support.settings(database_url, tmp_path, api_auth="on")
    async with api_support.serving(chosen) as other, bearing(other, secret) as http:  # noqa: SIM117
        async with http.stream("GET", f"{running.path}/events") as stream:
            lines = stream.aiter_lines()
            assert await anext(lines) == "event: state"
            assert (await asking.http.delete("/api/v1/tokens/leaked")).status_code == 204
            for api in (asking, other):
                assert "'leaked' was revoked." in (await until(api, secret, 401)).json()["detail"]
            await api_support.set_job(other.ctx, running.job_id, message="for others")
            await other.ctx.bus.publish(running.job_id)
            async with asyncio.timeout(20):
                assert "for others" not in "".join([line async for line in lines])
    # The name stays taken: what the token made tells it by that.
    again = await asking.http.post("/api/v1/tokens", json={"name": "leaked"})
    assert again.status_code == 409
    first = (await row(asking, "leaked")).revoked_at
    assert (await asking.http.delete("/api/v1/tokens/leaked")).status_code == 204
    assert (await row(asking, "leaked")).revoked_at == first
    assert (await asking.http.delete("/api/v1/tokens/other")).status_code == 404


async def test_a_token_ends_when_it_expires(asking: Api) -> None:
    secret = await made(asking, "short", expires_in_s=60)
    await until(asking, secret, 200)
    await row(asking, "short", expires_at=utcnow() - timedelta(seconds=1))
    assert "'short' has expired." in (await until(asking, secret, 401)).json()["detail"]
    for wrong in (0, 59, -1, 10**12, "1d"):
        body = {"name": "wrong", "expires_in_s": wrong}
        assert (await asking.http.post("/api/v1/tokens", json=body)).status_code == 422


async def test_names_are_names(asking: Api) -> None:
    for name in NAMES:
        reply = await asking.http.post("/api/v1/tokens", json={"name": name})
        assert reply.status_code == 422, name
        reply = await asking.http.delete("/api/v1/tokens/" + quote(name, safe=""))
        assert reply.status_code in {307, 404, 405, 422}, name
    listed = (await asking.http.get("/api/v1/tokens")).json()["items"]
    assert [one["name"] for one in listed] == ["root"]
    for secret in NAMES:
        headers = {"Authorization": f"Bearer '{secret}'".replace("\n", "")}
        assert (await asking.http.get("/api/v1/jobs", headers=headers)).status_code == 401


@pytest.mark.databases("sqlite")
async def test_no_secret_is_told_twice(asking: Api, caplog: pytest.LogCaptureFixture) -> None:
    """Not by the list, whose pages lead on, nor by a log."""
    with caplog.at_level(logging.DEBUG):
        secrets = [await made(asking, f"token-{number}") for number in range(3)]
        for secret in secrets:
            async with bearing(asking, secret) as http:
                # Where it does not belong: one that was pasted in the wrong place.
                await http.get("/api/v1/jobs", params={"name": secret})
                await http.post("/api/v1/jobs", json={"dataset_id": secret}, params={"a": secret})
                await http.delete(f"/api/v1/tokens/{secret}")
                await http.post(f"/api/v1/jobs/x{secret}/cancel")
        page = (await asking.http.get("/api/v1/tokens", params={"limit": 2})).json()
        rest = {"limit": 2, "cursor": page["next_cursor"]}
        second = (await asking.http.get("/api/v1/tokens", params=rest)).json()
    names = [one["name"] for one in page["items"] + second["items"]]
    assert names == ["token-2", "token-1", "token-0", "root"]
    told = json.dumps([page, second]) + "".join(
        record.getMessage() for record in caplog.records if record.name.startswith("backend")
    )
    for secret in secrets:
        assert secret not in told
        assert sha256(secret) not in told


@pytest.mark.databases("sqlite")
async def test_every_write_has_a_line(asking: Api, caplog: pytest.LogCaptureFixture) -> None:
    running = await add_running(asking.ctx)
    caplog.set_level(logging.INFO, "backend.audit")
    watch = await made(asking, "watch", access="read")
    await asking.http.post(f"{running.path}/cancel", headers={"X-Forwarded-For": "192.0.2.7"})
    async with bearing(asking, watch) as http:
        await http.get("/api/v1/jobs")
        await http.delete(running.path)
    async with bearing(asking, "wrong") as http:
        await http.post("/api/v1/jobs/a%22%0A{}/retry")
        await http.post(f"{running.path}/heartbeat", json={}, headers=running.headers)
    found = [json.loads(one.getMessage()) for one in caplog.records if one.name == "backend.audit"]
    assert [(one["who"], one["method"], one["path"], one["status"]) for one in found] == [
        ("root", "POST", "/api/v1/tokens", 201),
        ("root", "POST", f"{running.path}/cancel", 202),
        ("watch", "DELETE", running.path, 403),
        (None, "POST", '/api/v1/jobs/a"\n{}/retry', 401),
    ]
    assert [one["forwarded_for"] for one in found] == ["", "192.0.2.7", "", ""]
    assert {one["from"] for one in found} == {"127.0.0.1"}


async def test_the_last_use_is_noted_without_a_write_a_request(asking: Api) -> None:
    written: list[str] = []

    def note(*about: Any) -> None:
        if about[2].startswith("UPDATE api_tokens"):
            written.append(str(about[3]))

    event.listen(asking.ctx.db.engine.sync_engine, "before_cursor_execute", note)
    noting = asyncio.create_task(every(0.5, asking.app.state.tokens.note_uses))
    secret, began = await made(asking, "ci"), utcnow()
    async with bearing(asking, secret) as http:
        for _ in range(20):
            assert (await http.get("/api/v1/trainers")).status_code == 200
    async with asyncio.timeout(20):
        while (used := (await row(asking, "ci")).last_used_at) is None:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    noting.cancel()
    assert abs(used - began) < timedelta(seconds=20)
    assert 1 <= len([one for one in written if "'ci'" in one]) <= 2


async def test_where_no_token_is_asked_for_none_is_made(api: Api) -> None:
    """One that was made now would be a way in once API_AUTH is on."""
    for method, path in (("POST", ""), ("GET", ""), ("DELETE", "/root")):
        reply = await api.http.request(method, f"/api/v1/tokens{path}", json={"name": "later"})
        assert (reply.status_code, reply.json()["title"]) == (409, "No tokens here")


@pytest.mark.databases("sqlite")
async def test_the_configured_token_administers(database_url: str, tmp_path: Path) -> None:
    chosen = api_support.settings(
        database_url, tmp_path, api_auth="on", api_token_sha256=sha256("mine")
    )
    async with api_support.serving(chosen) as api, bearing(api, "mine") as http:
        made = (await http.post("/api/v1/tokens", json={"name": "ci", "access": "read"})).json()
        assert (made["access"], made["created_by"]) == (Access.READ, "yard dev")
        # What it is called is no name of a token.
        taken = {"name": "yard dev"}
        assert (await http.post("/api/v1/tokens", json=taken)).status_code == 422
