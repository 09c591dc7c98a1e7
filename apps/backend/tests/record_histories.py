"""Records the workflows' histories that `test_workflow_upgrades.py` replays: `PYTHONPATH=../../tests python tests/record_histories.py`.

Run it at each release. Those of earlier versions stay: a workflow that one of them began may run for weeks.
"""

import asyncio
import tempfile
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import servers
from backend.temporal.workflows import CheckWorkflow, Launched, Settled, TrainingWorkflow
from temporalio import activity
from temporalio.client import Client
from temporalio.worker import Worker

HISTORIES = Path(__file__).with_name("histories") / metadata.version("trainyard-backend")
# By history: the signals that arrive before the first task, and what the activities answer in turn.
TRAININGS: dict[str, tuple[list[tuple[str, list[int]]], dict[str, list[Any]]]] = {
    "two_attempts": (
        [("attempt_ended", [1]), ("attempt_ended", [2])],
        {
            "launch": [Launched(1, ended=False), Launched(2, ended=False)],
            "settle": [Settled(), Settled(delay_s=0.1), Settled(final=True)],
            "finalize": [None],
        },
    ),
    "cancelled_between_attempts": (
        [("cancelled", [])],
        {"launch": [Launched(1, ended=True), None], "settle": [Settled(delay_s=60)]},
    ),
    "retried_by_its_user": ([], {"launch": [None]}),
}


def _answering(answers: dict[str, list[Any]]) -> Sequence[Callable[..., Any]]:
    async def answer(*_: object) -> Any:
        return answers[activity.info().activity_type].pop(0)

    return [
        activity.defn(name=name)(_of_arguments(count, answer))
        for name, count in (("launch", 1), ("settle", 2), ("finalize", 2), ("preflight", 1))
    ]


def _of_arguments(count: int, answer: Callable[..., Any]) -> Callable[..., Any]:
    async def one(a: str) -> Any:
        return await answer(a)

    async def two(a: str, b: int) -> Any:
        return await answer(a, b)

    return one if count == 1 else two


async def _record(client: Client, name: str) -> None:
    signals, answers = TRAININGS.get(name, ([], {"preflight": [None]}))
    run = TrainingWorkflow.run if name in TRAININGS else CheckWorkflow.run
    handle: Any = await client.start_workflow(run, "0123456789ab", id=name, task_queue=name)
    worker = Worker(
        client,
        task_queue=name,
        workflows=[TrainingWorkflow, CheckWorkflow],
        activities=_answering(answers),
    )
    for signal, arguments in signals:
        await handle.signal(signal, args=arguments)
    async with worker:
        await handle.result()
    history = await handle.fetch_history()
    (HISTORIES / f"{name}.json").write_text(history.to_json() + "\n")


async def main() -> None:
    HISTORIES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, servers.temporal(Path(folder) / "t") as address:
        client = await Client.connect(address)
        for name in (*TRAININGS, "preflight"):
            await _record(client, name)


if __name__ == "__main__":
    asyncio.run(main())
