"""One shared watch of the Jobs and pods of all attempts, and of the pods that were refused."""

import asyncio
import re

from backend.executors.base import AttemptRef, ExecutorUnavailableError
from backend.executors.kubernetes.client import KubernetesApi, KubernetesRefusedError, Object
from backend.executors.kubernetes.diagnosis import AttemptObjects
from backend.executors.kubernetes.objects import END_RECORDED, JOB, ref_of
from backend.infra.retry import forever
from backend.infra.wakeups import wait_and_clear

_QUERIES = {
    "jobs": {"labelSelector": JOB},
    "pods": {"labelSelector": JOB},
    "events": {"fieldSelector": "involvedObject.kind=Job,reason=FailedCreate"},
}
_JOB_NAME = re.compile(r"train-(?P<job>[^-]+)-(?P<number>\d+)")


class AttemptWatch:
    """The last known objects of each attempt; `changed` has those with news."""

    def __init__(self, api: KubernetesApi) -> None:
        self.changed: set[AttemptRef] = set()
        self._api = api
        self._objects: dict[str, dict[AttemptRef, Object]] = {kind: {} for kind in _QUERIES}
        self._gone_pods: dict[AttemptRef, Object] = {}
        # Without these two, what is known says nothing.
        self._unlisted = {"jobs", "pods"}
        self._woken = asyncio.Event()

    async def follow(self) -> None:
        """Watch forever; after an outage everything is listed again."""
        away = ExecutorUnavailableError, KubernetesRefusedError
        await forever("watching training Jobs", away, self._follow_all)

    async def change(self, within_s: float | None) -> bool:
        """Wait for a change, or for `within_s`. False: not everything was listed yet."""
        await wait_and_clear(self._woken, within_s)
        return self.listed

    @property
    def listed(self) -> bool:
        """Whether every Job and pod was seen once."""
        return not self._unlisted

    def refs(self) -> set[AttemptRef]:
        """Attempts of which there is or was something, and whose end is not recorded."""
        known = self._objects["jobs"].keys() | self._objects["pods"].keys() | self._gone_pods.keys()
        return {ref for ref in known if not self.recorded(ref)}

    def wake(self) -> None:
        self._woken.set()

    def seen(self, ref: AttemptRef) -> AttemptObjects | None:
        """What is known of an attempt; None: there is nothing of it, and never was."""
        job, pod = self._objects["jobs"].get(ref), self._objects["pods"].get(ref)
        gone = self._gone_pods.get(ref)
        if job is None and pod is None and gone is None:
            return None
        refusal = self._objects["events"].get(ref, {}).get("message")
        return AttemptObjects(
            job, pod or gone, pod_gone=pod is None and gone is not None, refusal=refusal
        )

    def recorded(self, ref: AttemptRef) -> bool:
        """Whether the attempt's end is in the database, and only its remains are here."""
        job = self._objects["jobs"].get(ref)
        return job is not None and END_RECORDED in job["metadata"]["labels"]

    def drop_gone(self, ref: AttemptRef) -> bool:
        """Forget an attempt of which Kubernetes has nothing any more; False: it has."""
        left = ref in self._objects["jobs"] or ref in self._objects["pods"]
        if not left:
            self._gone_pods.pop(ref, None)
        return not left

    async def _follow_all(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for kind in _QUERIES:
                    group.create_task(self._follow(kind))
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None

    async def _follow(self, kind: str) -> None:
        while True:
            vanished = set(self._objects[kind])
            version = ""
            async for page in self._api.pages(kind, **_QUERIES[kind]):
                version = version or page.version
                for item in page.items:
                    vanished.discard(self._put(kind, item))
            for ref in vanished:
                self._remove(kind, ref)
            self._unlisted.discard(kind)
            self.wake()
            async for event, item in self._api.watch(kind, version, **_QUERIES[kind]):
                ref = self._put(kind, item)
                if event == "DELETED":
                    self._remove(kind, ref)
                self.wake()

    def _put(self, kind: str, item: Object) -> AttemptRef:
        ref = _owner(item)
        if self._objects[kind].get(ref) != item:
            self._objects[kind][ref] = item
            self.changed.add(ref)
        return ref

    def _remove(self, kind: str, ref: AttemptRef) -> None:
        item = self._objects[kind].pop(ref, None)
        if kind == "pods" and item is not None:
            self._gone_pods[ref] = item
        self.changed.add(ref)


def _owner(item: Object) -> AttemptRef:
    if "involvedObject" not in item:
        return ref_of(item["metadata"]["labels"])
    named = _JOB_NAME.fullmatch(item["involvedObject"]["name"])
    return AttemptRef(named["job"], int(named["number"])) if named else AttemptRef("", 0)
