"""Diagnoses an attempt from its Job, pods and events."""

import signal
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from backend.executors.base import AttemptRef, Observation
from backend.executors.kubernetes.objects import INDEX, JOB_UID, owner
from backend.state.causes import Cause

Object = dict[str, Any]

# The kubelet tries again after 10 to 15 s what failed: images, Secrets, containers. So does the
# Job's controller with a pod that was refused.
PATIENCE_S = 20.0
# A pod that is told to leave is gone this much after its grace period, where its node lives.
LEAVING_S = 5.0
# What is known of the death of one node's pod is told within this after another's, which it ended.
SETTLE_S = 10.0

# Why a pod was ended from outside: `status.reason`, or the reason of its condition DisruptionTarget.
DISRUPTIONS = {
    "Evicted": Cause.EVICTED,  # the node lacks memory or disk
    "EvictionByEvictionAPI": Cause.EVICTED,  # kubectl drain, an autoscaler
    "TerminationByKubelet": Cause.EVICTED,
    "Preempting": Cause.PREEMPTED,
    "PreemptionByScheduler": Cause.PREEMPTED,
    "Terminated": Cause.PREEMPTED,  # the node shuts down
    "NodeShutdown": Cause.PREEMPTED,
    "DeletionByTaintManager": Cause.NODE_LOST,
    "DeletionByPodGC": Cause.NODE_LOST,
    "NodeLost": Cause.NODE_LOST,
    "DeadlineExceeded": Cause.DEADLINE_EXCEEDED,
}
DELETED = Cause.PREEMPTED, "Its pod was deleted."
# Of several nodes: the Job's controller deletes the pods of the others, as people do.
UNCERTAIN = {None, Cause.PREEMPTED}
# More than a job can have: a Job that somebody else has labelled may name any number.
MAX_NODES = 100
KILLED = 128 + signal.SIGKILL
STOPPED = {128 + signal.SIGTERM, KILLED}
NOT_STARTED = {"StartError", "ContainerCannotRun"}
_NO_IMAGE = "ErrImagePull", "ImagePullBackOff", "ImageInspectError"
_NO_REGISTRY = "RegistryUnavailable", "SignatureValidationFailed"
_NOT_MADE = "CreateContainerConfigError", "CreateContainerError", "RunContainerError"
# Why a container waits, and how long that may last.
WAIT_REASONS = {
    **dict.fromkeys(("InvalidImageName", "ErrImageNeverPull"), (Cause.IMAGE_PULL_FAILED, 0.0)),
    **dict.fromkeys(_NO_IMAGE + _NO_REGISTRY, (Cause.IMAGE_PULL_FAILED, PATIENCE_S)),
    **dict.fromkeys(_NOT_MADE, (Cause.LAUNCH_FAILED, PATIENCE_S)),
}
# Labels that are read begin with these.
LABELS = "trainyard.dev/", INDEX, JOB_UID


def trim(item: Object) -> Object:
    """The fields that are read of a Job, a pod, an event or a Workload, which has its Job as `involvedObject`.

    For 10,000 jobs, the rest is a gigabyte.
    """
    metadata, spec, status = (item.get(part) or {} for part in ("metadata", "spec", "status"))
    if item.get("kind") == "Workload":
        item = {"involvedObject": owner(metadata)}
    labels = metadata.get("labels") or {}
    conditions = status.get("conditions") or []
    containers = status.get("containerStatuses") or []
    return {
        **_only(item, "involvedObject", "message"),
        "metadata": {
            **_only(metadata, "name", "deletionTimestamp", "deletionGracePeriodSeconds"),
            "labels": {key: labels[key] for key in labels if key.startswith(LABELS)},
        },
        "spec": {
            **_only(spec, "nodeName", "suspend", "completions", "queueName"),
            **_only(spec, "priorityClassRef", "active"),
            "containers": [
                _only(one, "name", "image", "resources") for one in spec.get("containers", [])[:1]
            ],
        },
        "status": {
            **_only(status, "phase", "reason", "message"),
            "conditions": [_only(one, "type", "status", "reason", "message") for one in conditions],
            "containerStatuses": [_only(one, "name", "state") for one in containers],
        },
    }


