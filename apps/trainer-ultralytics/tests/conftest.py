"""Fixtures: a real S3 server, a backend's stand-in, real launchers and supervisors."""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest
import samples
import servers
from forks import ForkServer, fork_server
from launching import Launcher
from stand_in import Backend

# Not the default names: where bucket names are global, a platform needs names of its own.
DATASETS_BUCKET, MODELS_BUCKET = "acme-datasets", "acme-models"


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.S3Server]:
    with servers.seaweedfs(tmp_path_factory.mktemp("servers") / "seaweedfs") as server:
        client = server.client()
        client.create_bucket(Bucket=DATASETS_BUCKET)
        client.create_bucket(Bucket=MODELS_BUCKET)
        yield server


@pytest.fixture
def s3(s3_server: servers.S3Server) -> Any:
    return s3_server.client()


@pytest.fixture
def backend() -> Iterator[Backend]:
    backend = Backend()
    yield backend
    backend.down()


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """TRAINER_HOME of all tests: they share its dataset cache, as jobs do."""
    return tmp_path_factory.mktemp("home")


class Jobs:
    """Makes attempts' environments; datasets are stored once for each content."""

    def __init__(self, server: servers.S3Server, backend: Backend) -> None:
        self.server = server
        self.backend = backend
        self.client = server.client()

    def env(self, task: str = "detect", **changes: Any) -> dict[str, str]:
        """The contract's environment; lower-case changes go into the config."""
        job_id = changes.pop("JOB_ID", uuid4().hex[:12])
        content = changes.pop("content", None) or samples.files(task)
        data = changes.pop("archive", None) or samples.archive(content)
        index = samples.index(content, task)
        sha256 = hashlib.sha256(data).hexdigest()
        for suffix, body in (("zip", data), ("jsonl", index)):
            key = f"{sha256[:12]}.{suffix}"
            self.client.put_object(Bucket=DATASETS_BUCKET, Key=key, Body=body)
        config = {"epochs": 1, "imgsz": 32, "batch": 2, "mosaic": 0, "model": "yolo11n"}
        config["plots"] = False  # drawing takes two thirds of so small a training's time
        config |= {key: value for key, value in changes.items() if key.islower()}
        return {
            "JOB_ID": job_id,
            "ATTEMPT": "1",
            "BACKEND_URL": self.backend.url,
            "CALLBACK_TOKEN": "secret-token",
            "S3_ENDPOINT": self.server.endpoint,
            "AWS_ACCESS_KEY_ID": self.server.access_key,
            "AWS_SECRET_ACCESS_KEY": self.server.secret_key,
            "AWS_REGION": "us-east-1",
            "DATASETS_BUCKET": DATASETS_BUCKET,
            "MODELS_BUCKET": MODELS_BUCKET,
            "DATASET_ID": sha256[:12],
            "DATASET_SHA256": sha256,
            "DATASET_INDEX_SHA256": hashlib.sha256(index).hexdigest(),
            "TASK": task,
            "TRAIN_CONFIG": json.dumps(config),
        } | {key: str(value) for key, value in changes.items() if key.isupper()}

    def start_from(self, env: dict[str, str], weights: bytes, name: str = "own.pt") -> None:
        """Store the weights as the platform does, and name them in the environment."""
        sha256 = hashlib.sha256(weights).hexdigest()
        key = f"{uuid4().hex[:12]}/1/artifacts/best.pt"
        self.client.put_object(Bucket=MODELS_BUCKET, Key=key, Body=weights)
        env |= {"WEIGHTS_NAME": name, "WEIGHTS_KEY": key, "WEIGHTS_SHA256": sha256}

    def keys(self, env: dict[str, str]) -> dict[str, str]:
        """Keys of the job's own, for a time, as the backend gives them."""
        job, bucket = env["JOB_ID"], f"arn:aws:s3:::{MODELS_BUCKET}"
        listed = {"StringLike": {"s3:prefix": f"{job}/*"}}
        statements = [
            {"Effect": "Allow", "Action": ["s3:*"], "Resource": f"{bucket}/{job}/*"},
            {
                "Effect": "Allow",
                "Action": ["s3:ListBucket"],
                "Resource": bucket,
                "Condition": listed,
            },
        ]
        sts = boto3.client(
            "sts",
            endpoint_url=self.server.endpoint,
            aws_access_key_id=self.server.access_key,
            aws_secret_access_key=self.server.secret_key,
            region_name="us-east-1",
        )
        found = sts.assume_role(
            RoleArn="arn:aws:iam::000000000000:role/attempt",
            RoleSessionName=job,
            Policy=json.dumps({"Version": "2012-10-17", "Statement": statements}),
        )["Credentials"]
        return {
            "AWS_ACCESS_KEY_ID": found["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": found["SecretAccessKey"],
            "AWS_SESSION_TOKEN": found["SessionToken"],
            "AWS_CREDENTIAL_EXPIRATION": str(found["Expiration"]),
        }

    def kept(self, env: dict[str, str]) -> set[str]:
        """Names of the artifacts of the job's attempt."""
        prefix = f"{env['JOB_ID']}/{env['ATTEMPT']}/artifacts/"
        found = self.client.list_objects_v2(Bucket=MODELS_BUCKET, Prefix=prefix)
        return {item["Key"].removeprefix(prefix) for item in found.get("Contents", [])}

    def artifact(self, env: dict[str, str], name: str) -> bytes:
        """What an artifact of the job's attempt holds."""
        key = f"{env['JOB_ID']}/{env['ATTEMPT']}/artifacts/{name}"
        return self.client.get_object(Bucket=MODELS_BUCKET, Key=key)["Body"].read()


@pytest.fixture
def jobs(s3_server: servers.S3Server, backend: Backend) -> Jobs:
    return Jobs(s3_server, backend)


# As the launcher itself warms up; what it has changed and defined once is left as a fork needs it.
WARM = """
import torch
load = torch.load
from trainer.launcher.warm_up import warm_up
warm_up()
torch.load = load
forget("trainer", but="trainer.yolo.torchvision_shim")
"""


@pytest.fixture(scope="session")
def forks(home: Path) -> Iterator[ForkServer]:
    """Runs programs that import torch and Ultralytics, which takes seconds each time."""
    with fork_server(WARM, os.environ | {"TRAINER_HOME": str(home)}) as server:
        yield server


@pytest.fixture(scope="session")
def warm_launcher(tmp_path_factory: pytest.TempPathFactory, home: Path) -> Iterator[Launcher]:
    launcher = Launcher(tmp_path_factory.mktemp("launcher"), home)
    launcher.start()
    yield launcher
    launcher.end()


@pytest.fixture
def launcher(warm_launcher: Launcher) -> Iterator[Launcher]:
    """A warm launcher, without attempts before and after the test."""
    yield warm_launcher
    for attempt in warm_launcher.attempts():
        key = {"job_id": attempt["job_id"], "attempt": attempt["attempt"]}
        warm_launcher.ask("stop", **key, grace_s=0)
        warm_launcher.wait_ended(attempt["job_id"], attempt["attempt"])
        warm_launcher.ask("forget", **key)
