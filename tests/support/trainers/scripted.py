"""A trainer that does what its config says, good or bad; it knows only the training contract."""

import json
import os
import signal
import subprocess
import sys
import time

import boto3
import requests

config = json.loads(os.environ["TRAIN_CONFIG"])
job, attempt = os.environ["JOB_ID"], int(os.environ["ATTEMPT"])
session = requests.Session()
session.headers["Authorization"] = f"Bearer {os.environ['CALLBACK_TOKEN']}"
jobs = f"{os.environ['BACKEND_URL']}/api/v1/jobs"
s3 = boto3.client("s3", endpoint_url=os.environ["S3_ENDPOINT"])
models = os.environ["MODELS_BUCKET"]


def post(path, body):
    """Ride out an outage of the backend, as a careful script would."""
    while True:
        try:
            reply = session.post(f"{jobs}/{path}", json=body, timeout=5)
        except requests.RequestException:
            time.sleep(0.2)
            continue
        if reply.status_code < 500:
            return reply
        time.sleep(0.2)


def first_epoch():
    for earlier in range(attempt - 1, 0, -1):
        try:
            head = s3.head_object(Bucket=models, Key=f"{job}/{earlier}/checkpoint")
        except s3.exceptions.ClientError:
            continue
        return int(head["Metadata"]["epoch"]) + 1
    return 0


def hostile():
    """Every wrong thing a trainer can send; prints what it was told."""
    mine = f"{job}/heartbeat"
    for body in (
        {"epoch": "three", "metrics": {}},
        {"epoch": -1, "metrics": {}},
        {"epoch": 0, "metrics": {"x": "y"}},
        {"epoch": 0, "metrics": {"x" * 200: 1}},
        {"epoch": 0, "metrics": {f"m{i}": i for i in range(300)}},
        {"epoch": 0, "metrics": {}, "progress": 7},
        {"epoch": 0, "metrics": {}, "status": "succeeded"},
        {"epoch": 0, "metrics": {"pad": 1}, "system": {"a" * 70000: 1}},
        [1, 2, 3],
    ):
        print("hostile", post(mine, body).status_code)
    for cause in ("cancelled", "node_lost", "nonsense"):
        print("hostile", post(f"{job}/finish", {"cause": cause}).status_code)
    print(
        "hostile",
        post(f"{config['other_job']}/heartbeat", {"epoch": 0, "metrics": {"x": 1}}).status_code,
    )
    print("hostile", session.post(f"{jobs}/{job}/logs?offset=999999999", data=b"x").status_code)
    print("hostile", session.post(f"{jobs}/{job}/logs?offset=0", data=b"x" * (2 << 20)).status_code)


if config["ignore_sigterm"]:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
for _ in range(config["children"]):
    # Children that leave the session and the group, and mind no SIGTERM. Who is to be ended sleeps
    # far longer than any test waits, and goes by itself should nobody end it.
    nap = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
    subprocess.Popen([sys.executable, "-c", nap], start_new_session=True)
if config["keep_token"]:
    s3.put_object(
        Bucket=models, Key=f"{job}/{attempt}/artifacts/token", Body=os.environ["CALLBACK_TOKEN"]
    )
if config["other_job"]:
    hostile()

for epoch in range(first_epoch(), config["epochs"]):
    for line in range(config["lines_per_epoch"]):
        print(f"attempt {attempt} epoch {epoch} line {line} äöü")
    sys.stdout.flush()
    time.sleep(config["epoch_s"])
    told = post(
        f"{job}/heartbeat",
        {"epoch": epoch, "metrics": {"loss": 1 / (epoch + 1), "attempt": attempt}},
    )
    s3.put_object(
        Bucket=models,
        Key=f"{job}/{attempt}/checkpoint",
        Body=b"x",
        Metadata={"epoch": str(epoch)},
    )
    if config["die_at_epoch"] == epoch and attempt == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    if told.ok and told.json()["command"] == "finish":
        break

hog = bytearray(config["allocate_mb"] << 20)
hog[::4096] = b"x" * len(hog[::4096])
if config["hang"] or hog:
    time.sleep(600)  # until the platform ends it, as above
if config["report"]:
    post(f"{job}/finish", {"cause": config["report"], "message": "as the config says"})
sys.exit(config["exit_code"])