def _only(item: Object, *names: str) -> Object:
    return {name: item[name] for name in names if name in item}


@dataclass
class AttemptObjects:
    """The last that is known of an attempt's objects."""

    job: Object | None = None
    # By node, as those that are gone were last seen.
    pods: dict[int, Object] = field(default_factory=dict)
    gone: set[int] = field(default_factory=set)
    # Why the Job's controller could not make a pod, from its last event.
    refusal: str | None = None

    @property
    def nodes(self) -> int:
        asked = (self.job or {}).get("spec", {}).get("completions") or 1
        return max(min(asked, MAX_NODES), *(node + 1 for node in self.pods), 1)


@dataclass(frozen=True)
class Pending:
    """Not running, or not for long; becomes a failure with this cause if it persists."""

    cause: Cause | None
    message: str | None
    # Seconds that it may last; None: as long as the setting for unschedulable attempts says.
    patience_s: float | None
    exit_code: int | None = None


def diagnose(ref: AttemptRef, seen: AttemptObjects) -> Observation | Pending:
    """How an attempt stands."""
    told = {node: _diagnose_node(ref, seen, node) for node in range(seen.nodes)}
    if seen.nodes == 1 or told[0].exit_code == 0:
        return told[0]  # it reports for all
    ends = {n: one for n, one in told.items() if isinstance(one, Observation)}
    deaths = {n: one for n, one in ends.items() if one.state == "ended" and one.exit_code != 0}
    # Who loses a node dies within seconds; the pod of the lost one stays, told to leave, for minutes.
    is_certain = any(one.cause not in UNCERTAIN for one in deaths.values())
    is_lost = any(one.cause == Cause.NODE_LOST for one in told.values()) and not is_certain
    return _first_wait(told) if is_lost or not deaths else _first_death(seen, deaths)


def _first_death(seen: AttemptObjects, deaths: dict[int, Observation]) -> Observation | Pending:
    """What ended the attempt, not what it ended: what is known for certain, else what came first."""

    def order(node: int) -> tuple[bool, str, bool, float, str]:
        return deaths[node].cause in UNCERTAIN, *_when(seen.pods.get(node))

    node = min(deaths, key=order)
    death, cause = deaths[node], deaths[node].cause
    if cause is None and death.exit_code == KILLED:  # which it could not report itself
        cause = Cause.TRAINER_CRASHED
    detail = death.message or f"Its exit code was {death.exit_code}."
    death = replace(death, cause=cause, message=f"Node {node} of {seen.nodes}: {detail}")
    here = [pod for node, pod in seen.pods.items() if node not in seen.gone]
    left = [_leaving_s(pod) for pod in here if not _pod_has_finished(pod)]
    if not left:
        return death
    return Pending(death.cause, death.message, max(SETTLE_S, *left), death.exit_code)


def _when(pod: Object | None) -> tuple[str, bool, float, str]:
    """Sorts pods by when they began to end: those that were deleted after those that failed then.

    Times are seconds. Of two that were deleted in one, a watch that saw it knows which was first.
    """
    if pod is None:
        return "~", True, 0.0, ""  # it never was
    metadata, ended = pod["metadata"], _ended(pod).get("finishedAt") or "~"
    if "deletionTimestamp" not in metadata:
        return ended, False, 0.0, ended
    grace = timedelta(seconds=metadata.get("deletionGracePeriodSeconds") or 0)
    told = datetime.fromisoformat(metadata["deletionTimestamp"]) - grace
    return f"{told:%Y-%m-%dT%H:%M:%SZ}", True, metadata.get("seenToLeave", 0.0), ended


