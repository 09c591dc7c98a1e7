"""The objects of an attempt: how they are named and labelled, and its Job made from the template."""

import copy
import math
from pathlib import Path
from typing import Any

import yaml
from trainyard_manifest import Resources

from backend.executors.base import AttemptRef, AttemptSpec, LaunchError
from backend.settings import Placement, Settings

JOB = "trainyard.dev/job"
ATTEMPT = "trainyard.dev/attempt"
TRAINER = "trainyard.dev/trainer"
DATASET = "trainyard.dev/dataset"
TASK = "trainyard.dev/task"
NAME = "trainyard.dev/name"
# The attempt's end is in the database. Its Job stays until its TTL for people to look at.
END_RECORDED = "trainyard.dev/end-recorded"
QUEUE, PRIORITY = "kueue.x-k8s.io/queue-name", "kueue.x-k8s.io/priority-class"
# On a Workload of Kueue: its Job.
JOB_UID = "kueue.x-k8s.io/job-uid"
# Which of an attempt's nodes a pod is, from 0; one that is alone has none.
INDEX = "batch.kubernetes.io/job-completion-index"
# Pods that find each other by the chart's Service of this name, and where their ranks meet.
PEERS, PEERS_SERVICE, PEERS_PORT = "trainyard.dev/peers", "trainer-peers", "29400"

MIB = 2**20


def job_name(ref: AttemptRef) -> str:
    return f"train-{ref.job_id}-{ref.number}"


def ref_of(labels: dict[str, str]) -> AttemptRef:
    """The attempt that a Job or a pod with the label JOB belongs to; 0 where people labelled it."""
    number = labels.get(ATTEMPT, "")
    return AttemptRef(labels[JOB], int(number.isdecimal() and number))


def owner(metadata: dict[str, Any]) -> dict[str, Any]:
    """What an object goes with, e.g. a Workload with its Job; of none: without a name."""
    first: dict[str, Any] = (metadata.get("ownerReferences") or [{"name": ""}])[0]
    return first


def load_template(path: Path) -> dict[str, Any]:
    """The Job that every attempt's is made from.

    Raises:
        ValueError: there is none, or it is no Job; the text names the setting.
    """
    try:
        template: dict[str, Any] = yaml.safe_load(path.read_text())
        _ = template["spec"]["template"]["spec"]["containers"][0], template["metadata"]["namespace"]
    except (OSError, yaml.YAMLError, LookupError, TypeError) as error:
        raise ValueError(
            f"TRAINER_JOB_TEMPLATE={path} must be the YAML of a batch/v1 Job with its namespace, whose "
            f"first container is the trainer's: {error!r}. The chart mounts one (ConfigMap trainer-job)."
        ) from error
    return template


def build_job(template: dict[str, Any], spec: AttemptSpec, settings: Settings) -> Any:
    """The Job of an attempt: the template, and what only the attempt knows.

    Raises:
        LaunchError: its placement is offered no longer.
    """
    job = copy.deepcopy(template)
    scheduling = job["spec"].pop("scheduling", None)
    name = job_name(spec.ref)
    metadata, pod = job.setdefault("metadata", {}), job["spec"]["template"]
    metadata["name"] = name
    for labelled in (metadata, pod.setdefault("metadata", {})):
        labelled["labels"] = labelled.get("labels", {}) | _labels(spec)
    if spec.name:
        metadata["annotations"] = metadata.get("annotations", {}) | {NAME: spec.name}
    pod["spec"]["terminationGracePeriodSeconds"] = math.ceil(settings.stop_grace_s)
    # A script as process 1 would not be ended by a signal that it has no handler for.
    pod["spec"]["shareProcessNamespace"] = True
    container = pod["spec"]["containers"][0]
    container |= {"image": spec.image, "command": list(spec.command)}
    container["envFrom"] = [*container.get("envFrom", []), {"secretRef": {"name": name}}]
    asked = spec.resources
    container["resources"] = _amounts(container.get("resources", {}), asked, settings.gpu_resource)
    if asked.nodes > 1:
        _spread(job, name, asked.nodes)
        if scheduling:
            scheduling["schedulingPolicy"]["gang"]["minCount"] = asked.nodes
            job["spec"]["scheduling"] = scheduling
    if asked.priority is not None:
        metadata["labels"][PRIORITY] = asked.priority
    if asked.placement is not None:
        if asked.placement not in settings.job_placements:
            gone = f'The platform offers the placement "{asked.placement}" no longer.'
            raise LaunchError(f"{gone} Submit the job again without it, or with another.")
        _place(job, settings.job_placements[asked.placement])
    return job


