"""The API holds what its OpenAPI document says, whatever is sent to it."""

import asyncio
import re
import subprocess
from pathlib import Path

import api_support
import pytest
import servers

CHECKS = ["not_a_server_error", "status_code_conformance", "content_type_conformance"]
CHECKS += ["response_schema_conformance", "response_headers_conformance"]


# PostgreSQL refuses more than SQLite: numbers of more than 64 bits, NUL in a text.
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_api_conforms_to_its_document(
    database_url: str, tmp_path: Path, store: servers.S3Server
) -> None:
    async with api_support.serving(api_support.settings(database_url, tmp_path, store)) as api:
        await api.ctx.store.ensure_buckets()
        command = [str(servers.SCRIPTS / "schemathesis"), "run", f"{api.url}/openapi.json"]
        command += ["--checks", ",".join(CHECKS), "--phases", "examples,coverage,fuzzing"]
        command += ["--max-examples", "5", "--generation-database", "none", "--no-color"]
        command += ["--request-timeout", "20", "--seed", "1"]
        done = await asyncio.to_thread(
            subprocess.run, command, cwd=tmp_path, capture_output=True, text=True, check=False
        )
    assert done.returncode == 0, done.stdout[-8000:]


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


async def test_the_document_s_page_needs_nothing_but_the_backend(api: api_support.Api) -> None:
    page = (await api.http.get("/docs")).text
    files = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(files) == 3  # style, icon, script
    for file in files:
        assert (await api.http.get(file)).status_code == 200, file
    assert "//" not in "".join(files)
