"""What the client raises."""


class TrainyardError(Exception):
    """The base of the others; the message says what to do."""


class Unreachable(TrainyardError):  # noqa: N818 - it reads as what the server is
    """The server or its object store does not answer."""


class Refused(TrainyardError):  # noqa: N818
    """The server refuses the request.

    Attributes:
        status: of HTTP, e.g. 404 or 422.
        errors: with 422, by field what is wrong with it.
    """

    def __init__(self, message: str, status: int, errors: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.errors = errors or {}


class JobFailed(TrainyardError):  # noqa: N818
    """The job that was waited for has not succeeded.

    Attributes:
        job_id: of that job.
        cause: why, e.g. `out_of_memory`.
    """

    def __init__(self, message: str, job_id: str, cause: str) -> None:
        super().__init__(message)
        self.job_id = job_id
        self.cause = cause
