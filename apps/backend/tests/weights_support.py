"""A platform whose trainer starts from weights, and files of them that are its tests' own."""

import hashlib
from typing import Any

import api_support
import httpx
from api_support import Api, add_dataset
from pickled_weights import archive, text

MANIFEST = api_support.MANIFEST | {
    "tasks": ["detect", "segment"],
    "pretrained": {"detect": "{model}.pt", "segment": "{model}-seg.pt"},
    "assets": {
        f"{model}{suffix}.pt": {"task": task, "model": model}
        for model in ("yolo11n", "yolo11s", "yolo11m", "yolo11l", "yolo11x")
        for task, suffix in (("detect", ""), ("segment", "-seg"))
        if (model, task) != ("yolo11x", "detect")
    },
    "config_schema": {
        "type": "object",
        "properties": {"model": {"default": "yolo11n", "description": "The model."}},
    },
}


def made(told: str) -> bytes:
    """Weights that do not say what they are for, and others for each `told`."""
    return archive(pickled=b"\x80\x02}" + text("told") + text(told) + b"s.")


async def send(api: Api, data: bytes, name: str, content: bytes, **fields: Any) -> httpx.Response:
    """Announce `data`, upload `content`, and say so."""
    path = f"/api/v1/weights/{hashlib.sha256(data).hexdigest()}"
    body = {"name": name, "size": len(data), **fields}
    reply = await api.http.put(path, json=body)
    if link := reply.json().get("upload"):
        async with httpx.AsyncClient() as client:
            await client.put(link, content=content)
        reply = await api.http.put(path, json=body)
    return reply


async def push(api: Api, data: bytes, name: str, **fields: Any) -> dict[str, Any]:
    weights: dict[str, Any] = (await send(api, data, name, data, **fields)).json()
    return weights


async def submit(
    api: Api,
    weights: Any,
    task: str = "detect",
    trainer: str = "plain",
    report: Any = None,
    **config: Any,
) -> dict[str, Any]:
    dataset_id = await add_dataset(api.ctx, task=task, report=report)
    body = {"dataset_id": dataset_id, "trainer": trainer, "config": config, "weights": weights}
    reply: dict[str, Any] = (await api.http.post("/api/v1/jobs", json=body)).json()
    return reply
