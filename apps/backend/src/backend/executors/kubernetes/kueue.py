"""What Kueue says of an attempt's Job, in words (https://kueue.sigs.k8s.io, API v1beta2).

Kueue keeps a Workload for each Job in a queue, whose conditions say why the Job waits, and why its
place was taken away. Which of these never ends is told by a reason since Kueue 0.19, and only with
its feature gate UnadmittedWorkloadsObservability; else by the message alone.
"""

import re
from collections.abc import Mapping
from dataclasses import replace

from backend.executors.base import AttemptRef, Observation
from backend.executors.kubernetes import diagnosis
from backend.executors.kubernetes.diagnosis import AttemptObjects, Object, Pending, condition
from backend.executors.kubernetes.objects import JOB_UID
from backend.state.causes import Cause

# Only an administrator can change what these mean.
NEVER = {"ExceedsMaxQuota", "NoMatchingFlavor", "Misconfigured"}
_PREFIX = "couldn't assign flavors to pod set main: "
_MORE = re.compile(r"insufficient unused quota for (\S+) in flavor \S+, (\S+) more needed")
_MOST = re.compile(r"insufficient quota for (\S+) in .*?\((\S+)\) > maximum capacity \((\S+)\)")
# What flavors say that only an administrator can change. Commas are between two, and also within.
_LASTING = re.compile(
    rf"{_MOST.pattern}|untolerated taint .*? in flavor \S+|flavor \S+ doesn't match node affinity|"
    r"resource \S+ unavailable in ClusterQueue"
)
_PREEMPTOR = re.compile(r"JobUID: ([^),]+)\) due to ([^;]+)")

Workloads = Mapping[AttemptRef, Mapping[int, Object]]


def diagnose(
    ref: AttemptRef, seen: AttemptObjects, workloads: Workloads, place: int | None
) -> Observation | Pending:
    """As `diagnosis.diagnose`, and for what Kueue holds the Job back, or took its place away.

    Args:
        ref: the attempt.
        seen: its objects.
        workloads: all that are known, by attempt, each as the only one.
        place: its own in its queue, from 1; None: not among the first, or not known.
    """
    told = diagnosis.diagnose(ref, seen)
    if (workload := workloads.get(ref, {}).get(0)) is None:
        return told
    if not seen.pods and (seen.job or {"spec": {}})["spec"].get("suspend"):
        return _in_queue(ref, workload, place)
    if told.cause == Cause.PREEMPTED and (evicted := condition(workload, "Evicted")):
        return replace(told, message=_taken(evicted, workloads))
    return told


def _in_queue(ref: AttemptRef, workload: Object, place: int | None) -> Observation | Pending:
    spec, said = workload["spec"], condition(workload, "QuotaReserved", "False") or {}
    queue = spec.get("queueName") or "(none)"
    text = (said.get("message") or "waits for its turn").removeprefix(_PREFIX)
    more, most = dict(_MORE.findall(text)), _MOST.search(text)
    lasts = not _LASTING.sub("", text).strip(" ,;.")
    if condition(workload, "QuotaReserved"):
        text = "has its quota, and waits for what the cluster checks before a start"
    elif more:
        text = f"waits for {' and '.join(_amount(*one) for one in more.items())} of its quota"
    elif most and lasts:
        text = f"asks for {_amount(most[1], most[2])}, and the most is {most[3]}"
    lasts |= said.get("reason") in NEVER or spec.get("active") is False or "doesn't exist" in text
    if lasts:
        return Pending(Cause.UNSCHEDULABLE, f"Queue {queue} can never take it: {text}.", None)
    where = f"Place {place} in" if place else "In"
    return Observation(ref, "running", message=f"{where} queue {queue}: {text.rstrip('.')}.")


def _amount(resource: str, number: str) -> str:
    return f"{number} {'GPU' + 's' * (number != '1') if resource.endswith('/gpu') else resource}"


def _taken(evicted: Object, workloads: Workloads) -> str:
    text = evicted.get("message") or ""
    if (by := _PREEMPTOR.search(text)) is None:
        return f"Kueue took its quota back ({evicted.get('reason')}): {text.rstrip('.')}."
    who = "a workload that is no job of this platform"
    for ref, known in workloads.items():
        if ref.job_id and known[0]["metadata"]["labels"].get(JOB_UID) == by[1]:
            priority = (known[0]["spec"].get("priorityClassRef") or {}).get("name")
            who = f"job {ref.job_id}" + (f" (priority {priority})" if priority else "")
    return f"Preempted by {who}: {by[2]}."
