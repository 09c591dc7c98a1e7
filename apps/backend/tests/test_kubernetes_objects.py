"""From the template and an attempt to its Job, Secret and NetworkPolicy."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from backend.executors.base import AttemptRef, AttemptSpec, LaunchError
from backend.executors.kubernetes.objects import (
    build_job,
    build_network_policy,
    build_secret,
    load_template,
)
from backend.settings import Placement, Settings
from trainyard_manifest import Resources

TEMPLATE = """
apiVersion: batch/v1
kind: Job
metadata: {namespace: platform, labels: {app: trainer}}
spec:
  backoffLimit: 0
  template:
    metadata: {labels: {app: trainer}}
    spec:
      containers:
        - name: trainer
          image: of-the-template
          env: [{name: HOME, value: /tmp}]
          resources:
            requests: {cpu: "2", memory: 4Gi, ephemeral-storage: 1Gi}
            limits: {cpu: "2", memory: 4Gi}
"""
REF = AttemptRef("0123456789ab", 2)


ASKED: dict[str, Any] = {"cpu": 0.5, "memory": "1Gi", "gpu": 1}
SPEC = AttemptSpec(
    ref=REF,
    image="t:1",
    command=["train"],
    env={"CALLBACK_TOKEN": "s3cret", "DATASET_ID": "d1", "TASK": "detect"},
    resources=Resources(**ASKED),
    trainer="yolo",
    name="Run 1 – ü",
)


def job(template: str = TEMPLATE, **asked: Any) -> Any:
    toleration = {"key": "gpu", "operator": "Exists"}
    large = Placement(nodeSelector={"gpu": "a100"}, tolerations=[toleration], queueName="large")
    settings = Settings.model_construct(stop_grace_s=9.5, job_placements={"large": large})
    spec = replace(SPEC, resources=Resources(**ASKED | asked))
    return build_job(yaml.safe_load(template), spec, settings)


def test_job() -> None:
    made = job()
    labels = {
        "app": "trainer",
        "trainyard.dev/job": "0123456789ab",
        "trainyard.dev/attempt": "2",
        "trainyard.dev/trainer": "yolo",
        "trainyard.dev/dataset": "d1",
        "trainyard.dev/task": "detect",
    }
    assert made["metadata"] == {
        "name": "train-0123456789ab-2",
        "namespace": "platform",
        "labels": labels,
        "annotations": {"trainyard.dev/name": "Run 1 – ü"},
    }
    pod = made["spec"]["template"]
    assert pod["metadata"]["labels"] == labels
    assert pod["spec"]["terminationGracePeriodSeconds"] == 10
    assert pod["spec"]["shareProcessNamespace"] is True
    (container,) = pod["spec"]["containers"]
    assert (container["image"], container["command"]) == ("t:1", ["train"])
    assert container["env"] == [{"name": "HOME", "value": "/tmp"}]
    assert container["envFrom"] == [{"secretRef": {"name": "train-0123456789ab-2"}}]
    amounts = {"cpu": "0.5", "memory": "1024Mi", "nvidia.com/gpu": "1"}
    assert container["resources"] == {
        "requests": {"ephemeral-storage": "1Gi", **amounts},
        "limits": amounts,
    }
    assert "s3cret" not in str(made)


def test_a_placement_adds_to_what_the_template_asks_for() -> None:
    zoned = TEMPLATE.replace(
        "      containers:", "      nodeSelector: {zone: a}\n      containers:"
    )
    made = job(zoned, placement="large")
    assert made["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "large"
    assert made["spec"]["template"]["spec"]["nodeSelector"] == {"zone": "a", "gpu": "a100"}
    [toleration] = made["spec"]["template"]["spec"]["tolerations"]
    assert toleration == {"key": "gpu", "operator": "Exists"}


def test_a_priority_is_a_label_of_the_job_alone() -> None:
    made, label = job(priority="high"), "kueue.x-k8s.io/priority-class"
    assert made["metadata"]["labels"].pop(label) == "high"
    assert made == job()


def test_a_placement_that_is_offered_no_longer() -> None:
    with pytest.raises(LaunchError, match='offers the placement "small" no longer'):
        job(placement="small")


def test_secret_goes_with_its_job() -> None:
    created = job()
    created["metadata"]["uid"] = "u-1"
    secret = build_secret(SPEC, created)
    assert secret["metadata"]["ownerReferences"] == [
        {"apiVersion": "batch/v1", "kind": "Job", "name": "train-0123456789ab-2", "uid": "u-1"}
    ]
    assert secret["stringData"]["CALLBACK_TOKEN"] == "s3cret"


def test_several_nodes_are_pods_of_one_job_that_find_each_other() -> None:
    alone, made = job(), job(nodes=3)
    spec, pod = made["spec"], made["spec"]["template"]
    assert {name: spec[name] for name in spec.keys() - alone["spec"].keys()} == {
        "completionMode": "Indexed",
        "completions": 3,
        "parallelism": 3,
        "successPolicy": {"rules": [{"succeededIndexes": "0"}]},
    }
    assert pod["metadata"]["labels"] == made["metadata"]["labels"] | {"trainyard.dev/peers": "true"}
    assert pod["spec"]["subdomain"] == "trainer-peers"
    [container] = pod["spec"]["containers"]
    index = {
        "fieldRef": {
            "fieldPath": "metadata.annotations['batch.kubernetes.io/job-completion-index']"
        }
    }
    assert {one["name"]: one.get("value", one.get("valueFrom")) for one in container["env"]} == {
        "HOME": "/tmp",
        "PET_NNODES": "3",
        "PET_NODE_RANK": index,
        "PET_MASTER_ADDR": "train-0123456789ab-2-0.trainer-peers",
        "PET_MASTER_PORT": "29400",
    }
    amounts = {"cpu": "0.5", "memory": "1024Mi", "nvidia.com/gpu": "1"}
    assert container["resources"]["limits"] == amounts, "of each node"


def test_only_several_nodes_get_their_places_at_once() -> None:
    """Where the chart's `trainer.job.gang` asks for it."""
    gang = TEMPLATE.replace("spec:\n", "spec:\n  scheduling: {schedulingPolicy: {gang: {}}}\n", 1)
    made = [job(gang, nodes=nodes)["spec"] for nodes in (1, 2)]
    assert "scheduling" not in made[0]
    assert made[1]["scheduling"] == {"schedulingPolicy": {"gang": {"minCount": 2}}}


def test_only_pods_of_one_attempt_reach_each_other() -> None:
    created = job(nodes=2)
    created["metadata"]["uid"] = "u-1"
    policy = build_network_policy(SPEC, created)
    assert policy["metadata"]["ownerReferences"][0]["uid"] == "u-1"
    own = {
        "podSelector": {
            "matchLabels": {"trainyard.dev/job": "0123456789ab", "trainyard.dev/attempt": "2"}
        }
    }
    assert policy["spec"] == {
        **own,
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{"from": [own]}],
        "egress": [{"to": [own]}],
    }


@pytest.mark.parametrize("text", ["", "kind: Job", "spec: {template: {spec: {containers: [{}]}}}"])
def test_a_template_that_is_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "job.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match="TRAINER_JOB_TEMPLATE="):
        load_template(path)
    with pytest.raises(ValueError, match="No such file"):
        load_template(tmp_path / "none.yaml")
