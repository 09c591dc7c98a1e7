"""The attempt's callbacks to the backend."""

from typing import Any

import httpx

from trainer.contract import Attempt, AttemptError, Cause
from trainer.retry import UnreachableError

# Between two heartbeats, where the backend asks for nothing else.
INTERVAL_S = 2.0
_ENDED = {401, 404, 409}


class StaleError(Exception):
    """The backend no longer runs this attempt: leave."""


class CallbackRefusedError(Exception):
    """The backend refused the request; repeating it is useless. The text is its reason."""


class OffsetAheadError(Exception):
    """The backend lacks bytes before those sent; it stores up to `next_offset`."""

    def __init__(self, next_offset: int) -> None:
        super().__init__(next_offset)
        self.next_offset = next_offset


class BackendClient:
    """The attempt's callbacks: each method is one request.

    Raises:
        UnreachableError, StaleError, CallbackRefusedError: as their docstrings say.
    """

    def __init__(self, attempt: Attempt) -> None:
        self._attempt = attempt
        self._http = self._connect()

    def _connect(self) -> httpx.Client:
        return httpx.Client(
            base_url=f"{self._attempt.backend_url}/api/v1/jobs/{self._attempt.job_id}/",
            headers={"Authorization": f"Bearer {self._attempt.token}"},
            timeout=5,
        )

    def heartbeat(self, body: dict[str, Any]) -> tuple[str, float]:
        """Send a heartbeat.

        Returns:
            The command, `continue` or `stop`, and in how many seconds the next one is wanted.
        """
        reply = self._post("heartbeat", json=body)
        return str(reply.get("command", "continue")), float(reply.get("interval_s", INTERVAL_S))

    def logs(self, offset: int, data: bytes) -> tuple[int, str, float]:
        """Send log bytes that begin at `offset`.

        Returns:
            The next offset, the command, and how many seconds of output to gather first.
        """
        reply = self._post(
            "logs",
            params={"offset": offset},
            content=data,
            headers={"Content-Type": "application/octet-stream"},
        )
        if not isinstance(reply.get("next_offset"), int):
            raise UnreachableError("the answer lacks next_offset")
        command, interval_s = reply.get("command", "continue"), reply.get("interval_s", 0)
        return reply["next_offset"], str(command), float(interval_s)

    def finish(self, cause: str, message: str) -> None:
        """Say why the attempt ends."""
        self._post("finish", json={"cause": cause, "message": message})

    def store_keys(self) -> dict[str, str]:
        """Ask for the object store's keys anew, by their variables in the environment.

        Raises:
            AttemptError: the backend gives none any more.
        """
        try:
            return self._post("credentials")
        except (StaleError, CallbackRefusedError) as error:
            raise AttemptError(
                Cause.STORAGE_UNAVAILABLE,
                f"The attempt's keys for the object store expired, and there are no new ones: {error}",
            ) from error

    def _post(self, path: str, **request: Any) -> dict[str, Any]:
        try:
            response = self._http.post(path, **request)
        except httpx.TransportError as error:
            raise UnreachableError(str(error)) from error
        try:
            return _reply(response)
        except UnreachableError:
            # A kept connection would lead to the same proxy again.
            self._http = self._connect()
            raise


def _reply(response: httpx.Response) -> dict[str, Any]:
    if response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR or response.status_code in {
        httpx.codes.REQUEST_TIMEOUT,
        httpx.codes.TOO_MANY_REQUESTS,
    }:
        raise UnreachableError(f"the backend answered {response.status_code}")
    try:
        body = response.json() if response.content else {}
    except ValueError:
        body = {}
    if not isinstance(body, dict):
        body = {}
    if response.is_success:
        return body
    if "problem+json" not in response.headers.get("content-type", ""):
        # Not from the backend but from a proxy before it, as while the backend is replaced.
        raise UnreachableError(f"something answered {response.status_code}")
    if isinstance(body.get("next_offset"), int):
        raise OffsetAheadError(body["next_offset"])
    if response.status_code in _ENDED:
        raise StaleError(body.get("detail") or "the attempt has ended")
    raise CallbackRefusedError(f"the backend answered {response.status_code}: {body.get('detail')}")
