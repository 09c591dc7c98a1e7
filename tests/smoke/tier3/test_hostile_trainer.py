"""A trainer gets at nothing in the store outside the cluster that was not given to it."""

import os

import pytest
from support.api import Api

from smoke.hostile_trainer import attack

pytestmark = pytest.mark.timeout(480)


def test_a_trainer_s_keys_open_only_what_it_was_given(
    api: Api, dataset_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", os.environ["SSL_CERT_FILE"])
    attack(api, dataset_id, os.environ["SMOKE_STORE"], "platform-object-store")
