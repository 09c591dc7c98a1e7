"""What a trainer with its attempt's keys tries at the object store: all that it may, and what it may not."""

import io
import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import boto3
from boto3.exceptions import S3UploadFailedError
from botocore.config import Config
from botocore.exceptions import ClientError

Calls = dict[str, Callable[[], Any]]

DATASETS, MODELS = "datasets", "models"
# In the User-Agent of what a store must refuse: a log of its requests tells them from the platform's.
ATTACKER = "attacker"
# Larger than what boto3 sends in one piece.
LARGE = 9 << 20


class Given(NamedTuple):
    """What an attempt was given."""

    job_id: str
    attempt: int
    dataset_id: str
    weights_key: str = ""


class Others(NamedTuple):
    """What is there and is not the attempt's."""

    dataset_id: str
    job_id: str
    weights_key: str


def put_all(s3: Any, given: Given, others: Others) -> None:
    """Store the objects that the calls below are about, each with its key as its content."""
    before = f"{given.job_id}/{given.attempt - 1}/checkpoint"
    objects = [(MODELS, given.weights_key), (MODELS, before), *_victims(others)]
    for bucket, key in objects:
        if key:
            s3.put_object(Bucket=bucket, Key=key, Body=key.encode())


def changed(s3: Any, others: Others) -> list[str]:
    """The keys of others' objects that are not as `put_all` left them."""
    found = [
        (key, s3.get_object(Bucket=bucket, Key=key)["Body"]) for bucket, key in _victims(others)
    ]
    return [key for key, body in found if body.read() != key.encode()]


def _victims(others: Others) -> list[tuple[str, str]]:
    return [
        (DATASETS, f"{others.dataset_id}.zip"),
        (DATASETS, f"{others.dataset_id}.jsonl"),
        (MODELS, f"{others.job_id}/1/artifacts/best.pt"),
        (MODELS, f"{others.job_id}/1/checkpoint"),
        (MODELS, others.weights_key),
    ]


def refused(call: Callable[[], Any]) -> bool:
    """Whether the store refuses the call; False if it did it, or misses something."""
    try:
        reply = call()
    except S3UploadFailedError as error:
        return "Access Denied" in str(error) or "AccessDenied" in str(error)
    except ClientError as error:
        return error.response["ResponseMetadata"]["HTTPStatusCode"] in {400, 401, 403, 405, 501}
    return bool(isinstance(reply, dict) and reply.get("Errors"))


def failures(calls: Calls) -> dict[str, str]:
    """By name the calls that do not succeed, with the answer."""
    found = {}
    for name, call in calls.items():
        try:
            call()
        except (ClientError, S3UploadFailedError) as error:
            found[name] = str(error)
    return found


def rights(s3: Any, given: Given) -> Calls:
    """What the Ultralytics trainer and a script do."""
    own, before = (
        f"{given.job_id}/{given.attempt}",
        f"{given.job_id}/{given.attempt - 1}/checkpoint",
    )
    checkpoint = {"Bucket": MODELS, "Key": f"{own}/checkpoint"}
    stored = {"Bucket": MODELS, "Key": f"{own}/artifacts/best (1).pt"}

    def drop_an_upload() -> None:
        upload = s3.create_multipart_upload(**stored)["UploadId"]
        s3.abort_multipart_upload(**stored, UploadId=upload)

    return {
        "read the dataset": partial(s3.get_object, Bucket=DATASETS, Key=f"{given.dataset_id}.zip"),
        "ask for it": partial(s3.head_object, Bucket=DATASETS, Key=f"{given.dataset_id}.zip"),
        "read its index": partial(s3.get_object, Bucket=DATASETS, Key=f"{given.dataset_id}.jsonl"),
        "read the weights": partial(s3.get_object, Bucket=MODELS, Key=given.weights_key or before),
        "list the job": partial(s3.list_objects_v2, Bucket=MODELS, Prefix=f"{given.job_id}/"),
        "look for a checkpoint": partial(s3.list_objects_v2, Bucket=MODELS, Prefix=before),
        "read the one before": partial(s3.get_object, Bucket=MODELS, Key=before),
        "store one": partial(s3.put_object, **checkpoint, Body=b"x", Metadata={"epoch": "1"}),
        "replace it": partial(s3.put_object, **checkpoint, Body=b"y"),
        "ask for its metadata": partial(s3.head_object, **checkpoint),
        "store in parts": lambda: s3.upload_fileobj(io.BytesIO(bytes(LARGE)), *stored.values()),
        "drop an upload": drop_an_upload,
    }


