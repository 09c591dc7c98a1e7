"""A job's states and the moves between them.

A move is one guarded UPDATE (`… where status in (sources)`), so that of two writers one wins.
"""

from enum import StrEnum


class JobStatus(StrEnum):
    QUEUED = "queued"
    PREPARING = "preparing"
    RUNNING = "running"
    RETRYING = "retrying"
    CANCELLING = "cancelling"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


S = JobStatus

FINISHED = frozenset({S.SUCCEEDED, S.FAILED, S.CANCELLED})
ACTIVE = frozenset(S) - FINISHED

# target → the states from which it may be entered
SOURCES: dict[JobStatus, frozenset[JobStatus]] = {
    S.QUEUED: frozenset({S.FAILED, S.CANCELLED}),  # the user's retry
    S.PREPARING: frozenset({S.QUEUED, S.RETRYING}),  # an attempt is being launched
    S.RUNNING: frozenset({S.PREPARING}),  # its first heartbeat that trains
    S.RETRYING: frozenset({S.PREPARING, S.RUNNING}),
    S.CANCELLING: frozenset({S.PREPARING, S.RUNNING, S.RETRYING}),
    S.SUCCEEDED: frozenset({S.PREPARING, S.RUNNING, S.CANCELLING}),  # a cancel can come too late
    S.FAILED: frozenset({S.QUEUED, S.PREPARING, S.RUNNING, S.RETRYING}),
    S.CANCELLED: frozenset({S.QUEUED, S.CANCELLING, S.RETRYING}),
}
