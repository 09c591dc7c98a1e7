"""Who may call the API: holders of a token, and no page of another site."""

from pathlib import Path

import api_support
import pytest
from api_support import add_running
from backend.auth.service import create_token
from backend.state.tokens import sha256

pytestmark = pytest.mark.databases("postgresql")


async def test_api_tokens(database_url: str, tmp_path: Path) -> None:
    chosen = api_support.settings(database_url, tmp_path, api_auth="on")
    async with api_support.serving(chosen) as api:
        running = await add_running(api.ctx)
        _, token = await create_token(api.ctx.db, "ci")
        for headers in ({}, {"Authorization": "Bearer no"}, {"Authorization": f"Basic {token}"}):
            reply = await api.http.get("/api/v1/jobs", headers=headers)
            assert reply.status_code == 401
            assert "python -m backend token create NAME" in reply.json()["detail"]
            assert reply.headers["www-authenticate"] == "Bearer"
        # A trainer's token opens its callbacks and nothing else; an API token none of them.
        right = {"Authorization": f"Bearer {token}"}
        assert (await api.http.get("/api/v1/jobs", headers=right)).status_code == 200
        assert (await api.http.get(running.path, headers=running.headers)).status_code == 401
        for headers, status in ((running.headers, 200), (right, 401)):
            reply = await api.http.post(f"{running.path}/heartbeat", json={}, headers=headers)
            assert reply.status_code == status
        for path in ("/healthz", "/readyz", "/metrics"):
            assert (await api.http.get(path)).status_code in {200, 503}


@pytest.mark.databases("sqlite")
async def test_the_token_of_the_environment(database_url: str, tmp_path: Path) -> None:
    chosen = api_support.settings(
        database_url, tmp_path, api_auth="on", api_token_sha256=sha256("mine")
    )
    async with api_support.serving(chosen) as api:
        for token, status in (("mine", 200), (sha256("mine"), 401)):
            headers = {"Authorization": f"Bearer {token}"}
            assert (await api.http.get("/api/v1/jobs", headers=headers)).status_code == status


OF_PAGES: list[tuple[str, dict[str, str], int]] = [
    ("GET", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403),
    ("POST", {"Sec-Fetch-Site": "cross-site", "Origin": "http://evil.example"}, 403),
    ("POST", {"Sec-Fetch-Site": "same-site", "Origin": "http://127.0.0.1:9"}, 403),
    ("POST", {"Origin": "http://evil.example"}, 403),
    ("POST", {"Origin": "null"}, 403),
    ("DELETE", {"Origin": "http://127.0.0.1:9"}, 403),
    ("POST", {"Sec-Fetch-Site": "cross-site", "Origin": "https://ours.example"}, 404),
    ("POST", {"Sec-Fetch-Site": "same-origin", "Origin": "https://behind.example"}, 404),
    ("POST", {"Sec-Fetch-Site": "none"}, 404),
    ("POST", {"Origin": "http://any.name:30300", "Host": "any.name:30300"}, 404),
    ("POST", {"Origin": "http://any.name:30300", "Host": "any.name"}, 403),
    ("GET", {"Origin": "http://evil.example"}, 404),
    ("POST", {}, 404),
]


@pytest.mark.databases("sqlite")
async def test_pages_of_other_sites_are_refused(database_url: str, tmp_path: Path) -> None:
    ours = ["https://ours.example"]
    chosen = api_support.settings(database_url, tmp_path, cors_origins=ours)
    async with api_support.serving(chosen) as api:
        for method, headers, status in OF_PAGES:
            path = "/api/v1/jobs/0123456789ab" + ("/cancel" if method == "POST" else "")
            reply = await api.http.request(method, path, headers=headers)
            found = (reply.status_code, reply.headers["content-type"])
            assert found == (status, "application/problem+json"), (method, headers)
        probe = await api.http.get("/healthz", headers={"Sec-Fetch-Site": "cross-site"})
        assert probe.status_code == 200


@pytest.mark.databases("sqlite")
async def test_a_name_that_leads_here_is_refused_where_names_are_listed(
    database_url: str, tmp_path: Path
) -> None:
    chosen = api_support.settings(database_url, tmp_path, allowed_hosts=["127.0.0.1", "localhost"])
    async with api_support.serving(chosen) as api:
        for host, status in (("rebound.example:8000", 400), ("localhost:3000", 200)):
            for path in ("/api/v1/jobs", "/healthz"):
                reply = await api.http.get(path, headers={"Host": host})
                assert reply.status_code == status
