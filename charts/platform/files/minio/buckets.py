"""Makes MinIO's buckets and its users, each with its own buckets; waits for a store that is still starting.

A user exists and has this password and these rights when it is done, whatever was before.
"""

import os
import sys
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from minio import MinioAdmin
from minio.credentials import EnvAWSProvider

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
address = urlsplit(endpoint)
admin = MinioAdmin(
    endpoint=address.netloc, credentials=EnvAWSProvider(), secure=address.scheme == "https"
)
names = [os.environ[name] for name in ("AWS_ACCESS_KEY_ID", "BACKEND_USER", "MLFLOW_USER")]
if len(set(names)) < len(names):
    sys.exit(
        "root-user, access-key-id and mlflow-access-key-id are three users: give each a name of its "
        "own in the Secrets that secrets.minio and secrets.objectStore name."
    )
for name in ("backend", "mlflow"):
    user, password, buckets = (
        os.environ[f"{name.upper()}_{part}"] for part in ("USER", "PASSWORD", "BUCKETS")
    )
    for bucket in buckets.split():
        if bucket not in there:
            s3.create_bucket(Bucket=bucket)
        print(f"bucket {bucket}: {'there' if bucket in there else 'made'}", flush=True)
    arns = [f"arn:aws:s3:::{bucket}{rest}" for bucket in buckets.split() for rest in ("", "/*")]
    statements = [
        {"Effect": "Allow", "Action": ["s3:*"], "Resource": arns},
        # Else the holder of a session could give itself a key without the session's limits
        # (CVE-2025-62506).
        {"Effect": "Deny", "Action": ["admin:*"]},
    ]
    admin.policy_add(name, policy={"Version": "2012-10-17", "Statement": statements})
    admin.user_add(user, password)
    admin.policy_set(name, user=user)
    print(f"user {name}: may use {buckets}", flush=True)
