"""The Kubernetes API in plain JSON, over the official client's connection."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any, NamedTuple

import aiohttp
from kubernetes.aio import config
from kubernetes.aio.client import ApiClient, Configuration

from backend.executors.base import ExecutorUnavailableError
from backend.executors.kubernetes.diagnosis import trim

# The client's models are not used: they cost milliseconds an object, and fail on what they do not know.
Object = dict[str, Any]

CONNECT_S = 5.0
ANSWER_S = 10.0
# A log is followed this long, in case its connection is dead; then again, from where it was.
LOG_S = 300
# A watch lasts this long, in case its connection is dead; then another goes on from where it was.
WATCH_S = 60
SHORTEST_WATCH_S = 1

# Objects decoded at once (about 10 ms), and the share of the event loop's time for decoding.
PAGE = 200
PAGES_SHARE = 0.25

# The token is about to be renewed; too many requests.
TRANSIENT = {HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS}
GROUPS = {
    "jobs": "/apis/batch/v1",
    "networkpolicies": "/apis/networking.k8s.io/v1",
    "workloads": "/apis/kueue.x-k8s.io/v1beta2",
    "localqueues": "/apis/visibility.kueue.x-k8s.io/v1beta2",
}


class Page(NamedTuple):
    version: str
    items: list[Object]


class KubernetesRefusedError(Exception):
    """The API server said no, and would again; the text says why."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class KubernetesApi:
    """Calls about the objects of one namespace.

    Every method raises KubernetesRefusedError for a request that is wrong, and ExecutorUnavailableError
    while the API server cannot be reached or fails.
    """

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace
        self._client: ApiClient | None = None

    async def close(self) -> None:
        """End its connections; the next call opens new ones."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def call(self, method: str, kind: str, name: str = "", **request: Any) -> Object:
        """The answer to one request; `request`: its `query` and `body`."""
        response = await self._send(method, kind, name, total_s=ANSWER_S, **request)
        answer: Object = json.loads(await _body(response))
        return answer

    async def pages(self, kind: str, **query: str) -> AsyncIterator[Page]:
        """All of a kind, trimmed: in parts that do not hold up the event loop."""
        page_query = {**query, "limit": str(PAGE)}
        while True:
            body = await _body(await self._send("GET", kind, total_s=ANSWER_S, query=page_query))
            began = time.perf_counter()
            page = json.loads(body)
            yield Page(page["metadata"]["resourceVersion"], list(map(trim, page["items"])))
            page_query["continue"] = page["metadata"].get("continue") or ""
            if not page_query["continue"]:
                return
            await asyncio.sleep((time.perf_counter() - began) / PAGES_SHARE)

    async def log(self, pod: str, **query: str) -> AsyncIterator[bytes]:
        """The log of the pod's container; with `follow`, further output for up to LOG_S."""
        response = await self._send("GET", "pods", f"{pod}/log", total_s=LOG_S, query=query)
        try:
            async for part in response.content.iter_any():
                yield part
        except (aiohttp.ClientError, OSError) as error:
            raise _away(error) from error

    async def watch(
        self, kind: str, version: str, **query: str
    ) -> AsyncIterator[tuple[str, Object]]:
        """What changes after `version`, as (ADDED|MODIFIED|DELETED, its trim).

        Ends when the API server has forgotten where this stands; then all must be listed again.
        """
        query |= {"watch": "true", "timeoutSeconds": str(WATCH_S), "allowWatchBookmarks": "true"}
        while True:
            began = time.monotonic()
            query["resourceVersion"] = version
            try:
                response = await self._send("GET", kind, query=query, silent_s=WATCH_S + ANSWER_S)
                async with response:
                    async for line in response.content:
                        if not line.endswith(b"\n"):
                            break  # the half of a line that arrived before the connection broke
                        event = json.loads(line)
                        if event["type"] == "ERROR":
                            raise _refusal(event["object"].get("code", 0), line)
                        version = event["object"]["metadata"]["resourceVersion"]
                        if event["type"] != "BOOKMARK":
                            yield event["type"], trim(event["object"])
            except (aiohttp.ClientError, OSError, ValueError) as error:
                raise _away(error) from error
            except KubernetesRefusedError as error:
                if error.status == HTTPStatus.GONE:
                    return
                raise
            # Something between may end each watch at once.
            await asyncio.sleep(began + SHORTEST_WATCH_S - time.monotonic())

    async def _send(
        self,
        method: str,
        kind: str,
        name: str = "",
        *,
        query: dict[str, str] | None = None,
        body: Object | None = None,
        total_s: float | None = None,
        silent_s: float | None = None,
    ) -> aiohttp.ClientResponse:
        sent = "application/merge-patch+json" if method == "PATCH" else "application/json"
        path = f"{GROUPS.get(kind, '/api/v1')}/namespaces/{self.namespace}/{kind}"
        timeout = aiohttp.ClientTimeout(total=total_s, sock_connect=CONNECT_S, sock_read=silent_s)
        try:
            client = await self._connected()
            request = await client.param_serialize(
                method,
                f"{path}/{name}" if name else path,
                query_params=list((query or {}).items()),
                header_params={"Accept": "application/json", "Content-Type": sent},
                body=body,
                auth_settings=["BearerToken"],
            )
            called = await client.call_api(*request, _request_timeout=timeout)
        except (aiohttp.ClientError, OSError, config.ConfigException) as error:
            raise _away(error) from error
        response: aiohttp.ClientResponse = called.response
        if response.ok:
            return response
        raise _refusal(response.status, await _body(response))

    async def _connected(self) -> ApiClient:
        if self._client is None:
            configuration = Configuration()
            try:
                config.load_incluster_config(configuration)
            except config.ConfigException:
                await config.load_kube_config(client_configuration=configuration)
            self._client = ApiClient(configuration)
        return self._client


async def _body(response: aiohttp.ClientResponse) -> bytes:
    try:
        return await response.read()
    except (aiohttp.ClientError, OSError) as error:
        raise _away(error) from error


def _refusal(status: int, body: bytes) -> Exception:
    try:
        text = json.loads(body)["message"]
    except (ValueError, KeyError, TypeError):
        text = body.decode(errors="replace")[:500]
    # An API server that has just started knows no rights for a moment. Quotas are another 403.
    no_right = status == HTTPStatus.FORBIDDEN and 'User "' in text
    if no_right or status in TRANSIENT or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return _away(f"{status}: {text}")
    return KubernetesRefusedError(status, text)


def _away(error: object) -> ExecutorUnavailableError:
    reason = str(error) or type(error).__name__
    return ExecutorUnavailableError(
        f"The Kubernetes API (TRAINING_MODE=kubernetes) does not serve the backend ({reason}). "
        "Check the API server, and the backend's Role and NetworkPolicy."
    )
