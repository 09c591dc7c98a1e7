"""One error shape for the whole API: problem details (RFC 9457).

`detail` is one or two sentences for the user: what is wrong, and what to do.
"""

from collections.abc import Mapping
from itertools import islice
from typing import Any

MAX_ERRORS = 20  # of one answer


class Problem(Exception):  # noqa: N818 - RFC 9457's own word
    """An error that the client can act on.

    Args:
        status: HTTP status code.
        title: what kind of error it is; the same for every error of that kind.
        detail: what is wrong here and what to do about it.
        extra: further members of the problem object.
    """

    def __init__(self, status: int, title: str, detail: str, **extra: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.title = title
        self.detail = detail
        self.extra = extra


def wrong_fields(title: str, details: Mapping[str, str]) -> Problem:
    """A 422 about fields of the request, each with what is wrong with it."""
    errors = [
        {"field": field, "message": detail} for field, detail in islice(details.items(), MAX_ERRORS)
    ]
    return Problem(422, title, " ".join([*details.values()][:5]), errors=errors)


def not_found(kind: str, id_: str) -> Problem:
    told = f"There is no {kind.lower()} {id_!r}. List what there is and use one of those ids."
    return Problem(404, f"{kind} not found", told)
