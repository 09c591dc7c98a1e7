"""One shared watch of the Jobs and pods of all attempts, and of the pods that were refused."""

import asyncio
import re
from contextlib import suppress

from backend.executors.base import AttemptRef, ExecutorUnavailableError
from backend.executors.kubernetes.client import KubernetesApi, KubernetesRefusedError, Object
from backend.executors.kubernetes.diagnosis import AttemptObjects, condition
from backend.executors.kubernetes.objects import END_RECORDED, INDEX, JOB, JOB_UID, owner, ref_of
from backend.infra.database import utcnow
from backend.infra.retry import every, forever

_QUERIES = {
    "jobs": {"labelSelector": JOB},
    "pods": {"labelSelector": JOB},
    "events": {"fieldSelector": "involvedObject.kind=Job,reason=FailedCreate"},
    "workloads": {"labelSelector": JOB_UID},
}
# Kueue tells no news of places: they are asked for so often, and so many of a queue.
PLACES_S = 3.0
# Where there are no Workloads, this long passes before they are looked for again.
NO_KUEUE_S = 60.0
_FIRST = {"limit": "50"}
_NODE = re.compile(r"[0-9]{1,2}")
_JOB_NAME = re.compile(r"train-(?P<job>[^-]+)-(?P<number>\d+)")


class AttemptWatch:
    """The last known objects of each attempt; `changed` has those with news."""

    def __init__(self, api: KubernetesApi, *, with_kueue: bool) -> None:
        self.changed: set[AttemptRef] = set()
        # Set at news, and to have it looked whether this still watches.
        self.woken = asyncio.Event()
        # In a queue of Kueue, from 1; only of its first ones: each move is a row that is written.
        self.places: dict[AttemptRef, int] = {}
        self._api = api
        self._with_kueue = with_kueue
        # By attempt and node; a Job, an event and a Workload are the first one's.
        self._objects: dict[str, dict[AttemptRef, dict[int, Object]]] = {k: {} for k in _QUERIES}
        self.workloads = self._objects["workloads"]
        self._gone_pods: dict[AttemptRef, dict[int, Object]] = {}
        # Without these two, what is known says nothing.
        self._unlisted = {"jobs", "pods"}

    async def follow(self) -> None:
        """Watch forever; after an outage everything is listed again."""
        away = ExecutorUnavailableError, KubernetesRefusedError
        async with asyncio.TaskGroup() as group:
            for kind in _QUERIES.keys() - {"workloads"}:
                group.create_task(forever(f"watching {kind}", away, self._follow, kind))
            if self._with_kueue:
                group.create_task(forever("watching workloads", away, self._follow_workloads))
                group.create_task(every(PLACES_S, self._look_for_places))

    @property
    def listed(self) -> bool:
        """Whether every Job and pod was seen once."""
        return not self._unlisted

    def refs(self) -> set[AttemptRef]:
        """Attempts of which there is or was something, and whose end is not recorded."""
        known = self._objects["jobs"].keys() | self._objects["pods"].keys() | self._gone_pods.keys()
        return {ref for ref in known if not self.recorded(ref)}

    def seen(self, ref: AttemptRef) -> AttemptObjects | None:
        """What is known of an attempt; None: there is nothing of it, and never was."""
        job, pods, event = (self._objects[kind].get(ref, {}) for kind in ("jobs", "pods", "events"))
        gone = self._gone_pods.get(ref, {})
        if not (job or pods or gone):
            return None
        refusal = event.get(0, {}).get("message")
        return AttemptObjects(job.get(0), gone | pods, gone.keys() - pods.keys(), refusal)

    def recorded(self, ref: AttemptRef) -> bool:
        """Whether the attempt's end is in the database, and only its remains are here."""
        job = self._objects["jobs"].get(ref)
        return job is not None and END_RECORDED in job[0]["metadata"]["labels"]

    def drop_gone(self, ref: AttemptRef) -> bool:
        """Forget an attempt of which Kubernetes has nothing any more; False: it has."""
        left = ref in self._objects["jobs"] or ref in self._objects["pods"]
        if not left:
            self._gone_pods.pop(ref, None)
        return not left

    async def _follow(self, kind: str) -> None:
        while True:
            vanished = {(ref, node) for ref, all_ in self._objects[kind].items() for node in all_}
            version, listed_at = "", asyncio.get_running_loop().time()
            async for page in self._api.pages(kind, **_QUERIES[kind]):
                version = version or page.version
                for item in page.items:
                    vanished.discard(self._put(kind, item, listed_at))
            for ref, node in vanished:
                self._remove(kind, ref, node)
            self._unlisted.discard(kind)
            self.woken.set()
            async for event, item in self._api.watch(kind, version, **_QUERIES[kind]):
                if event == "DELETED":  # by force, without a word before
                    now = f"{utcnow():%Y-%m-%dT%H:%M:%SZ}"
                    item["metadata"].setdefault("deletionTimestamp", now)
                ref, node = self._put(kind, item, asyncio.get_running_loop().time())
                if event == "DELETED":
                    self._remove(kind, ref, node)
                self.woken.set()

    async def _follow_workloads(self) -> None:
        """As `_follow`, and slower where Kueue is missing: that lasts, and is no news every 2 s."""
        try:
            await self._follow("workloads")
        except KubernetesRefusedError:
            await asyncio.sleep(NO_KUEUE_S)
            raise

    async def _look_for_places(self) -> None:
        """Ask where those that wait stand, which is no news of a Workload."""
        ours = [one[0] for ref, one in self.workloads.items() if ref.job_id]
        specs = [one["spec"] for one in ours if not condition(one, "QuotaReserved")]
        places = {}
        for queue in {spec.get("queueName") for spec in specs} - {None, ""}:
            with suppress(Exception):  # it may be off, or answer anything
                path = f"{queue}/pendingworkloads"
                told = await self._api.call("GET", "localqueues", path, query=_FIRST)
                for one in told["items"]:
                    ref = _attempt_of(owner(one["metadata"]))
                    places[ref] = one["positionInLocalQueue"] + 1
        self.changed |= {ref for ref, _ in places.items() ^ self.places.items()}
        self.places = places
        self.woken.set()

    def _put(self, kind: str, item: Object, seen_at: float) -> tuple[AttemptRef, int]:
        ref, node = _owner(item)
        known = self._objects[kind].setdefault(ref, {})
        if "deletionTimestamp" in (metadata := item["metadata"]):
            metadata["seenToLeave"] = known.get(node, item)["metadata"].get("seenToLeave", seen_at)
        if known.get(node) != item:
            known[node] = item
            self.changed.add(ref)
        return ref, node

    def _remove(self, kind: str, ref: AttemptRef, node: int) -> None:
        known = self._objects[kind].get(ref, {})
        item = known.pop(node, None)
        if not known:
            self._objects[kind].pop(ref, None)
        if kind == "pods" and item is not None:
            self._gone_pods.setdefault(ref, {})[node] = item
        self.changed.add(ref)


def _owner(item: Object) -> tuple[AttemptRef, int]:
    """The attempt that it belongs to, and which of its nodes it is."""
    if "involvedObject" not in item:
        labels = item["metadata"]["labels"]
        node = _NODE.fullmatch(labels.get(INDEX, ""))  # people label pods, too
        return ref_of(labels), int(node[0]) if node else 0
    return _attempt_of(item["involvedObject"]), 0


def _attempt_of(job: Object) -> AttemptRef:
    """The attempt that a Job is of, by its name; of none: one without an id."""
    named = _JOB_NAME.fullmatch(job.get("name", ""))
    return AttemptRef(named["job"], int(named["number"])) if named else AttemptRef("", 0)
