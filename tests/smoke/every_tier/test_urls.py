"""Each documented URL shows its page."""

import httpx
import pytest
from support.cluster import MLFLOW_LOGIN

PAGES = {
    "http://localhost:30300": "<title>Trainyard",
    "http://localhost:30300/api/v1/jobs": '"items"',
    "http://localhost:30080/docs": "Trainyard",
    "http://localhost:30900/minio/health/ready": "",
    "http://localhost:30901": "MinIO",
    f"http://{MLFLOW_LOGIN}@localhost:30500": "<title>MLflow",
    "http://localhost:30090": "Prometheus",
    "http://localhost:30233": "sveltekit",
}


@pytest.mark.parametrize("url", PAGES)
def test_answers_with_its_page(url: str) -> None:
    reply = httpx.get(url, follow_redirects=True, timeout=30)
    assert reply.status_code == 200
    assert PAGES[url] in reply.text


def test_every_link_of_the_page_leads_somewhere() -> None:
    links = httpx.get("http://localhost:30300/config.json").json()["links"]
    assert set(links) >= {"minio", "mlflow", "prometheus", "temporal"}
    replies = {
        name: httpx.get(url, follow_redirects=True, timeout=30) for name, url in links.items()
    }
    asked = dict.fromkeys(links, 200) | {"mlflow": 401}  # for a password
    assert {name: reply.status_code for name, reply in replies.items()} == asked
