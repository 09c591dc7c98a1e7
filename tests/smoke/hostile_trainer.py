"""A trainer that attacks the object store with the keys of its attempt, as its Secret has them."""

import base64
import json

import servers
from support.api import Api
from support.cluster import run
from support.store_attacks import (
    ATTACKER,
    Given,
    Others,
    attacks,
    changed,
    failures,
    put_all,
    refused,
    rights,
    ways_to_more,
)

from smoke.training import submit


def secret(name: str) -> dict[str, str]:
    """A Secret of the namespace `platform`."""
    data = json.loads(run(f"kubectl get secret -n platform {name} -o json").stdout)["data"]
    return {key: base64.b64decode(value).decode() for key, value in data.items()}


def attack(api: Api, dataset_id: str, endpoint: str, platform_keys: str) -> None:
    """Attack from outside the cluster while a training runs; `platform_keys` is the Secret with the backend's."""
    job_id = submit(api, dataset_id, epochs=500)
    try:
        api.wait_epoch(job_id, 0, seconds=180)
        variables = secret(f"train-{job_id}-1")
    finally:
        api.post(f"/api/v1/jobs/{job_id}/cancel").raise_for_status()
    keys = secret(platform_keys)
    store = servers.S3Server(endpoint, keys["access-key-id"], keys["secret-access-key"])
    assert variables["AWS_SECRET_ACCESS_KEY"] != store.secret_key
    others = Others("0" * 12, "1" * 12, "weights/not-for-a-trainer.pt")
    given = Given(job_id, 1, dataset_id)
    put_all(store.client(), given, others)
    own = store.for_attempt(variables)
    assert failures(rights(own.client(), given)) == {}
    tried = attacks(own.client(ATTACKER), given, others)
    assert [name for name, call in tried.items() if not refused(call)] == []
    assert ways_to_more(endpoint, variables) == []
    assert changed(store.client(), others) == []
    assert api.wait(job_id, seconds=60)["cause"] == "cancelled"