def attacks(s3: Any, given: Given, others: Others) -> Calls:
    """Reading, listing, overwriting and deleting what is not the attempt's."""
    own = f"{given.job_id}/{given.attempt}"
    only_to_read = [
        (DATASETS, f"{given.dataset_id}.zip"),
        (MODELS, f"{own}0/checkpoint"),
        (MODELS, f"{given.job_id}/{given.attempt - 1}/checkpoint"),
        (MODELS, given.weights_key or f"{given.job_id}/weights.pt"),
    ]
    calls: Calls = {
        "list another job": partial(s3.list_objects_v2, Bucket=MODELS, Prefix=f"{others.job_id}/"),
        "list weights": partial(s3.list_objects_v2, Bucket=MODELS, Prefix="weights/"),
        "create a bucket": partial(s3.create_bucket, Bucket="of-a-trainer"),
        "read what MLflow keeps": partial(s3.list_objects_v2, Bucket="mlflow"),
        "delete its own": partial(s3.delete_object, Bucket=MODELS, Key=f"{own}/checkpoint"),
    }
    for bucket, key in _victims(others) + only_to_read:
        calls |= {f"{name}: {key}": call for name, call in _writes(s3, own, bucket, key).items()}
    for bucket, key in _victims(others):
        calls |= {f"{name}: {key}": call for name, call in _reads(s3, own, bucket, key).items()}
    for bucket in (DATASETS, MODELS):
        calls |= {f"{name}: {bucket}": call for name, call in _of_bucket(s3, bucket).items()}
    return calls


def _writes(s3: Any, own: str, bucket: str, key: str) -> Calls:
    target, mine = {"Bucket": bucket, "Key": key}, {"Bucket": MODELS, "Key": f"{own}/checkpoint"}
    tags = {"TagSet": [{"Key": "a", "Value": "b"}]}
    return {
        "overwrite": partial(s3.put_object, **target, Body=b"mine"),
        "overwrite in parts": partial(s3.create_multipart_upload, **target),
        "overwrite by a detour": partial(s3.put_object, Bucket=MODELS, Key=f"{own}/../../{key}"),
        "copy over": partial(s3.copy_object, **target, CopySource=mine),
        "delete": partial(s3.delete_object, **target),
        "delete among many": partial(
            s3.delete_objects, Bucket=bucket, Delete={"Objects": [{"Key": key}]}
        ),
        "tag": partial(s3.put_object_tagging, **target, Tagging=tags),
    }


def _reads(s3: Any, own: str, bucket: str, key: str) -> Calls:
    target = {"Bucket": bucket, "Key": key}
    return {
        "read": partial(s3.get_object, **target),
        "ask for": partial(s3.head_object, **target),
        "read by a detour": partial(s3.get_object, Bucket=MODELS, Key=f"{own}/../../{key}"),
        "copy": partial(s3.copy_object, Bucket=MODELS, Key=f"{own}/stolen", CopySource=target),
    }


def _of_bucket(s3: Any, bucket: str) -> Calls:
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:*"}
    statement["Resource"] = f"arn:aws:s3:::{bucket}/*"
    public = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    rule = {"ID": "x", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}
    return {
        "list": partial(s3.list_objects_v2, Bucket=bucket),
        "list as of old": partial(s3.list_objects, Bucket=bucket),
        "list folders": partial(s3.list_objects_v2, Bucket=bucket, Delimiter="/"),
        "list versions": partial(s3.list_object_versions, Bucket=bucket),
        "list uploads": partial(s3.list_multipart_uploads, Bucket=bucket),
        "open to all": partial(s3.put_bucket_policy, Bucket=bucket, Policy=public),
        "delete": partial(s3.delete_bucket, Bucket=bucket),
        "let expire": partial(
            s3.put_bucket_lifecycle_configuration,
            Bucket=bucket,
            LifecycleConfiguration={"Rules": [rule]},
        ),
    }


def ways_to_more(endpoint: str, variables: Mapping[str, str]) -> list[str]:
    """Which ways from an attempt's keys to keys with more rights are open."""
    session: Any = boto3.session.Session(
        aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=variables["AWS_SESSION_TOKEN"],
        region_name="us-east-1",
    )
    config = Config(user_agent_extra=ATTACKER)
    sts, iam = (
        session.client(service, endpoint_url=endpoint, config=config) for service in ("sts", "iam")
    )
    role = "arn:aws:iam::000000000000:role/attempt"
    calls: Calls = {
        "assume the role without a policy": partial(
            sts.assume_role, RoleArn=role, RoleSessionName="more"
        ),
        "be federated": partial(sts.get_federation_token, Name="more"),
        "create a user": partial(iam.create_user, UserName="more"),
        "create a key": partial(iam.create_access_key, UserName="tests"),
        "list users": iam.list_users,
    }
    return [name for name, call in calls.items() if not refused(call)]
