"""Plays Kueue's part, which cannot be installed here: Workloads as its API v1beta2 has them.

Reasons and messages are those of Kueue's sources, releases 0.14 to 0.20: `pkg/workload`,
`pkg/scheduler/flavorassigner`, `pkg/scheduler/preemption`, `pkg/controller/core`. Before 0.19, and
later without the feature gate UnadmittedWorkloadsObservability, each reason for waiting is `Pending`
or `Inadmissible`.
"""

from typing import Any

Object = dict[str, Any]

_MAIN = "couldn't assign flavors to pod set main: "
MORE = "insufficient unused quota for nvidia.com/gpu in flavor a100, 4 more needed"
MOST = (
    "insufficient quota for nvidia.com/gpu in flavor a100, previously considered podsets requests "
    "(0) + current podset request (16) > maximum capacity (12)"
)
# By what has happened: the conditions that say it.
WAITS_FOR_QUOTA = {"QuotaReserved": ("False", "WaitingForQuota", _MAIN + MORE)}
WAITS_UNNAMED = {"QuotaReserved": ("False", "Pending", _MAIN + MORE)}
WAITS_FOR_TWO = {
    "QuotaReserved": (
        "False",
        "Pending",
        f"{_MAIN}insufficient unused quota for cpu in flavor a100, 500m more needed, {MORE}",
    )
}
WAITS_FOR_LEAVERS = {
    "QuotaReserved": (
        "False",
        "WaitingForPreemptedWorkloads",
        f"{_MAIN}{MORE}. Pending the preemption of 1 workload(s)",
    )
}
NOT_LOOKED_AT = {"QuotaReserved": ("False", "PendingEvaluation", "")}
TOPOLOGY = {
    "QuotaReserved": (
        "False",
        "TopologyPlacementFailed",
        f'{_MAIN}topology "default" doesn\'t allow to fit any of 2 pod(s)',
    )
}
STOPPED = {"QuotaReserved": ("False", "Suspended", "LocalQueue team-vision is inactive")}
TOO_MUCH = {"QuotaReserved": ("False", "ExceedsMaxQuota", _MAIN + MOST)}
TOO_MUCH_UNNAMED = {"QuotaReserved": ("False", "Pending", _MAIN + MOST)}
# Too much for one flavor, and not for another.
TOO_MUCH_OF_ONE = {"QuotaReserved": ("False", "Pending", f"{_MAIN}{MOST}, {MORE}")}
# In a second flavor, whose wait may end.
TOO_MUCH_AND_TOPOLOGY = {
    "QuotaReserved": (
        "False",
        "Pending",
        f'{_MAIN}{MOST}, topology "default" doesn\'t allow to fit any of 2 pod(s)',
    )
}
_TAINT = (
    "untolerated taint &Taint{Key:spot,Value:true,Effect:NoSchedule,TimeAdded:<nil>,} in flavor t4"
)
TOO_MUCH_AND_TAINT = {"QuotaReserved": ("False", "Pending", f"{_MAIN}{_TAINT}, {MOST}")}
NOT_OFFERED = {
    "QuotaReserved": (
        "False",
        "Pending",
        f"{_MAIN}resource nvidia.com/gpu unavailable in ClusterQueue",
    )
}
NO_FLAVOR = {
    "QuotaReserved": (
        "False",
        "NoMatchingFlavor",
        f"{_MAIN}flavor a100 doesn't match node affinity",
    )
}
NO_QUEUE = {"QuotaReserved": ("False", "Misconfigured", "LocalQueue team-vision doesn't exist")}
NO_QUEUE_UNNAMED = {"QuotaReserved": ("False", "Inadmissible", NO_QUEUE["QuotaReserved"][2])}
ADMITTED = {
    "QuotaReserved": ("True", "QuotaReserved", "Quota reserved in ClusterQueue vision"),
    "Admitted": ("True", "Admitted", "The workload is admitted"),
}
CHECKED = {
    "QuotaReserved": ADMITTED["QuotaReserved"],
    "Admitted": ("False", "UnsatisfiedAdmissionChecks", "Not all admission checks are Ready"),
}
# Also of one that is active again, until it has its quota.
DEACTIVATED = {
    "QuotaReserved": ("False", "PendingEvaluation", "The workload is deactivated"),
    "Evicted": ("True", "Deactivated", "The workload is deactivated"),
}
NOT_READY = {
    "QuotaReserved": ("False", "Pending", "Exceeded the PodsReady timeout platform/job-train"),
    "Evicted": ("True", "PodsReadyTimeout", "Exceeded the PodsReady timeout platform/job-train"),
}


def preempted_by(job: str) -> dict[str, tuple[str, str, str]]:
    """What is said of a Workload that makes room for that of this Job."""
    message = (
        f"Preempted to accommodate a workload (UID: 5c0c, JobUID: {uid(job)}) due to prioritization "
        "in the ClusterQueue; preemptor path: /vision; preemptee path: /vision"
    )
    return {
        "QuotaReserved": ("False", "Pending", message),
        "Evicted": ("True", "Preempted", message),
        "Preempted": ("True", "InClusterQueue", message),
    }


def uid(job: str) -> str:
    return f"uid-of-{job}"


def workload(
    job: str,
    conditions: dict[str, tuple[str, str, str]],
    *,
    of: str | None = None,
    queue: str | None = "team-vision",
    priority: str | None = None,
    active: bool = True,
) -> Object:
    """The Workload of the Job with this name; `of`: its uid, where that is a real one."""
    of = of or uid(job)
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": job, "uid": of, "controller": True}
    spec: Object = {"active": active, "priority": 0, "podSets": []}
    if queue is not None:
        spec["queueName"] = queue
    if priority is not None:
        kind = {"group": "kueue.x-k8s.io", "kind": "WorkloadPriorityClass"}
        spec["priorityClassRef"] = {**kind, "name": priority}
    at = {"lastTransitionTime": "2026-11-30T09:00:00Z", "observedGeneration": 1}
    told = [
        {"type": kind, "status": status, "reason": reason, "message": message, **at}
        for kind, (status, reason, message) in conditions.items()
    ]
    labels = {"kueue.x-k8s.io/job-uid": of}
    return {
        "apiVersion": "kueue.x-k8s.io/v1beta2",
        "kind": "Workload",
        "metadata": {"name": f"job-{job}-1a2b3", "labels": labels, "ownerReferences": [owner]},
        "spec": spec,
        "status": {"conditions": told},
    }
