"""Every request of the platform to its object store passes the strict proxy. Runs last: it reads the proxy's log."""

import io
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from support.api import Api
from support.cluster import MLFLOW_URL
from support.store_attacks import ATTACKER

from smoke.training import submit

LOG = Path(os.environ.get("SMOKE_STORE_LOG", ""))


def requests() -> list[dict[str, Any]]:
    """The requests in the log of strict_s3/proxy.py."""
    return [json.loads(line) for line in LOG.read_text().splitlines()]


def noise_archive() -> bytes:
    """A detect set of 24 pictures that cannot be compressed, about 28 MiB: several parts, several ranges."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("data.yaml", "train: images/train\nval: images/val\nnames: [square]\n")
        for index in range(24):
            split = "val" if index % 3 == 0 else "train"
            png = io.BytesIO()
            Image.frombytes("RGB", (640, 640), os.urandom(640 * 640 * 3)).save(png, "PNG")
            archive.writestr(f"images/{split}/{index}.png", png.getvalue())
            archive.writestr(f"labels/{split}/{index}.txt", "0 0.5 0.5 0.5 0.5\n")
    return buffer.getvalue()


def test_a_dataset_of_several_parts_is_pushed_trained_on_and_deleted(api: Api) -> None:
    dataset = api.push("noise", noise_archive())
    assert dataset["status"] == "ready", dataset["report"]
    job_id = submit(api, dataset["id"])
    assert api.wait(job_id, seconds=300)["status"] == "succeeded"
    api.delete(f"/api/v1/jobs/{job_id}").raise_for_status()
    api.delete(f"/api/v1/datasets/{dataset['id']}").raise_for_status()


def test_a_trainer_of_twenty_lines_with_boto3_s_defaults_passes(api: Api, dataset_id: str) -> None:
    small = {"cpu": 0.2, "memory": "256Mi", "gpu": 0}
    job_id = api.submit(dataset_id, trainer="minimal", resources=small)
    assert api.wait(job_id, seconds=180)["status"] == "succeeded"


def test_mlflow_keeps_artifacts_in_the_store() -> None:
    content = os.urandom(20 << 20)  # three parts
    url = f"{MLFLOW_URL}/api/2.0/mlflow-artifacts/artifacts/rehearsal/noise.bin"
    httpx.put(url, content=content, timeout=120).raise_for_status()
    assert httpx.get(url, timeout=120).raise_for_status().content == content


@pytest.mark.parametrize(
    ("bucket", "method", "parameter", "presigned"),
    [
        ("datasets", "POST", "uploads", False),
        ("datasets", "PUT", "partNumber", True),
        ("datasets", "POST", "uploadId", False),
        ("datasets", "GET", None, True),
        ("datasets", "GET", None, False),
        ("datasets", "DELETE", None, False),
        ("models", "PUT", None, False),
        ("models", "HEAD", None, False),
        ("models", "GET", "list-type", False),
        ("models", "GET", "response-content-disposition", True),
        ("models", "POST", "delete", False),
        ("mlflow", "PUT", "partNumber", False),
        ("mlflow", "GET", None, False),
    ],
)
def test_went_through(bucket: str, method: str, parameter: str | None, presigned: bool) -> None:
    """So that `nothing was refused` is said of something."""
    assert [
        request
        for request in requests()
        if request["path"].split("/")[1] == bucket
        and (request["method"], request["presigned"]) == (method, presigned)
        and (parameter is None or parameter in request["parameters"])
        and request["status"] < httpx.codes.BAD_REQUEST
    ]


def test_nothing_was_refused() -> None:
    refused = [request for request in requests() if request["refused"]]
    assert [request for request in refused if ATTACKER not in request["agent"]] == []


def test_this_very_proxy_refuses() -> None:
    """tests/strict_s3 holds it to each of its rules; here, that it is the one on the way."""
    with httpx.Client(base_url=os.environ["SMOKE_STORE"]) as stranger:
        reply = stranger.put("/datasets/x", content=b"x", headers={"x-amz-acl": "public-read"})
    assert reply.status_code == httpx.codes.BAD_REQUEST
    assert requests()[-1]["refused"]
