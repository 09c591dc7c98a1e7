"""Why a trainer ends, as it says itself by `finish`."""

import pytest
from api_support import Api, add_running, get_attempt
from backend.state.retry_policy import settled_cause


async def test_reported_cause_is_kept_and_made_harmless(api: Api) -> None:
    running = await add_running(api.ctx)
    body = {"cause": "gpu_out_of_memory", "message": "bad\x00 \x1b[31m" + "x" * 5000}
    reply = await api.http.post(f"{running.path}/finish", json=body, headers=running.headers)
    assert (reply.status_code, reply.content) == (204, b"")
    attempt = await get_attempt(api.ctx, running.job_id)
    assert attempt.reported_cause == "gpu_out_of_memory"
    assert attempt.reported_message is not None
    assert attempt.reported_message.startswith("bad\ufffd \ufffd[31m")
    assert len(attempt.reported_message) == 2000


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(
    ("known", "told", "kept"),
    [
        (None, "preempted", "preempted"),
        ("dataset_invalid", "out_of_memory", "out_of_memory"),
        # A supervisor saw only the exit code, and a node was stopped because another one failed.
        ("out_of_memory", "trainer_crashed", "out_of_memory"),
        ("out_of_memory", "preempted", "out_of_memory"),
        ("completed", "trainer_crashed", "trainer_crashed"),
        # Node 0 decides: what failed on another one has cost it nothing. It must exit with 0, too.
        ("out_of_memory", "completed", "completed"),
    ],
)
async def test_the_last_cause_counts_unless_it_says_less(
    api: Api, known: str | None, told: str, kept: str
) -> None:
    running = await add_running(api.ctx)
    for cause in filter(None, (known, told)):
        body = {"cause": cause, "message": f"It is {cause}."}
        reply = await api.http.post(f"{running.path}/finish", json=body, headers=running.headers)
        assert reply.status_code == 204
    attempt = await get_attempt(api.ctx, running.job_id)
    assert (attempt.reported_cause, attempt.reported_message) == (kept, f"It is {kept}.")


@pytest.mark.databases("sqlite")
async def test_what_an_attached_script_says_is_believed(api: Api) -> None:
    """Nobody sees its exit code."""
    for cause in ("completed", "preempted", "out_of_memory"):
        body = {"trainer": "plain", "task": "detect"}
        told = (await api.http.post("/api/v1/attached-jobs", json=body)).json()
        headers = {"Authorization": f"Bearer {told['token']}"}
        finish = f"/api/v1/jobs/{told['id']}/finish"
        reply = await api.http.post(finish, json={"cause": cause}, headers=headers)
        assert reply.status_code == 204
        assert settled_cause(await get_attempt(api.ctx, told["id"])) == cause


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("cause", ["cancelled", "node_lost", "nonsense"])
async def test_trainer_cannot_report_what_only_others_know(api: Api, cause: str) -> None:
    running = await add_running(api.ctx)
    reply = await api.http.post(
        f"{running.path}/finish", json={"cause": cause}, headers=running.headers
    )
    assert reply.status_code == 422
    assert "out_of_memory" in reply.json()["detail"]
    assert (await get_attempt(api.ctx, running.job_id)).reported_cause is None
