"""A stub of the Kubernetes API server that lists any number of running training Jobs.

`python bench/kubernetes_stub.py PORT JOBS`. The objects were recorded in a real cluster
(apps/backend/tests/kubernetes); `managedFields` are added, as an API server has them.
"""

import asyncio
import copy
import json
import sys
from collections.abc import AsyncIterator
from typing import Any

import uvicorn
from common import ROOT
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

END_RECORDED = ROOT / "apps/backend/tests/kubernetes/succeeded.json"
RUNNING = {"running": {"startedAt": "2026-11-24T18:46:44Z"}}


def fields(value: Any) -> Any:
    """The `fieldsV1` of a manager that set all of `value`."""
    if isinstance(value, dict):
        return {f"f:{key}": fields(part) for key, part in value.items()}
    return {}


def named(thing: Any, job_id: str) -> bytes:
    """The object as that of another job."""
    other = copy.deepcopy(thing)
    recorded_id = other["metadata"]["labels"]["trainyard.dev/job"]
    managed = {
        "manager": "kube-controller-manager",
        "operation": "Update",
        "fieldsType": "FieldsV1",
    }
    managed |= {"apiVersion": other["apiVersion"], "time": "2026-11-24T18:46:44Z"}
    shown = {key: other[key] for key in ("metadata", "spec", "status")}
    other["metadata"]["managedFields"] = [managed | {"fieldsV1": fields(shown)}]
    return json.dumps(other).replace(recorded_id, job_id).encode()


def running(jobs: int) -> dict[str, list[bytes]]:
    recorded = json.loads(END_RECORDED.read_text())
    job, pod = recorded["job"], recorded["pod"]
    pod["status"]["phase"] = "Running"
    for status in pod["status"]["containerStatuses"]:
        status |= {"state": RUNNING, "ready": True, "started": True}
    ids = [f"{number:012x}" for number in range(jobs)]
    things = {"jobs": job, "pods": pod}
    listed = {kind: [named(thing, id_) for id_ in ids] for kind, thing in things.items()}
    return listed | {"events": []}


def app(jobs: int) -> Starlette:
    listed = running(jobs)

    async def silence(seconds: int) -> AsyncIterator[bytes]:
        await asyncio.sleep(seconds)
        yield b""

    async def answer(request: Request) -> Response:
        query = request.query_params
        if "watch" in query:
            return StreamingResponse(silence(int(query["timeoutSeconds"])))
        items = listed[request.path_params["kind"]]
        begin = int(query.get("continue", 0))
        end = begin + int(query.get("limit") or len(items))
        metadata = {"resourceVersion": "1", "continue": str(end) if end < len(items) else ""}
        body = b'{"metadata":%b,"items":[%b]}' % (
            json.dumps(metadata).encode(),
            b",".join(items[begin:end]),
        )
        return Response(body, media_type="application/json")

    paths = ("/api/v1", "/apis/batch/v1")
    return Starlette(
        routes=[Route(f"{path}/namespaces/{{namespace}}/{{kind}}", answer) for path in paths]
    )


if __name__ == "__main__":
    uvicorn.run(app(int(sys.argv[2])), port=int(sys.argv[1]), log_level="warning")
