"""Access from outside: one host name, TLS and an API token, through a real Ingress controller."""

from uuid import uuid4

import httpx
import pytest
from support.api import Api
from support.cluster import API_HEADERS, api_client, run


def test_the_page_and_its_files_are_served(api: Api) -> None:
    page = api.get("/")
    assert page.status_code == 200
    assert "<title>Trainyard" in page.text
    assert api.get("/config.json").json()["tier"] == "production, kubernetes training"


def test_the_certificate_is_the_host_s() -> None:
    """The client of all other tests trusts one authority only and asks for the host by name."""
    with api_client() as other:
        other.headers["Host"] = "elsewhere.example.com"
        with pytest.raises(httpx.ConnectError, match="certificate verify failed"):
            other.get("/")


def test_only_the_host_is_served(api: Api) -> None:
    host = {"sni_hostname": API_HEADERS["Host"]}
    with httpx.Client(base_url=str(api.base_url)) as other:
        reply = other.get("/", headers={"Host": "elsewhere.example.com"}, extensions=host)
    assert reply.status_code in {404, 421}


@pytest.mark.parametrize("path", ["jobs", "datasets", "trainers", "jobs/000000000000/events"])
def test_the_api_needs_a_token(path: str) -> None:
    with api_client() as stranger:
        del stranger.headers["Authorization"]
        assert stranger.get(f"/api/v1/{path}").status_code == 401
        stranger.headers["Authorization"] = "Bearer wrong"
        assert stranger.get(f"/api/v1/{path}").status_code == 401


@pytest.mark.parametrize("kind", ["heartbeat", "logs?offset=0", "finish", "credentials"])
def test_callbacks_are_not_routed(kind: str) -> None:
    with api_client() as stranger:
        stranger.headers["Authorization"] = f"Bearer {'x' * 43}"
        assert stranger.post(f"/api/v1/jobs/{'0' * 12}/{kind}", json={}).status_code == 404


def test_a_token_made_as_documented_opens_it(api: Api) -> None:
    assert api.get("/api/v1/jobs").status_code == 200
    command = "kubectl exec -n platform deployment/backend -- python -m backend token create"
    token = run(f"{command} {uuid4()}").stdout.strip()
    with api_client() as another:
        another.headers["Authorization"] = f"Bearer {token}"
        assert another.get("/api/v1/trainers").status_code == 200


def test_the_api_s_documentation_is_served_and_nothing_else_of_the_backend(api: Api) -> None:
    assert "swagger" in api.get("/docs").text
    assert api.get("/openapi.json").json()["openapi"]
    for path in ("/metrics", "/nothing"):
        assert api.get(path).status_code == httpx.codes.NOT_FOUND, path
