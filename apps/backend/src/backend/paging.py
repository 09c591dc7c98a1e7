"""Cursors of lists that run from the newest to the oldest: opaque, and stable under inserts."""

import base64
from datetime import datetime
from typing import NamedTuple

from backend.problems import Problem


class Position(NamedTuple):
    """Below which row a page begins."""

    created_at: datetime
    id: str


def encode(position: Position) -> str:
    return base64.urlsafe_b64encode(
        f"{position.created_at.isoformat()} {position.id}".encode()
    ).decode()


def decode(cursor: str) -> Position:
    """Raise a Problem (422) for what is no cursor of ours."""
    try:
        created_at, id_ = base64.urlsafe_b64decode(cursor).decode("ascii").split(" ")
        position = Position(datetime.fromisoformat(created_at), id_)
    except ValueError:
        position = None
    if position is None or position.created_at.tzinfo is None or not position.id.isalnum():
        raise Problem(
            422,
            "Bad cursor",
            "The cursor is none that this list gave out. Leave it away to start from the top.",
            errors=[{"field": "cursor", "message": "This is no cursor of this list."}],
        )
    return position
