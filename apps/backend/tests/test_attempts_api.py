"""What is told of the attempts of a job."""

from typing import Any

import pytest
from api_support import Api, add_running, set_attempt
from backend.infra.database import utcnow
from backend.state.causes import CAUSE_RULES, Cause
from backend.state.jobs import Attempt

pytestmark = pytest.mark.databases("postgresql")


async def test_attempts_are_told_with_causes_in_words_and_by_pages(api: Api) -> None:
    running = await add_running(api.ctx, attempt=121)
    ended: dict[str, Any] = {
        "ended_at": utcnow(),
        "message": "Its exit code was 1.",
        "exit_code": 1,
    }
    crashed = ended | {"cause": "trainer_crashed", "epoch": 2, "system": {"cpu_percent": 97.5}}
    await set_attempt(api.ctx, running.job_id, **crashed)
    more = {"job_id": running.job_id, "executor": "kubernetes", "token_sha256": "secret"}
    async with api.ctx.db.transaction() as session:
        session.add_all(Attempt(number=number, **more) for number in range(2, 121))
        session.add(Attempt(number=121, **more, **ended))  # not judged yet
    path = f"{running.path}/attempts"
    reply = await api.http.get(path)
    latest, *others = reply.json()["items"]
    assert (latest["number"], latest["exit_code"]) == (121, 1)
    assert (latest["cause"], latest["message"]) == (None, None)
    assert [one["number"] for one in others] == [*range(120, 21, -1)]
    assert "secret" not in reply.text
    rest = (await api.http.get(path, params={"before": 22})).json()["items"]
    assert [one["number"] for one in rest] == [*range(21, 0, -1)]
    first = rest[-1]
    sentence = CAUSE_RULES[Cause.TRAINER_CRASHED].sentence
    assert (first["cause"], first["message"]) == (
        "trainer_crashed",
        f"{sentence} Its exit code was 1.",
    )
    assert (first["epoch"], first["system"]) == (2, {"cpu_percent": 97.5})
    assert (await api.http.get(path, params={"before": 0})).status_code == 422
    assert (await api.http.get("/api/v1/jobs/000000000000/attempts")).status_code == 404
