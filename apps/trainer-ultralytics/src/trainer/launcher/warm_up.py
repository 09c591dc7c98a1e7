"""Imports what an attempt needs, but nothing that could start a thread."""

import gc
import os

import boto3
import httpx

from trainer import object_store
from trainer.contract import trainer_home
from trainer.yolo import offline


def warm_up() -> None:
    """Load torch, Ultralytics and the clients of backend and object store."""
    home = trainer_home()
    os.environ["TRAINER_HOME"] = str(home)
    offline.prepare(home)
    offline.load()
    httpx.Client().close()
    boto3.Session(botocore_session=object_store.session()).client(
        "s3",
        region_name="us-east-1",
        aws_access_key_id="none",
        aws_secret_access_key="none",  # noqa: S106 - no secret
    ).close()
    gc.collect()
    gc.freeze()
