"""Makes the buckets named in the arguments, where they are not there yet; waits for the store, with words."""

import os
import sys
import time

import boto3
from botocore.exceptions import ClientError, EndpointConnectionError

endpoint = os.environ["MINIO_ENDPOINT"]
s3 = boto3.client("s3", endpoint_url=endpoint)
while True:
    try:
        there = {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}
        break
    except (ClientError, EndpointConnectionError) as error:
        print(f"waiting for the object store at {endpoint} (MINIO_ENDPOINT): {error}", flush=True)
        time.sleep(1)
for name in sys.argv[1:]:
    if name not in there:
        s3.create_bucket(Bucket=name)
    print(f"bucket {name}: {'there' if name in there else 'made'}", flush=True)