def _first_wait(told: dict[int, Observation | Pending]) -> Observation | Pending:
    """What keeps nodes from running, that which lasts least."""
    waits = {node: one for node, one in told.items() if isinstance(one, Pending)}
    if not waits:
        return told[0]
    limits = {node: one.patience_s for node, one in waits.items() if one.patience_s is not None}
    node = min(limits or waits, key=lambda node: limits.get(node, 0.0))
    placed = len(told) - sum(one.cause == Cause.UNSCHEDULABLE for one in waits.values())
    name = f"Node {node} of {len(told)}"
    if placed < len(told):
        have = "has its" if placed == 1 else "have their"
        name = f"{placed} of {len(told)} nodes {have} place; node {node}"
    return replace(waits[node], message=f"{name}: {waits[node].message}")


def _diagnose_node(ref: AttemptRef, seen: AttemptObjects, node: int) -> Observation | Pending:
    pod, job = seen.pods.get(node), seen.job
    if pod is not None and _pod_has_finished(pod):
        return Observation(ref, "ended", _ended(pod).get("exitCode"), *_cause(pod))
    if pod is not None and node not in seen.gone:
        return _pending(pod) or Observation(ref, "running")
    told = _job_end(ref, job) if job is not None else None
    if told is not None:
        return told
    if pod is not None:
        cause, message = _disruption(pod) or DELETED
        return Observation(ref, "ended", cause=cause, message=message)
    if job is None:
        return Observation(ref, "ended", cause=Cause.PREEMPTED, message="Its Job was deleted.")
    return _without_pod(ref, job, seen.refusal)


def has_started(pod: Object) -> bool:
    """Whether the trainer's container runs, or has run."""
    return bool(_container(pod).get("state", {}).keys() & {"running", "terminated"})


def has_finished(seen: AttemptObjects) -> bool:
    """Whether the Job ends, or has ended, by itself."""
    if seen.job is not None and seen.job["spec"].get("suspend"):
        return False  # Kueue has taken its pods away, and would start it again
    ended = {node: pod for node, pod in seen.pods.items() if _pod_has_finished(pod)}
    failed = any(pod["status"]["phase"] == "Failed" for pod in ended.values())
    return 0 in ended or failed or (seen.job is not None and job_has_finished(seen.job))


def job_has_finished(job: Object) -> bool:
    return condition(job, "Complete") is not None or condition(job, "Failed") is not None


def _pod_has_finished(pod: Object) -> bool:
    return pod["status"].get("phase") in {"Succeeded", "Failed"}


def _cause(pod: Object) -> tuple[Cause | None, str | None]:
    ended = _ended(pod)
    if pod["status"]["phase"] == "Succeeded":
        return None, None
    # A container that left well all the same had a child killed, and went on without it.
    if ended.get("reason") == "OOMKilled" and ended.get("exitCode"):
        limit = _spec(pod).get("resources", {}).get("limits", {}).get("memory")
        allowed = f"It was allowed {limit}." if limit else "The node had no more."
        return Cause.OUT_OF_MEMORY, allowed
    disruption = _disruption(pod)
    if disruption is not None:
        return disruption
    if ended.get("reason") in NOT_STARTED:
        return Cause.LAUNCH_FAILED, f"{_image(pod)}: {_sentence(ended.get('message'))}"
    if not ended:
        status = pod["status"]
        why = status.get("message") or status.get("reason") or "its container never started"
        return Cause.LAUNCH_FAILED, f"Its node refused the pod: {_sentence(why)}"
    return None, None


def _disruption(pod: Object) -> tuple[Cause, str] | None:
    """Why the pod was ended from outside; None: it was not."""
    status = pod["status"]
    for told in (status, condition(pod, "DisruptionTarget") or {}):
        reason = told.get("reason")
        if reason in DISRUPTIONS:
            cause = DISRUPTIONS[reason]
            if cause == Cause.NODE_LOST and _ended(pod):
                # Its kubelet has told the end, so the node lives: it was tainted by somebody.
                cause = Cause.PREEMPTED
            node = pod["spec"].get("nodeName")
            where = f"Node {node}: " if node else ""
            return cause, f"{where}{_sentence(told.get('message') or reason)}"
    told_to_leave = "deletionTimestamp" in pod["metadata"]
    return DELETED if told_to_leave and _ended(pod).get("exitCode") in STOPPED else None


