"""The moves of a job, on the real SQL of both databases: a random walk, and races."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any, ClassVar, TypeVar

import pytest
from backend.infra.database import Database, new_id
from backend.jobs.repository import requeue
from backend.state.jobs import Job
from backend.state.statuses import FINISHED, SOURCES, JobStatus
from backend.state.transitions import transition
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

T = TypeVar("T")
STATES = st.sampled_from(JobStatus)


class Walk(RuleBasedStateMachine):
    """Whoever asks for whatever move: only those of the table are made, once each."""

    runner: ClassVar[asyncio.Runner]
    database: ClassVar[Database]

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    @initialize(status=STATES, attempt=st.integers(0, 3))
    def submit(self, status: JobStatus, attempt: int) -> None:
        self.status, self.attempt = status, attempt
        self.job_id = self.run(add_job(self.database, status, attempt))

    @rule(to=STATES)
    def move(self, to: JobStatus) -> None:
        moved = self.run(move(self.database, self.job_id, to))
        assert moved == (self.status in SOURCES[to])
        self.status = to if moved else self.status

    @rule(to=STATES, number=st.integers(0, 5))
    def move_attempt(self, to: JobStatus, number: int) -> None:
        """A move about one attempt is made only while it is the latest; PREPARING begins the next."""
        moved = self.run(move(self.database, self.job_id, to, attempt=number))
        current = self.attempt + 1 if to == JobStatus.PREPARING else self.attempt
        assert moved == (self.status in SOURCES[to] and number == current)
        if moved:
            self.status, self.attempt = to, number

    @rule(wanted=st.lists(STATES, min_size=2, max_size=4))
    def race(self, wanted: list[JobStatus]) -> None:
        """Several at once: what comes out is what some order of them would give."""
        results = self.run(race(self.database, self.job_id, wanted))
        after = self.run(get(self.database, self.job_id)).status
        orders = possible(self.status, wanted)
        assert (tuple(results), after) in orders
        self.status = after

    @rule()
    def retry(self) -> None:
        queued = self.run(commit(self.database, lambda session: requeue(session, self.job_id)))
        assert queued == (self.status in {JobStatus.FAILED, JobStatus.CANCELLED})
        self.status = JobStatus.QUEUED if queued else self.status

    @invariant()
    def row_is_as_told(self) -> None:
        job = self.run(get(self.database, self.job_id))
        assert (job.status, job.attempt) == (self.status, self.attempt)


def possible(
    status: JobStatus, targets: list[JobStatus]
) -> set[tuple[tuple[bool, ...], JobStatus]]:
    """What each gets and what comes out, for every order in which the moves may happen."""
    outcomes = set()
    for index, target in enumerate(targets):
        moves = status in SOURCES[target]
        rest = targets[:index] + targets[index + 1 :]
        for results, after in possible(target if moves else status, rest):
            outcomes.add(((*results[:index], moves, *results[index:]), after))
    return outcomes or {((), status)}


async def commit(database: Database, work: Callable[[Any], Awaitable[T]]) -> T:
    async with database.transaction() as session:
        return await work(session)


async def move(database: Database, job_id: str, to: JobStatus, **guards: Any) -> bool:
    return await commit(database, lambda session: transition(session, job_id, to, **guards))


async def race(database: Database, job_id: str, targets: list[JobStatus]) -> list[bool]:
    return await asyncio.gather(*(move(database, job_id, to) for to in targets))


async def get(database: Database, job_id: str) -> Job:
    async with database.reading() as session:
        return await session.get_one(Job, job_id)


async def add_job(database: Database, status: JobStatus, attempt: int = 0) -> str:
    job_id = new_id()
    values: dict[str, Any] = {"trainer": "plain", "task": "detect", "dataset_id": job_id}
    values |= {"config": {}, "resources": {}, "max_attempts": 3, "request_sha256": ""}
    async with database.transaction() as session:
        session.add(Job(id=job_id, status=status, attempt=attempt, **values))
    return job_id


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


def test_only_the_moves_of_the_table_are_made(database_url: str, runner: asyncio.Runner) -> None:
    database = Database(database_url)

    Walk.runner, Walk.database = runner, database
    case = Walk.TestCase
    case.settings = settings(max_examples=25, stateful_step_count=12, deadline=None)
    try:
        case("runTest").debug()
    finally:
        runner.run(database.close())


async def test_of_two_writers_one_wins(database: Database) -> None:
    for to, sources in SOURCES.items():
        for source in sources:
            job_id = await add_job(database, source)
            won = await race(database, job_id, [to] * 5)
            assert won.count(True) == 1, (source, to)
            assert (await get(database, job_id)).status == to


def test_finished_jobs_move_only_by_a_retry() -> None:
    for to, sources in SOURCES.items():
        assert to == JobStatus.QUEUED or not sources & FINISHED
    assert set(SOURCES) == set(JobStatus)
