"""The protocol of executors, which run attempts."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from trainyard_manifest import Resources

from backend.state.causes import Cause


class AttemptRef(NamedTuple):
    job_id: str
    number: int


@dataclass(frozen=True)
class AttemptSpec:
    """All that an executor needs to start an attempt.

    `env` is the contract's environment (docs/training-contract.md), secrets included.
    """

    ref: AttemptRef
    image: str
    command: Sequence[str]
    env: Mapping[str, str]
    # Where `gpu` is not set, the machine's launcher gives one, if there are any.
    resources: Resources
    # When the job was submitted, in seconds since 1970: attempts that wait take turns by it.
    queued_at: float = 0
    # For people who look at what the executor runs.
    trainer: str = ""
    name: str | None = None


@dataclass(frozen=True)
class Observation:
    """How an attempt stands, seen from outside.

    `cause` is set only when the executor knows it for certain, and then outranks the trainer's
    own report. `exit_code` is 128 + signal for a trainer that a signal ended. While it runs,
    `message` says what keeps it from starting.
    """

    ref: AttemptRef
    state: Literal["running", "ended"]
    exit_code: int | None = None
    cause: Cause | None = None
    message: str | None = None


class LaunchError(Exception):
    """An attempt was refused or could not be started; the text is for the user."""

    def __init__(self, message: str, cause: Cause = Cause.LAUNCH_FAILED) -> None:
        super().__init__(message)
        self.cause = cause


class ExecutorUnavailableError(Exception):
    """The executor cannot be reached just now; the text names the setting."""


class Executor(Protocol):
    """Every method but `observe` raises ExecutorUnavailableError while the executor is unreachable."""

    name: str
    # What it depends on, as /readyz names it.
    service: str
    # Whether the backend prints the trainers' logs: where no pod of their own would.
    echoes_logs: bool

    async def launch(self, spec: AttemptSpec) -> None:
        """Start the attempt; once only, however often it is called.

        Raises:
            LaunchError: it was refused, or could not be started.
        """

    async def stop(self, ref: AttemptRef, grace_s: float) -> None:
        """SIGTERM, then SIGKILL to the whole tree after `grace_s`. Harmless on an ended attempt."""

    async def list(self) -> Sequence[Observation]:
        """Every attempt the executor knows, ended ones included until forgotten."""

    async def check(self) -> None:
        """Return if it can be reached; cheap, however many attempts there are."""

    async def gpus(self) -> int | None:
        """Those of the machine where attempts run; None: a scheduler finds a machine."""

    def observe(self) -> AsyncGenerator[Sequence[Observation]]:
        """What changed, as it changes; the first item is everything.

        Never ends, and rides out outages. Close it before another is begun.
        """

    def log(
        self, ref: AttemptRef, since: str | None, last_lines: int | None = None
    ) -> AsyncGenerator[Sequence[tuple[str, bytes]]]:
        """What a trainer prints that no supervisor sends: lines, each with its time, until it has ended.

        Args:
            ref: the attempt, before it is forgotten.
            since: a line's time, to leave out what was long before it.
            last_lines: only so many of the lines that there are already.

        Raises:
            ExecutorUnavailableError: there is none, or it broke off.
        """

    async def forget(self, ref: AttemptRef) -> None:
        """Release what is left of an attempt whose end is in the database."""
