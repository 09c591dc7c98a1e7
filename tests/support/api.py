"""What the suite does through the API, and nothing else: it runs against any executor."""

import io
import zipfile
from typing import Any

import httpx
from PIL import Image, ImageDraw

from support.waiting import wait_for

FINISHED = {"succeeded", "failed", "cancelled"}


class Api(httpx.Client):
    """The backend's API with the few steps that every test takes.

    No connection is kept: while a pod is replaced, one that was made in that moment would go on
    leading to nowhere.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(limits=httpx.Limits(max_keepalive_connections=0), **options)

    def submit(self, dataset_id: str, config: dict[str, Any] | None = None, **fields: Any) -> str:
        body = {"dataset_id": dataset_id, "trainer": "scripted", "config": config or {}, **fields}
        reply = self.post("/api/v1/jobs", json=body)
        assert reply.status_code == 201, reply.text
        return str(reply.json()["id"])

    def submit_yolo(self, dataset_id: str, *, epochs: int, **fields: Any) -> str:
        """A real training; it asks for what a cluster's node of two cores has left."""
        config = {"model": "yolo11n", "epochs": epochs, "imgsz": 64, "batch": 4, "workers": 0}
        resources = {"cpu": 0.4, "memory": "2Gi"}
        return self.submit(dataset_id, config, trainer="ultralytics", resources=resources, **fields)

    def job(self, job_id: str) -> dict[str, Any]:
        reply = self.get(f"/api/v1/jobs/{job_id}")
        reply.raise_for_status()
        return dict(reply.json())

    def wait(self, job_id: str, *statuses: str, seconds: float = 60) -> dict[str, Any]:
        """The job, once it is in one of `statuses`; default: finished."""
        wanted = set(statuses) or FINISHED

        def reached() -> dict[str, Any] | None:
            job = self.job(job_id)
            return job if job["status"] in wanted else None

        job: dict[str, Any] = wait_for(
            reached,
            seconds,
            lambda: (self.job(job_id), self.log(job_id)[-2000:]),
            catch=httpx.HTTPError,
        )
        return job

    def wait_epoch(self, job_id: str, epoch: int, seconds: float = 60) -> None:
        wait_for(
            lambda: (self.job(job_id)["epoch"] or 0) >= epoch and self.metrics(job_id),
            seconds,
            lambda: (self.job(job_id), self.log(job_id)[-2000:]),
            catch=httpx.HTTPError,
        )

    def metrics(self, job_id: str) -> list[dict[str, Any]]:
        reply = self.get(f"/api/v1/jobs/{job_id}/metrics").raise_for_status()
        return list(reply.json()["items"])

    def log(self, job_id: str, offset: int = 0) -> str:
        reply = self.get(f"/api/v1/jobs/{job_id}/logs", params={"offset": offset})
        return reply.raise_for_status().text

    def artifacts(self, job_id: str) -> dict[str, dict[str, Any]]:
        reply = self.get(f"/api/v1/jobs/{job_id}/artifacts").raise_for_status()
        items = reply.json()["items"]
        return {item["name"]: item for item in items}

    def push(self, name: str, archive: bytes, task: str = "detect") -> dict[str, Any]:
        """Upload a dataset and return it once its preflight is over."""
        body = {"name": name, "task": task, "size": len(archive)}
        dataset = self.post("/api/v1/datasets", json=body).raise_for_status().json()
        size, parts = dataset["upload"]["part_size"], []
        for part in dataset["upload"]["parts"]:
            begin = (part["number"] - 1) * size
            put = httpx.put(part["url"], content=archive[begin : begin + size], timeout=60)
            parts.append({"number": part["number"], "etag": put.raise_for_status().headers["etag"]})
        path = f"/api/v1/datasets/{dataset['id']}"
        self.post(f"{path}/complete", json={"parts": parts}).raise_for_status()

        def judged() -> dict[str, Any] | None:
            current = self.get(path).json()
            return current if current["status"] in {"ready", "rejected"} else None

        result: dict[str, Any] = wait_for(judged, 60, lambda: self.get(path).text)
        return result


def squares_archive() -> bytes:
    """A detect set of 8 + 4 pictures of 64 px with one square each, as a zip."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("data.yaml", "train: images/train\nval: images/val\nnames: [square]\n")
        for split, count in (("train", 8), ("val", 4)):
            for index in range(count):
                picture, left = Image.new("RGB", (64, 64), "white"), 4 + index * 4
                ImageDraw.Draw(picture).rectangle((left, left, left + 20, left + 20), fill="black")
                png = io.BytesIO()
                picture.save(png, "PNG")
                archive.writestr(f"images/{split}/{index}.png", png.getvalue())
                centre = (left + 10) / 64
                label = f"0 {centre:.4f} {centre:.4f} {20 / 64:.4f} {20 / 64:.4f}\n"
                archive.writestr(f"labels/{split}/{index}.txt", label)
    return buffer.getvalue()
