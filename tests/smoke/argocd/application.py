"""An Argo CD Application, driven by kubectl alone."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from support.cluster import run
from support.waiting import wait_for

from smoke.argocd import repository


class Application:
    """The committed Application of a tier; with `kustomize`, its source is the overlay's folder."""

    def __init__(self, tier: str, *, kustomize: bool) -> None:
        path = repository.FOLDER / "overlays" / tier / "application.yaml"
        self.tier = tier
        self.manifest = yaml.safe_load(path.read_text())
        self.name = self.manifest["metadata"]["name"]
        source = self.manifest["spec"]["source"]
        source["repoURL"] = repository.URL
        if kustomize:
            source["path"] = f"overlays/{tier}"
            del source["helm"]

    def create(self, folder: Path) -> None:
        path = folder / "application.yaml"
        path.write_text(yaml.safe_dump(self.manifest))
        run(["kubectl", "apply", "-f", str(path)])

    def delete(self) -> None:
        """Delete it with its objects: its finalizer waits until they are gone."""
        run(f"kubectl delete application {self.name} -n argocd --ignore-not-found", seconds=180)

    def status(self) -> dict[str, Any]:
        command = f"kubectl get application {self.name} -n argocd -o json --ignore-not-found"
        return dict(json.loads(run(command).stdout or "{}").get("status", {}))

    def operation(self) -> dict[str, Any]:
        """The last sync."""
        return dict(self.status()["operationState"])

    def differences(self) -> list[str]:
        """Objects that differ from git."""
        resources = self.status()["resources"]
        return [f"{r['kind']} {r['name']}" for r in resources if r.get("status") == "OutOfSync"]

    def refresh(self, kind: str = "normal") -> None:
        """Compare with the newest commit: `normal` as a webhook asks for, `hard` without any cache."""
        key = "argocd.argoproj.io/refresh"
        run(f"kubectl annotate application {self.name} -n argocd --overwrite {key}={kind}")
        path = "{.metadata.annotations.argocd\\.argoproj\\.io/refresh}"
        command = ["kubectl", "get", "application", self.name, "-n", "argocd", "-o"]
        wait_for(lambda: not run([*command, f"jsonpath={path}"]).stdout, 60)

    def wait_for(self, field: str, value: str, seconds: int = 60) -> None:
        """Wait until a field of the status has this value."""
        condition = f"--for=jsonpath={{.status.{field}}}={value}"
        command = f"kubectl wait application/{self.name} -n argocd --timeout={seconds}s {condition}"
        run(command, seconds=seconds + 10)

    def wait_synced(self, revision: str, seconds: int = 400) -> None:
        """Wait until a sync of this commit is done and everything is Synced and Healthy."""
        self.refresh()
        self.wait_for("operationState.syncResult.revision", revision)
        self.wait_for("operationState.phase", "Succeeded", seconds)
        self.wait_healthy()
        assert self.status()["sync"]["revision"] == revision

    def compare(self, revision: str) -> None:
        """Compare with the newest commit, which must be `revision`."""
        self.refresh()
        assert self.status()["sync"]["revision"] == revision

    def wait_healthy(self) -> None:
        self.refresh()
        self.wait_for("sync.status", "Synced")
        self.wait_for("health.status", "Healthy", 180)

    @contextmanager
    def self_heal_paused(self) -> Iterator[None]:
        """As docs/platform.md tells a person to."""
        patch = '{"spec":{"syncPolicy":{"automated":{"selfHeal":%s}}}}'
        command = [
            "kubectl",
            "patch",
            "application",
            self.name,
            "-n",
            "argocd",
            "--type=merge",
            "-p",
        ]
        run([*command, patch % "false"])
        try:
            yield
        finally:
            run([*command, patch % "true"])

    def report(self) -> str:
        """Sync and health, for the report of a failed test."""
        status = self.status()
        operation = status.get("operationState", {})
        results = operation.get("syncResult", {}).get("resources", [])
        return yaml.safe_dump(
            {
                "sync": status.get("sync", {}).get("status"),
                "health": status.get("health"),
                "conditions": status.get("conditions"),
                "operation": {key: operation.get(key) for key in ("phase", "message", "startedAt")},
                "not in sync": self.differences() if "resources" in status else None,
                "not done": [item for item in results if item.get("status") != "Synced"],
                "unhealthy": [
                    item
                    for item in status.get("resources", [])
                    if item.get("health", {}).get("status", "Healthy") != "Healthy"
                ],
            },
            sort_keys=False,
        )