def _spread(job: dict[str, Any], name: str, nodes: int) -> None:
    """Give the Job a pod for each node; the first one's success is its own, any one's failure too."""
    job["spec"] |= {"completionMode": "Indexed", "completions": nodes, "parallelism": nodes}
    job["spec"]["successPolicy"] = {"rules": [{"succeededIndexes": "0"}]}
    pod = job["spec"]["template"]
    pod["metadata"]["labels"][PEERS] = "true"
    pod["spec"]["subdomain"] = PEERS_SERVICE
    told = {"NNODES": str(nodes), "MASTER_ADDR": f"{name}-0.{PEERS_SERVICE}"}
    told["MASTER_PORT"] = PEERS_PORT
    index = {"fieldRef": {"fieldPath": f"metadata.annotations['{INDEX}']"}}
    container = pod["spec"]["containers"][0]
    container["env"] = [
        *container.get("env", []),
        *({"name": f"PET_{name}", "value": value} for name, value in told.items()),
        {"name": "PET_NODE_RANK", "valueFrom": index},
    ]


def _place(job: dict[str, Any], placement: Placement) -> None:
    """Let the Job run where the placement says, besides what the template asks for."""
    pod = job["spec"]["template"]["spec"]
    pod["nodeSelector"] = pod.get("nodeSelector", {}) | placement.nodeSelector
    pod["tolerations"] = [*pod.get("tolerations", []), *placement.tolerations]
    if placement.queueName:
        job["metadata"]["labels"][QUEUE] = placement.queueName


def build_secret(spec: AttemptSpec, job: dict[str, Any]) -> dict[str, Any]:
    """The attempt's environment. It goes with its Job."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": _metadata(spec, job),
        "immutable": True,
        "stringData": dict(spec.env),
    }


def build_network_policy(spec: AttemptSpec, job: dict[str, Any]) -> dict[str, Any]:
    """Lets the attempt's pods reach each other: no other's, for ranks ask for no password."""
    own = {"matchLabels": {JOB: spec.ref.job_id, ATTEMPT: str(spec.ref.number)}}
    peers = [{"podSelector": own}]
    rules = {"ingress": [{"from": peers}], "egress": [{"to": peers}]}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": _metadata(spec, job),
        "spec": {"podSelector": own, "policyTypes": ["Ingress", "Egress"], **rules},
    }


def _metadata(spec: AttemptSpec, job: dict[str, Any]) -> dict[str, Any]:
    """Of what goes with the attempt's Job."""
    of = job["metadata"]
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": of["name"], "uid": of["uid"]}
    named = {"name": of["name"], "namespace": of["namespace"], "labels": _labels(spec)}
    return {**named, "ownerReferences": [owner]}


def _labels(spec: AttemptSpec) -> dict[str, str]:
    labels = {JOB: spec.ref.job_id, ATTEMPT: str(spec.ref.number), TRAINER: spec.trainer}
    labels |= {DATASET: spec.env.get("DATASET_ID", ""), TASK: spec.env.get("TASK", "")}
    return {name: value for name, value in labels.items() if value}


def _amounts(given: dict[str, Any], asked: Resources, gpu_resource: str) -> dict[str, Any]:
    memory = f"{math.ceil(asked.memory_bytes / MIB)}Mi"
    amounts = {"cpu": f"{asked.cpu:g}", "memory": memory}
    if asked.gpu:
        amounts[gpu_resource] = str(asked.gpu)
    return given | {kind: given.get(kind, {}) | amounts for kind in ("requests", "limits")}