def _pending(pod: Object) -> Pending | None:
    """What keeps a pod from running; None: nothing that must end."""
    if "deletionTimestamp" in pod["metadata"]:
        node = pod["spec"].get("nodeName")
        message = f"Node {node} does not answer: its pod was told to leave and is still there."
        return Pending(Cause.NODE_LOST, message, _leaving_s(pod))
    scheduled = condition(pod, "PodScheduled", "False")
    if scheduled is not None and scheduled.get("reason") == "Unschedulable":
        asked = _spec(pod).get("resources", {}).get("requests", {})
        asks = ", ".join(f"{name} {amount}" for name, amount in sorted(asked.items()))
        # What follows the first sentence is about preemption.
        nodes, *_ = (scheduled.get("message") or "").split(". ")
        message = f"It asks for {asks}; {_sentence(nodes)}"
        return Pending(Cause.UNSCHEDULABLE, message, None)
    waits = _container(pod).get("state", {}).get("waiting") or {}
    if waits.get("reason") not in WAIT_REASONS:
        return None
    cause, patience_s = WAIT_REASONS[waits["reason"]]
    text = _sentence(waits.get("message") or waits["reason"])
    return Pending(cause, f"{_image(pod)}: {text}", patience_s)


def _leaving_s(pod: Object) -> float:
    """How long a pod may take to leave; none that was not told to."""
    metadata = pod["metadata"]
    grace = metadata.get("deletionGracePeriodSeconds") or 0
    return grace + LEAVING_S if "deletionTimestamp" in metadata else 0.0


def _job_end(ref: AttemptRef, job: Object) -> Observation | None:
    if condition(job, "Complete") is not None:
        return Observation(ref, "ended", exit_code=0)
    failed = condition(job, "Failed")
    if failed is None:
        return None
    message = f"Its pod is gone: {_sentence(failed.get('message') or failed.get('reason'))}"
    cause = DISRUPTIONS.get(failed.get("reason", ""), Cause.PREEMPTED)
    return Observation(ref, "ended", cause=cause, message=message)


def _without_pod(ref: AttemptRef, job: Object, refusal: str | None) -> Observation | Pending:
    if job["spec"].get("suspend"):  # by Kueue, for as long as that takes
        return Observation(ref, "running", message="It waits in its queue for its turn.")
    if refusal is None:
        return Observation(ref, "running")  # about to get one
    message = f"Kubernetes refuses the pod: {_sentence(refusal)}"
    if "exceeded quota" in refusal:
        return Pending(Cause.UNSCHEDULABLE, message, None)
    return Pending(Cause.LAUNCH_FAILED, message, PATIENCE_S)


def condition(thing: Object, kind: str, status: str = "True") -> Object | None:
    conditions: list[Object] = thing.get("status", {}).get("conditions") or []
    wanted = (one for one in conditions if one.get("type") == kind and one.get("status") == status)
    return next(wanted, None)


def _container(pod: Object) -> Object:
    """The status of the trainer's container; empty before the kubelet has told one."""
    name = _spec(pod)["name"]
    statuses: list[Object] = pod["status"].get("containerStatuses") or []
    return next((one for one in statuses if one["name"] == name), {})


def _ended(pod: Object) -> Object:
    """How the trainer's container ended; empty where the kubelet has not told."""
    ended: Object = _container(pod).get("state", {}).get("terminated") or {}
    return ended


def _spec(pod: Object) -> Object:
    spec: Object = pod["spec"]["containers"][0]
    return spec


def _image(pod: Object) -> str:
    return f"Image {_spec(pod)['image']}"


def _sentence(text: str | None) -> str:
    words = (text or "no reason was given").strip()
    return words if words.endswith(".") else f"{words}."
