"""A trainer gets at nothing in MinIO that was not given to it."""

import pytest
from support.api import Api
from support.cluster import S3_URL, run

from smoke.hostile_trainer import attack, secret

pytestmark = pytest.mark.timeout(480)


def test_a_trainer_s_keys_open_only_what_it_was_given(api: Api, dataset_id: str) -> None:
    attack(api, dataset_id, S3_URL, "development-passwords")


def test_only_the_job_that_makes_users_works_as_root() -> None:
    root = secret("development-passwords")["root-password"]
    for pod in ("deployment/backend", "deployment/mlflow"):
        assert root not in run(f"kubectl exec -n platform {pod} -- env").stdout
