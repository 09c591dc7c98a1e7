"""What each side of the training contract has in its code, told by the side's own environment."""

import json
import subprocess
from functools import cache
from typing import Any

from chart import ROOT, overlay, render

BACKEND = """
from pathlib import Path
from types import SimpleNamespace as Row
from typing import get_args

from backend.artifacts.service import ARTIFACT_NAME, MAX_ARTIFACTS
from backend.callbacks import schemas
from trainyard_manifest import MAX_CONFIG_BYTES, Resources, Task
from backend.callbacks.routes import callbacks
from backend.orchestration.attempt_env import attempt_env
from backend.executors.base import AttemptRef, AttemptSpec
from backend.executors.kubernetes.objects import build_job
from backend.infra import object_store, text
from backend.settings import Settings
from backend.state import object_keys
from backend.state.causes import REPORTABLE, Cause

settings = Settings(
    database_url="sqlite+aiosqlite://", backend_url="http://backend", minio_endpoint="http://store",
    aws_access_key_id="key", aws_secret_access_key="secret", trainers_dir=Path("."),
    launcher_socket=Path("socket"), datasets_bucket="other-datasets", models_bucket="other-models",
    stop_grace_s=42,
)
job = Row(id="0123456789ab", dataset_id="ba9876543210", task="detect", config={}, resources={"gpu": 2}, weights={"name": "job", "key": "key", "sha256": "2" * 64})
told = attempt_env(settings, job, Row(number=1, debug_port=5678), Row(sha256="0" * 64, index_sha256="1" * 64), "token") | dict.fromkeys(object_store.VARIABLES, "2030")
spec = AttemptSpec(AttemptRef(job.id, 1), "", [], {}, Resources(gpu=2, nodes=2))
made = build_job({"spec": {"template": {"spec": {"containers": [{}]}}}}, spec, settings)
env = made["spec"]["template"]["spec"]["containers"][0]["env"]
told |= {one["name"]: one.get("value", "1") for one in env}  # a node's rank is its pod's
phases = schemas.HeartbeatIn.model_fields["phase"].annotation
limits = {route.kind: route.max_body_bytes for route in callbacks}
answer = {
    "env": told,
    "causes": [*Cause],
    "reportable": [*REPORTABLE],
    "tasks": [*Task],
    "phases": [one for one in get_args(get_args(phases)[0])],
    "objects": {
        "dataset": object_keys.dataset("{dataset_id}"),
        "dataset_index": object_keys.dataset_index("{dataset_id}"),
        "weights": object_keys.weights("{sha256}"),
        "checkpoint": object_keys.checkpoint("{job_id}", "{attempt}"),
        "artifact": object_keys.artifact("{job_id}", "{attempt}", "{name}"),
    },
    "limits": {
        "heartbeat_bytes": limits["heartbeat"],
        "log_write_bytes": limits["logs"],
        "config_bytes": MAX_CONFIG_BYTES,
        "metrics_per_heartbeat": schemas.MAX_METRICS,
        "metric_name_characters": schemas.MAX_METRIC_NAME,
        "finish_message_characters": text.MAX_MESSAGE,
        "artifacts": MAX_ARTIFACTS,
        "artifact_name": ARTIFACT_NAME.pattern,
    },
}
"""

TRAINER = """
import re
from pathlib import Path

import trainer
from trainer import contract

class Recorded(dict):
    read = set()
    def get(self, name, default=None):
        self.read.add(name)
        return super().get(name, default)

env = Recorded(GIVEN)
attempt = contract.Attempt.from_env(env)
source = "".join(path.read_text() for path in Path(trainer.__file__).parent.rglob("*.py"))
elsewhere = set(re.findall(r'os\\.environ(?:\\.get\\(|\\[)"([A-Z0-9_]+)"', source))
answer = {
    "env": sorted(Recorded.read | elsewhere - {"PATH"}),
    "reportable": [*contract.Cause],
    "buckets": [attempt.datasets_bucket, attempt.models_bucket],
    "stop_grace_s": attempt.stop_grace_s,
}
"""

# Of a registered model's version: whose files it is.
JOB_TAG = """
from backend.infra.mlflow import JOB_TAG as answer
"""
SERVED_JOB_TAG = """
from trainer.platform_model import _JOB_TAG as answer
"""

IMAGE_SUFFIXES = """
from ultralytics.data.utils import IMG_FORMATS
answer = sorted("." + name for name in IMG_FORMATS)
"""


CHECKED_SUFFIXES = """
from trainyard_datasets.files import IMAGE_SUFFIXES
answer = sorted(IMAGE_SUFFIXES)
"""


# For the path ARCHIVE: its index, beside it.
CHECK = """
from pathlib import Path
from trainyard_datasets.archive import Archive
from trainyard_datasets.check import check_files

path = Path(ARCHIVE)
check = check_files(Archive(path.open("rb"), path.stat().st_size), TASK)
with path.with_suffix(".jsonl").open("wb") as file:
    check.write_index(file)
answer = check.report()
"""

# For the path ARCHIVE: unpacked by its index, beside it.
UNPACK = """
from pathlib import Path
from trainer.dataset.fetch import unpack

path = Path(ARCHIVE)
unpack(path, path.with_suffix(".jsonl"), path.with_suffix(""))
answer = sorted(str(file.relative_to(path.with_suffix(""))) for file in path.with_suffix("").rglob("*.*"))
"""


STORE_WITH_CA = {
    "minio": {"enabled": False},
    "objectStore": {"endpoint": "https://store.example.com", "caConfigMap": "store-ca"},
}


def ask(app: str, code: str) -> Any:
    """Run `code` in the environment of `app`; what it leaves in `answer`."""
    script = f"import json\n{code}\nprint(json.dumps(answer))"
    python = ROOT / "apps" / app / ".venv/bin/python"
    done = subprocess.run([python, "-c", script], check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


@cache
def backend() -> dict[str, Any]:
    told: dict[str, Any] = ask("backend", BACKEND)
    return told


@cache
def trainer() -> dict[str, Any]:
    """What the trainer reads of the very environment that the backend sets."""
    told: dict[str, Any] = ask(
        "trainer-ultralytics", TRAINER.replace("GIVEN", repr(backend()["env"]))
    )
    return told


def chart_sets(owner: str, container: str) -> set[str]:
    """The variables that the chart sets in a container, with a CA bundle for the object store."""
    rendered = render(overlay("tier1"), STORE_WITH_CA)
    found = next(one for one in rendered.pod(owner).containers if one["name"] == container)
    return {variable["name"] for variable in found["env"]}
