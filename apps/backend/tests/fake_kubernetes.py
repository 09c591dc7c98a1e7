"""A Kubernetes API server for tests: what clients create, list, watch and delete is kept; pods run as tests say."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import kueue_workloads
from aiohttp import web
from backend.executors.base import AttemptRef
from backend.executors.kubernetes.objects import ATTEMPT, INDEX, JOB, job_name

Object = dict[str, Any]
GROUPS = (
    "apis/batch/v1",
    "apis/networking.k8s.io/v1",
    "apis/kueue.x-k8s.io/v1beta2",
    "apis/visibility.kueue.x-k8s.io/v1beta2",
    "api/v1",
)
NAMESPACE = f"/{{group:{'|'.join(GROUPS)}}}/namespaces/platform/{{kind}}"


class FakeKubernetes:
    """Deleting a Job takes only the Job: a pod leaves when the test says so, as in the background."""

    def __init__(self) -> None:
        self.kinds: dict[str, dict[str, Object]] = {
            kind: {}
            for kind in ("jobs", "pods", "events", "networkpolicies", "secrets", "workloads")
        }
        # By pod: lines with their times, and which is the first that its node still has.
        self.logs: dict[str, list[bytes]] = {}
        self.first: dict[str, int] = {}
        self.log_queries: list[dict[str, str]] = []
        # The kinds of what was created, and of what was listed, in order.
        self.made: list[str] = []
        self.listed: list[str] = []
        # While it is, nobody who creates or deletes gets an answer.
        self.silent = False
        # While it is, a quota allows no more, whatever the name.
        self.full = False
        # While it is, a log comes line by line, unless its end is asked for.
        self.slow = False
        # Queues of Kueue whose places nobody tells.
        self.blind: set[str] = set()
        # What is answered first to who asks for places.
        self.odd: list[bytes] = []
        self._ended: set[str] = set()
        self._broken = 0
        self._events: list[tuple[str, str, Object]] = []
        self._watches = self._kept_from = 0
        self._news = asyncio.Condition()

    async def run(self, ref: AttemptRef, nodes: int = 1) -> str:
        """A Job and its running pods; the first one's name is returned, the others' end with 1, 2…"""
        name = job_name(ref)
        labels = {JOB: ref.job_id, ATTEMPT: str(ref.number)}
        job = {
            "metadata": {"name": name, "labels": labels},
            "spec": {"completions": nodes},
            "status": {},
        }
        containers = [{"name": "trainer", "image": "script:1"}]
        status = {"phase": "Running", "containerStatuses": [_container("running", {})]}
        await self.put("jobs", job)
        for node in range(nodes):
            metadata = {"name": f"{name}-{node}", "labels": {**labels, INDEX: str(node)}}
            pod = {"metadata": metadata, "spec": {"containers": containers}, "status": status}
            self.logs[f"{name}-{node}"], self.first[f"{name}-{node}"] = [], 0
            await self.put("pods", pod)
        return f"{name}-0"

    async def queue(
        self, ref: AttemptRef, told: dict[str, tuple[str, str, str]], **spec: Any
    ) -> None:
        """A Job as Kueue holds it back or lets it run, and what its Workload tells."""
        name = job_name(ref)
        labels = {JOB: ref.job_id, ATTEMPT: str(ref.number)}
        runs = told.get("Admitted", ("False",))[0] == "True"
        job = {"metadata": {"name": name, "labels": labels}, "status": {}}
        await self.put("workloads", kueue_workloads.workload(name, told, **spec))
        await self.put("jobs", {**job, "spec": {"suspend": not runs}})

    async def leave(self, pod: str, **metadata: Any) -> None:
        """The pod is told to leave."""
        known = self.kinds["pods"][pod]
        told = {"deletionTimestamp": "2026-01-01T00:00:00Z", "deletionGracePeriodSeconds": 2}
        await self.put("pods", {**known, "metadata": {**known["metadata"], **told, **metadata}})

    async def exit(self, pod: str, code: int) -> None:
        known = self.kinds["pods"][pod]
        ended = _container("terminated", {"exitCode": code})
        status = {"phase": "Failed" if code else "Succeeded", "containerStatuses": [ended]}
        await self.put("pods", {**known, "status": status})

    async def print(self, pod: str, output: bytes, *, dropped: bool | None = None) -> None:
        """With `dropped`, whoever follows a log is cut off, and what was printed is kept or not."""
        log = self.logs[pod]
        async with self._news:
            for line in output.splitlines(keepends=True):
                log.append(b"2026-01-01T00:00:00.%09dZ %s" % (len(log), line))
            self._broken += dropped is not None
            if dropped:
                self.first[pod] = len(log)
            self._news.notify_all()

    async def end_log(self, pod: str) -> None:
        async with self._news:
            self._ended.add(pod)
            self._news.notify_all()

    async def put(self, kind: str, item: Object) -> None:
        name = item["metadata"]["name"]
        event = "MODIFIED" if name in self.kinds[kind] else "ADDED"
        self.kinds[kind][name] = item
        await self._tell(kind, event, item)

    async def remove(self, kind: str, name: str) -> None:
        if name in self.kinds[kind]:
            await self._tell(kind, "DELETED", self.kinds[kind].pop(name))

    async def end_watches(self, *, forget: bool) -> None:
        """Each watch ends, as they all do after a time; with `forget` none can go on from there."""
        async with self._news:
            self._watches += 1
            self._kept_from = len(self._events) + 1 if forget else 0
            self._events.append(("", "", {}))
            self._news.notify_all()

    async def _tell(self, kind: str, event: str, item: Object) -> None:
        async with self._news:
            self._events.append((kind, event, item))
            self._news.notify_all()

    @asynccontextmanager
    async def serving(self, kubeconfig: Path) -> AsyncIterator[None]:
        """`kubeconfig` is written for its clients."""
        app = web.Application()
        app.router.add_get(NAMESPACE, self._list)
        app.router.add_post(NAMESPACE, self._create)
        app.router.add_get(f"{NAMESPACE}/{{name}}/log", self._log)
        app.router.add_get(f"{NAMESPACE}/{{name}}/pendingworkloads", self._pending)
        app.router.add_get(f"{NAMESPACE}/{{name}}", self._get)
        app.router.add_patch(f"{NAMESPACE}/{{name}}", self._patch)
        app.router.add_delete(f"{NAMESPACE}/{{name}}", self._delete)
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0]
        named = {"name": "fake", "context": {"cluster": "fake", "user": "fake"}}
        config = {
            "clusters": [{"name": "fake", "cluster": {"server": f"http://{host}:{port}"}}],
            "users": [{"name": "fake", "user": {}}],
            "contexts": [named],
            "current-context": "fake",
        }
        await asyncio.to_thread(kubeconfig.write_text, json.dumps(config))
        try:
            yield
        finally:
            await runner.cleanup()

    async def _list(self, request: web.Request) -> web.StreamResponse:
        kind = request.match_info["kind"]
        if "watch" not in request.query:
            self.listed.append(kind)
        if kind not in self.kinds:
            return _not_found()
        if "watch" in request.query:
            return await self._watch(request, kind)
        _, _, without = request.query.get("labelSelector", "").partition(",!")
        items = [
            item
            for item in self.kinds[kind].values()
            if without not in (item["metadata"].get("labels") or {})
        ]
        version = str(len(self._events))
        return web.json_response({"metadata": {"resourceVersion": version}, "items": items})

    async def _watch(self, request: web.Request, kind: str) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        told, watches = int(request.query["resourceVersion"]), self._watches
        if told < self._kept_from:
            gone = {"code": 410, "message": "too old resource version"}
            await response.write(json.dumps({"type": "ERROR", "object": gone}).encode() + b"\n")
            return response
        while self._watches == watches:
            for number, (of, event, item) in enumerate(self._events[told:], told + 1):
                if of == kind:
                    metadata = {**item["metadata"], "resourceVersion": str(number)}
                    line = json.dumps({"type": event, "object": {**item, "metadata": metadata}})
                    await response.write(line.encode() + b"\n")
            told = len(self._events)
            async with self._news:
                await self._news.wait_for(
                    lambda: len(self._events) > told or self._watches > watches  # noqa: B023
                )
        return response

    async def _log(self, request: web.Request) -> web.StreamResponse:
        pod = request.match_info["name"]
        self.log_queries.append(dict(request.query))
        if pod not in self.kinds["pods"]:
            return _not_found()
        response = web.StreamResponse()
        await response.prepare(request)
        log, sent, broken = self.logs[pod], self.first[pod], self._broken
        if "tailLines" in request.query:
            sent = max(sent, len(log) - int(request.query["tailLines"]))
        elif self.slow:
            await response.write(log[0])
            await asyncio.Event().wait()
        while self._broken == broken:
            before, sent = sent, len(log)
            await response.write(b"".join(log[before:]))
            if pod in self._ended:
                return response
            async with self._news:
                state = (sent, broken, pod in self._ended)
                await self._news.wait_for(
                    lambda: (len(log), self._broken, pod in self._ended) != state  # noqa: B023
                )
        assert request.transport is not None
        request.transport.abort()
        return response

    async def _pending(self, request: web.Request) -> web.Response:
        """As Kueue's visibility API: those of a LocalQueue that wait, in their order."""
        if request.match_info["name"] in self.blind:
            return web.json_response({"message": "the server is unavailable"}, status=503)
        if self.odd:
            return web.Response(body=self.odd.pop())
        waiting = [
            {"metadata": one["metadata"], "localQueueName": one["spec"]["queueName"]}
            for one in self.kinds["workloads"].values()
            if one.get("spec", {}).get("queueName") == request.match_info["name"]
            and "True" not in [c["status"] for c in one["status"]["conditions"]]
        ]
        first = waiting[: int(request.query["limit"])]
        items = [{**one, "positionInLocalQueue": place} for place, one in enumerate(first)]
        return web.json_response({"items": items})

    async def _create(self, request: web.Request) -> web.Response:
        await self._hang()
        item, kind = await request.json(), request.match_info["kind"]
        if self.full and kind == "jobs":
            return web.json_response({"message": "exceeded quota"}, status=403)
        if item["metadata"]["name"] in self.kinds[kind]:
            return web.json_response({"message": "already exists"}, status=409)
        item["metadata"].setdefault("uid", item["metadata"]["name"])
        self.made.append(kind)
        await self.put(kind, item)
        return web.json_response(item)

    async def _get(self, request: web.Request) -> web.Response:
        kind, name = request.match_info["kind"], request.match_info["name"]
        return (
            web.json_response(self.kinds[kind][name]) if name in self.kinds[kind] else _not_found()
        )

    async def _patch(self, request: web.Request) -> web.Response:
        kind, name = request.match_info["kind"], request.match_info["name"]
        if name not in self.kinds[kind]:
            return _not_found()
        item = self.kinds[kind][name]
        labels = {**item["metadata"]["labels"], **(await request.json())["metadata"]["labels"]}
        await self.put(kind, {**item, "metadata": {**item["metadata"], "labels": labels}})
        return web.json_response({})

    async def _delete(self, request: web.Request) -> web.Response:
        await self._hang()
        kind, name = request.match_info["kind"], request.match_info["name"]
        if name not in self.kinds[kind]:
            return _not_found()
        await self.remove(kind, name)
        return web.json_response({})

    async def speak(self) -> None:
        async with self._news:
            self.silent = False
            self._news.notify_all()

    async def _hang(self) -> None:
        async with self._news:
            await self._news.wait_for(lambda: not self.silent)


def _container(state: str, detail: Object) -> Object:
    return {"name": "trainer", "state": {state: detail}}


def _not_found() -> web.Response:
    return web.json_response({"message": "not found"}, status=404)
