"""Creates the buckets named by the arguments if they do not exist; waits for a store that is still starting."""

import os
import sys

import boto3
from botocore.config import Config

endpoint = os.environ["MINIO_ENDPOINT"]
print(
    f"asking the object store at {endpoint} (MINIO_ENDPOINT); trying again while it is away",
    flush=True,
)
s3 = boto3.client(
    "s3",
    endpoint_url=endpoint,
    config=Config(connect_timeout=3, retries={"mode": "standard", "total_max_attempts": 30}),
)
there = {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}
for name in sys.argv[1:]:
    if name not in there:
        s3.create_bucket(Bucket=name)
    print(f"bucket {name}: {'there' if name in there else 'made'}", flush=True)
