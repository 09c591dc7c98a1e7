"""The backend's HTTP API, as tests and benches call it."""

from typing import Any

import httpx

from support.waiting import wait_for

FINISHED = {"succeeded", "failed", "cancelled"}


class Api(httpx.Client):
    """A client with the steps that most tests take.

    No connection is kept alive: one made while a pod is replaced could lead nowhere from then on.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(limits=httpx.Limits(max_keepalive_connections=0), **options)

    def submit(self, dataset_id: str, config: dict[str, Any] | None = None, **fields: Any) -> str:
        body = {"dataset_id": dataset_id, "trainer": "scripted", "config": config or {}, **fields}
        reply = self.post("/api/v1/jobs", json=body)
        assert reply.status_code == 201, reply.text
        return str(reply.json()["id"])

    def submit_yolo(self, dataset_id: str, *, epochs: int, **fields: Any) -> str:
        """A real training that fits beside the platform on a node of two cores."""
        config = {
            "model": "yolo11n",
            "epochs": epochs,
            "imgsz": 64,
            "batch": 4,
            "workers": 0,
            "plots": False,
        }
        resources = {"cpu": 0.6, "memory": "2Gi"}
        return self.submit(dataset_id, config, trainer="ultralytics", resources=resources, **fields)

    def job(self, job_id: str) -> dict[str, Any]:
        reply = self.get(f"/api/v1/jobs/{job_id}")
        reply.raise_for_status()
        return dict(reply.json())

    def wait(
        self, job_id: str, *statuses: str, seconds: float = 60, every_s: float = 0.05
    ) -> dict[str, Any]:
        """The job, once it is in one of `statuses`; default: finished. `every_s`: between requests."""
        wanted = set(statuses) or FINISHED

        def reached() -> dict[str, Any] | None:
            job = self.job(job_id)
            return job if job["status"] in wanted else None

        job: dict[str, Any] = wait_for(
            reached,
            seconds,
            lambda: (self.job(job_id), self.log(job_id)[-2000:]),
            catch=httpx.HTTPError,
            every_s=every_s,
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
        """Upload a dataset and return it once it is checked."""
        body = {"name": name, "task": task, "size": len(archive)}
        dataset = self.post("/api/v1/datasets", json=body).raise_for_status().json()
        size, parts = dataset["upload"]["part_size"], []
        for part in dataset["upload"]["parts"]:
            begin = (part["number"] - 1) * size
            put = httpx.put(part["url"], content=archive[begin : begin + size], timeout=60)
            parts.append({"number": part["number"], "etag": put.raise_for_status().headers["etag"]})
        path = f"/api/v1/datasets/{dataset['id']}"
        self.post(f"{path}/complete", json={"parts": parts}).raise_for_status()

        def checked() -> dict[str, Any] | None:
            current = self.get(path).json()
            return current if current["status"] in {"ready", "rejected"} else None

        result: dict[str, Any] = wait_for(checked, 60, lambda: self.get(path).text)
        return result
