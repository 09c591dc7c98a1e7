# All that a trainer must do: download the dataset, train, send heartbeats.
import os

import boto3
import requests

JOB_ID = os.environ["JOB_ID"]
BACKEND_URL = os.environ["BACKEND_URL"]
CALLBACK_TOKEN = os.environ["CALLBACK_TOKEN"]
S3_ENDPOINT = os.environ["S3_ENDPOINT"]
dataset_id = os.environ["DATASET_ID"]

s3 = boto3.client("s3", endpoint_url=S3_ENDPOINT)
s3.download_file(os.environ["DATASETS_BUCKET"], f"{dataset_id}.zip", f"/tmp/{JOB_ID}.zip")

for epoch in range(3):
    metrics = {"bytes": os.path.getsize(f"/tmp/{JOB_ID}.zip"), "loss": 1.0 / (epoch + 1)}
    print(f"epoch {epoch} {metrics}")
    requests.post(
        f"{BACKEND_URL}/api/v1/jobs/{JOB_ID}/heartbeat",
        headers={"Authorization": f"Bearer {CALLBACK_TOKEN}"},
        json={"epoch": epoch, "metrics": metrics},
    )
