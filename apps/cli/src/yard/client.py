"""Client of the HTTP API. Every failure is a YardError that says what to do."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx
from httpx_sse import ServerSentEvent, SSEError, connect_sse
from tenacity import (
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_exponential,
)

from yard import running
from yard.errors import AwayError, Code, YardError

Json = dict[str, Any]
PAGE = 100
_ID = re.compile(r"[0-9a-f]{12}")
_ID_PREFIX = re.compile(r"[0-9a-f]{1,11}")
_LONGEST_NAME = 200  # that the server looks for
_VERSIONS = 1 << 31
# A server that lacks its database or store, or a proxy that lacks its server.
_AWAY = (502, 503, 504)
_SHOWN = 5  # candidates for an ambiguous reference
_TIMEOUT = httpx.Timeout(30, connect=5)
# Longer than the interval of the server's pings (15 s): a stream silent for longer is broken.
_STREAM_TIMEOUT = httpx.Timeout(40, connect=5)
# Connections to a stream, one after the other, that bring no event: about two minutes.
_IN_VAIN = 60


def retrying(attempts: int) -> Retrying:
    """Return the policy after network errors: retry after 0.2 s, 0.4 s, …, at most 2 s apart."""
    return Retrying(
        retry=retry_if_exception_type(httpx.TransportError),
        wait=wait_exponential(multiplier=0.2, max=2),
        stop=stop_after_attempt(attempts),
        reraise=True,
    )


class Client:
    """One server. Reads are retried when the connection breaks."""

    def __init__(self, url: str, token: str | None) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.url = url
        self._http = httpx.Client(base_url=f"{url}/api/v1", headers=headers, timeout=_TIMEOUT)

    def get(self, path: str, **params: Any) -> Json:
        """Return the JSON of a GET."""
        return self._json("GET", path, attempts=3, params=params)

    def post(
        self, path: str, body: Json | None = None, *, key: str = "", repeatable: bool = False
    ) -> Json:
        """Return the JSON of a POST.

        Args:
            path: below /api/v1.
            body: sent as JSON.
            key: an idempotency key.
            repeatable: whether the call may be sent twice; with a key it always may.
        """
        headers = {"Idempotency-Key": key} if key else {}
        attempts = 3 if key or repeatable else 1
        return self._json("POST", path, attempts=attempts, json=body, headers=headers)

    def ask(self, path: str, body: Json) -> Json:
        """Send a POST that changes nothing; answer, if it does with JSON, and raise as `post` would."""
        reply = self._send("POST", path, attempts=3, json=body, params={"dry_run": True})
        return dict(reply.json()) if reply.content else {}

    def patch(self, path: str, body: Json) -> Json:
        """Return the JSON of a PATCH."""
        return self._json("PATCH", path, attempts=3, json=body)

    def put(self, path: str, body: Json) -> Json:
        """Return the JSON of a PUT."""
        return self._json("PUT", path, attempts=3, json=body)

    def delete(self, path: str) -> None:
        """Send a DELETE."""
        self._send("DELETE", path, attempts=1)

    def read(self, path: str, **params: Any) -> httpx.Response:
        """Return the response of a GET that is not JSON."""
        return self._send("GET", path, attempts=3, params=params)

    def items(self, path: str, **params: Any) -> Iterator[Json]:
        """Yield every item of a paged list in the server's order, newest first."""
        cursor = None
        while True:
            page = self.get(path, limit=PAGE, **params, **({"cursor": cursor} if cursor else {}))
            yield from page["items"]
            cursor = page.get("next_cursor")  # an earlier server pages fewer lists
            if not cursor:
                return

    def total(self, path: str, **params: Any) -> int | None:
        """Return how many items a list has; None if the server is of an earlier version."""
        total: int | None = self.get(path, limit=1, total=True, **params).get("total")
        return total

    def find(self, kind: str, reference: str) -> Json:
        """Return the job or dataset with this id, unambiguous prefix of an id, or name.

        Args:
            kind: `jobs` or `datasets`.
            reference: 12 hexadecimal digits, the first few of them, or a name.
        """
        if _ID.fullmatch(reference):
            return self.get(f"/{kind}/{reference}")
        found = self._beginning(kind, reference) or self._few(f"/{kind}", name=reference)
        return self._only(found, kind, reference)

    def dataset(self, reference: str, *, newest: bool = True) -> Json:
        """Return a dataset by id, unambiguous prefix of an id, name@version, or name.

        Args:
            reference: one of these.
            newest: whether a name stands for its newest ready version; else it must have only one.
        """
        if _ID.fullmatch(reference):
            return self.get(f"/datasets/{reference}")
        name, _, version = reference.partition("@")
        if version:
            found = []
            if version.isdecimal() and 0 < int(version) < _VERSIONS:
                found = self._few("/datasets", name=name, version=int(version))
            return self._only(found, "datasets", reference)
        named = self._few("/datasets", name=name)
        if named and newest:
            ready = self._few("/datasets", name=name, status="ready")
            named = [max(ready or named, key=lambda item: int(item["version"]))]
        return self._only(named or self._beginning("datasets", reference), "datasets", reference)

    def _beginning(self, kind: str, prefix: str) -> list[Json]:
        """Return some of those whose id begins so."""
        if not _ID_PREFIX.fullmatch(prefix):
            return []
        return self._few(f"/{kind}", id_prefix=prefix)

    def _few(self, path: str, **wanted: Any) -> list[Json]:
        """Return the newest of those that are like this, one more than are shown."""
        if len(wanted.get("name", "")) > _LONGEST_NAME:
            return []
        items: list[Json] = self.get(path, limit=_SHOWN + 1, **wanted)["items"]

        def fits(item: Json) -> bool:  # a server of an earlier version sends others too
            prefix = wanted.get("id_prefix", "")
            same = (item[key] == value for key, value in wanted.items() if key != "id_prefix")
            return item["id"].startswith(prefix) and all(same)

        return [item for item in items if fits(item)]

    def _only(self, found: list[Json], kind: str, reference: str) -> Json:
        noun = kind.removesuffix("s")
        if len(found) > 1:
            candidates = ", ".join(map(_candidate, found[:_SHOWN]))
            more = " and more" if len(found) > _SHOWN else ""
            raise YardError(
                f"{reference} is ambiguous: it is more than one {noun}",
                f"it matches {candidates}{more}",
                "name one of them by its id",
                Code.USAGE,
            )
        if not found:
            raise YardError(
                f"there is no {noun} {reference}",
                f"{self.url} has none with this id or name",
                f"`yard {noun} list` shows what there is",
                Code.NOT_FOUND,
            )
        return found[0]

    def events(
        self, path: str, on_break: Callable[[], None], **params: Any
    ) -> Iterator[ServerSentEvent]:
        """Yield a stream's events until the one that ends it, reconnecting where a connection broke.

        Args:
            path: below /api/v1.
            on_break: called before each reconnection.
            params: of the query.
        """
        last_id = ""
        in_vain = 0  # connections since the last event: a long job outlives many that delivered
        tries = Retrying(
            retry=retry_if_exception_type((httpx.TransportError, SSEError)),
            wait=lambda _: min(0.1 * 2**in_vain, 2),
            stop=lambda _: in_vain >= _IN_VAIN,
            before_sleep=lambda _: on_break(),
            reraise=True,
        )
        try:
            for attempt in tries:
                in_vain += 1
                with attempt:
                    for event in self._stream(path, last_id, params):
                        in_vain = 0
                        last_id = event.id or last_id
                        yield event
                        if event.event == "end":
                            return
                    raise httpx.ReadError("the stream of events broke off")
        except (httpx.TransportError, SSEError) as error:
            raise self.unreachable(error) from error

    def _stream(self, path: str, last_id: str, params: Json) -> Iterator[ServerSentEvent]:
        headers = {"Last-Event-ID": last_id} if last_id else {}
        request: Any = {"headers": headers, "params": params, "timeout": _STREAM_TIMEOUT}
        with connect_sse(self._http, "GET", path, **request) as source:
            self._check(source.response)
            yield from source.iter_sse()

    def _json(self, method: str, path: str, *, attempts: int, **request: Any) -> Json:
        response = self._send(method, path, attempts=attempts, **request)
        try:
            body: Json = response.json()
        except ValueError as error:
            raise self._stranger(response) from error
        return body

    def takes_me(self) -> bool:
        """Return whether the server takes the token, or needs none.

        Raises:
            YardError: it does not answer, or is not a Trainyard server.
        """
        response = self._reply("GET", "/jobs", attempts=3, params={"limit": 1})
        known = {"items": httpx.codes.OK, "title": httpx.codes.UNAUTHORIZED}
        if response.is_server_error:
            self._check(response)
        told = _problem(response)
        if not any(key in told and response.status_code == code for key, code in known.items()):
            raise self._stranger(response)
        return response.is_success

    def _stranger(self, response: httpx.Response) -> YardError:
        """Return the error for a server of something else, or an address that leads elsewhere."""
        there = response.headers.get("Location", "")
        return YardError(
            f"{self.url} does not answer like a Trainyard server",
            f"{response.request.method} {response.request.url.path} gave {response.status_code}"
            + (f", to {there}" if there else ""),
            "check its address: --url, YARD_URL or `yard context list`",
            Code.UNREACHABLE,
        )

    def _send(self, method: str, path: str, *, attempts: int, **request: Any) -> httpx.Response:
        response = self._reply(method, path, attempts=attempts, **request)
        self._check(response)
        return response

    def _reply(self, method: str, path: str, *, attempts: int, **request: Any) -> httpx.Response:
        try:
            response: httpx.Response = retrying(attempts)(
                self._http.request, method, path, **request
            )
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise self.unreachable(error) from error
        except ValueError as error:  # JSON has no NaN and no infinity
            raise YardError(
                "what was asked cannot be sent", str(error), "check its numbers", Code.USAGE
            ) from error
        return response

    def unreachable(self, error: Exception) -> YardError:
        """Return the error for a server that does not answer."""
        return AwayError(
            f"no answer from {self.url}",
            str(error) or type(error).__name__,
            "start the platform (`yard dev`), or name the server: `yard login URL`, --url or YARD_URL",
            Code.UNREACHABLE,
        )

    def _check(self, response: httpx.Response) -> None:
        """Check that the response is a success.

        Raises:
            YardError: it is not; the error has the problem's title, detail and wrong fields.
        """
        if response.is_success:
            return
        response.read()
        problem = _problem(response)
        code = {404: Code.NOT_FOUND}.get(response.status_code, Code.REFUSED)
        if response.is_server_error:
            code = Code.UNREACHABLE
        detail = str(problem.get("detail") or "")
        details = [
            f"{item.get('field', '')}: {item.get('message', '')}"
            for item in problem.get("errors", [])
            if item.get("message", "") not in detail
        ]
        todo = ""
        if response.status_code == httpx.codes.UNAUTHORIZED:
            todo = (
                f"`yard login {self.url}` stores a token, YARD_TOKEN names one for a while; "
                "`yard token create NAME` of an administrator makes one"
            )
            if running.is_of_this_machine(self.url):
                todo += (
                    "; your own `yard dev` needs none: run this in its folder, or with the HOME that "
                    "it was started with"
                )
        kind = AwayError if response.status_code in _AWAY else YardError
        raise kind(
            str(problem.get("title") or f"{self.url} answered {response.status_code}"),
            detail,
            todo,
            code,
            details,
        )


def _candidate(item: Json) -> str:
    version = f"@{item['version']}" if "version" in item else ""
    return f"{item['id']} ({item['name']}{version})" if item["name"] else str(item["id"])


def _problem(response: httpx.Response) -> Json:
    """The object of a response's JSON; empty if it has none."""
    try:
        problem = response.json()
    except ValueError:
        problem = None
    return problem if isinstance(problem, dict) else {}
