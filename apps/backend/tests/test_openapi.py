"""The API holds what its OpenAPI document says, whatever is sent to it."""

import asyncio
import re
import subprocess
from pathlib import Path

import api_support
import pytest
import servers
from backend.app import create_app
from backend.auth.service import create_token
from backend.state.statuses import JobStatus

# Each operation with the token it takes; trainers' callbacks for a job that runs. A live view of
# that job would never end, so the one of a finished job is followed.
CONFIG = """
headers = {{ Authorization = "Bearer {user}" }}

[[operations]]
include-tag = "callbacks"
headers = {{ Authorization = "Bearer {trainer.token}" }}
parameters = {{ "path.id" = "{trainer.job_id}" }}

[[operations]]
include-operation-id = "follow_job"
parameters = {{ "path.id" = "{finished.job_id}" }}

# The list's live view never ends; test_event_stream.py follows it.
[[operations]]
include-operation-id = "follow_jobs"
enabled = false

# Not the token that the requests bear.
[[operations]]
include-operation-id = "revoke_token"
parameters = {{ "path.name" = "other" }}

# Whether a config fits its trainer, and which parts have arrived, no document can say.
[[operations]]
include-operation-id = ["create_job", "attach_job", "complete_upload"]
checks.positive_data_acceptance.enabled = false

# How large an archive may be is a setting: 413, as documented. 204 answers a dry run.
[[operations]]
include-operation-id = "create_dataset"
checks.positive_data_acceptance.expected-statuses = [200, 201, 204, 413]

# What is refused has no answer whose ids the next request could take.
[phases.stateful]
generation.mode = "positive"
generation.max-examples = 8
"""


# PostgreSQL refuses more than SQLite: numbers of more than 64 bits, NUL in a text.
@pytest.mark.databases("postgresql")
async def test_api_conforms_to_its_document(
    database_url: str, tmp_path: Path, store: servers.S3Server
) -> None:
    chosen = api_support.settings(database_url, tmp_path, store, api_auth="on")
    async with api_support.serving(chosen) as api:
        await api.ctx.store.ensure_buckets()
        await api_support.add_dataset(api.ctx)
        trainer = await api_support.add_running(api.ctx)
        finished = await api_support.add_running(api.ctx, JobStatus.SUCCEEDED)
        _, user = await create_token(api.ctx.db, "schemathesis")
        config = CONFIG.format(user=user, trainer=trainer, finished=finished)
        (tmp_path / "schemathesis.toml").write_text(config)
        command = [str(servers.SCRIPTS / "schemathesis"), "run", f"{api.url}/openapi.json"]
        command += ["--max-examples", "5", "--generation-database", "none", "--no-color"]
        command += ["--request-timeout", "20", "--seed", "1"]
        done = await asyncio.to_thread(
            subprocess.run, command, cwd=tmp_path, capture_output=True, text=True, check=False
        )
    assert done.returncode == 0, done.stdout[-8000:]


async def test_document_asks_for_a_token_where_one_is_needed(tmp_path: Path) -> None:
    for api_auth in ("on", "off"):
        chosen = api_support.settings("sqlite+aiosqlite://", tmp_path, api_auth=api_auth)
        paths = create_app(chosen).openapi()["paths"]
        assert ("security" in paths["/api/v1/jobs"]["get"]) == (api_auth == "on")
        assert "security" in paths["/api/v1/jobs/{id}/finish"]["post"]


@pytest.mark.databases("sqlite")
async def test_document_is_complete(api: api_support.Api) -> None:
    document = (await api.http.get("/openapi.json")).json()
    names = []
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            names.append(operation["operationId"])
            assert operation["tags"], (method, path)
            assert operation["summary"], (method, path)
            if path.startswith("/api/"):
                assert "application/problem+json" in operation["responses"]["422"]["content"]
    assert len(names) == len(set(names))
    assert {"create_job", "follow_job", "heartbeat", "create_dataset"} <= set(names)


@pytest.mark.databases("sqlite")
async def test_the_document_s_page_needs_nothing_but_the_backend(api: api_support.Api) -> None:
    page = (await api.http.get("/docs")).text
    files = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(files) == 3  # style, icon, script
    for file in files:
        assert (await api.http.get(file)).status_code == 200, file
    assert "//" not in "".join(files)
