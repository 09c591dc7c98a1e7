"""Who may do what in the object store of `yard dev`: its own key, and attempts with keys for a time."""

import base64
import hashlib
import json
from typing import Any

from yard.dev.state_folder import StateFolder
from yard.locations import write_private

_VERSION = "2012-10-17"
_ACCOUNT = "arn:aws:iam::000000000000"  # SeaweedFS' own
_OWNER, _ROLE = "trainyard", "attempt"  # the role as in the backend's TRAINER_ROLE_ARN


def options(state: StateFolder) -> list[str]:
    """Write the files that only their owner reads; returns the options with which SeaweedFS finds them."""
    access, secret = state.store_keys()
    owner = {
        "name": _OWNER,
        "credentials": [{"accessKey": access, "secretKey": secret}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    users, roles = state.root / "store.json", state.root / "store-roles.json"
    write_private(users, json.dumps({"identities": [owner]}))
    write_private(roles, json.dumps(_roles(secret)))
    return [f"-s3.config={users}", f"-s3.iam.config={roles}", "-s3.iam.readOnly=true"]


def _roles(secret: str) -> dict[str, Any]:
    # The same after a restart: the keys of a training that goes on stay valid.
    signing_key = hashlib.sha256(f"sessions {secret}".encode()).digest()
    # Else an attempt could assume the role again, without the policy that narrows it.
    trusted = {"AWS": f"{_ACCOUNT}:user/{_OWNER}"}
    assume = {"Effect": "Allow", "Principal": trusted, "Action": ["sts:AssumeRole"]}
    everything = {"Effect": "Allow", "Action": ["s3:*"], "Resource": ["*"]}
    return {
        "sts": {
            "issuer": _OWNER,
            "signingKey": base64.b64encode(signing_key).decode(),
            "tokenDuration": "1h",
            "maxSessionLength": "12h",
        },
        "policy": {"defaultEffect": "Deny", "storeType": "memory"},
        "policies": [{"name": "all", "document": {"Version": _VERSION, "Statement": [everything]}}],
        "roles": [
            {
                "roleName": _ROLE,
                "roleArn": f"{_ACCOUNT}:role/{_ROLE}",
                "trustPolicy": {"Version": _VERSION, "Statement": [assume]},
                "attachedPolicies": ["all"],
            }
        ],
    }
