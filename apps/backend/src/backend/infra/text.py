"""Text of others, made fit to be shown."""

from sqlalchemy import Dialect, String
from sqlalchemy.types import TypeDecorator

MAX_MESSAGE = 2000


def shown(text: str, at_most: int = MAX_MESSAGE) -> str:
    """`text` as a terminal, a list and a page may show it: controls of them replaced, and cut."""
    cut = text if len(text) <= at_most else f"{text[: at_most - 1]}…"
    return "".join(char if char.isprintable() or char in "\n\t" else "\ufffd" for char in cut)


class Message(TypeDecorator[str]):
    """A column of messages, which may quote a trainer, a launcher or a cluster."""

    impl = String
    cache_ok = True

    def __init__(self, at_most: int = MAX_MESSAGE) -> None:
        super().__init__()
        self.at_most = at_most

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else shown(value, self.at_most)
