"""The attempt that a callback comes from, known by its token."""

import re
from typing import Any, NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import Request

from backend.callbacks import repository
from backend.infra.asgi import ATTACHED_TOKEN
from backend.infra.problems import Problem
from backend.state.jobs import Attempt
from backend.state.tokens import sha256

_MAX_KNOWN = 50_000
_TOKEN = re.compile(rf"({ATTACHED_TOKEN})?[A-Za-z0-9_-]{{43}}")
_SEND = "Send `Authorization: Bearer $CALLBACK_TOKEN`, the variable of this attempt's environment."


class Sender(NamedTuple):
    """What a callback says of its attempt; `live_attempt` checks it."""

    job_id: str
    token_sha256: str


async def sender_of(request: Request) -> Sender:
    """Tell a trainer from a stranger before the body is read, and know it again.

    Raises:
        Problem: as `live_attempt` does, unless it was known before.
    """
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not _TOKEN.fullmatch(token):
        raise Problem(401, "Unauthorized", f"An attempt's token is needed. {_SEND}")
    sender = Sender(request.path_params["id"], sha256(token))
    state = request.app.state
    known: set[Sender] = state.senders
    if sender not in known:
        # Strangers wait for each other, and for no trainer, however many they are.
        async with state.strangers, state.context.db.reading() as session:
            await live_attempt(session, sender)
        if len(known) >= _MAX_KNOWN:
            known.clear()
        known.add(sender)
    return sender


async def know_all(app: Any) -> None:
    """Know every trainer that runs now: after a restart they come all at once."""
    async with app.state.context.db.reading() as session:
        app.state.senders.update(map(Sender._make, await repository.open_senders(session)))


async def live_attempt(session: AsyncSession, sender: Sender, *, lock: bool = False) -> Attempt:
    """The sender's attempt, which has not ended.

    Args:
        session: with `lock`, the rows of job and attempt stay as they are until its transaction ends.
        sender: of the request.
        lock: whether the caller is going to write.

    Raises:
        Problem: 401 or 409 as the contract says.
    """
    found = await repository.find_sender(session, *sender, lock=lock)
    if found is None:
        raise Problem(401, "Unauthorized", f"This token does not belong to this job. {_SEND}")
    attempt, latest = found
    if attempt.ended_at is not None or attempt.number != latest:
        ended = f"Attempt {attempt.number} of job {sender.job_id} has ended"
        raise Problem(409, "Attempt ended", f"{ended}; nothing was changed. Exit.")
    return attempt
