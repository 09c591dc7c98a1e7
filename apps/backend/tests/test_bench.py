"""The bench's jobs are jobs, and its trainers' requests are taken: CI never runs the bench."""

import httpx
import pytest
from api_support import Api
from heartbeats import heartbeat
from replica import seed


@pytest.mark.databases("postgresql")
async def test_a_backend_takes_the_benchs_heartbeats(api: Api) -> None:
    # As the bench does it: jobs that a new replica finds running.
    for turn, target in enumerate(await seed(api.ctx.settings.database_url, 2)):
        sent = heartbeat(target, turn)
        headers = {"Authorization": f"Bearer {sent.token}", "Content-Type": "application/json"}
        reply = await api.http.post(sent.path, content=sent.body, headers=headers)
        assert reply.status_code == httpx.codes.OK, reply.text
        assert reply.json()["interval_s"] > 0
