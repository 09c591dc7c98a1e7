"""Connections that the rendered NetworkPolicies allow."""

from typing import Any

from chart import Manifest, Rendered

Flow = tuple[str, str, int]  # from app, to app, port of the pod


def _selects(selector: dict[str, Any] | None, labels: dict[str, str]) -> bool:
    return selector is not None and selector.get("matchLabels", {}).items() <= labels.items()


def _lets(item: Manifest, direction: str, peer: str, labels: dict[str, str], port: int) -> bool:
    """Whether a policy admits the peer; no ipBlock here contains addresses of pods."""
    return any(
        any(
            _selects(one.get("podSelector"), labels) and "namespaceSelector" not in one
            for one in rule[peer]
        )
        and any(each["port"] == port and each["protocol"] == "TCP" for each in rule["ports"])
        for rule in item["spec"].get(direction, [])
    )


def flows(rendered: Rendered) -> set[Flow]:
    """All connections between pods that both policies allow."""
    policies = rendered.kind("NetworkPolicy")
    pods = list(rendered.pods())
    found: set[Flow] = set()
    for client in pods:
        out = [item for item in policies if _selects(item["spec"]["podSelector"], client.labels)]
        for server in pods:
            into = [
                item for item in policies if _selects(item["spec"]["podSelector"], server.labels)
            ]
            for container in server.spec["containers"]:
                for port in (each["containerPort"] for each in container.get("ports", [])):
                    if any(
                        _lets(item, "egress", "to", server.labels, port) for item in out
                    ) and any(_lets(item, "ingress", "from", client.labels, port) for item in into):
                        found.add((client.labels["app"], server.labels["app"], port))
    return found


def outside(rendered: Rendered) -> set[tuple[str, int, str]]:
    """Ports open to clients other than the platform's pods: app, port, client."""
    return {
        (item["spec"]["podSelector"]["matchLabels"]["app"], port["port"], _source(peer))
        for item in rendered.kind("NetworkPolicy")
        for rule in item["spec"].get("ingress", [])
        for peer in rule["from"]
        if "podSelector" not in peer
        for port in rule["ports"]
    }


def away(rendered: Rendered) -> set[tuple[str, int, str]]:
    """Addresses outside the cluster that pods may reach: app, port, addresses."""
    return {
        (item["spec"]["podSelector"]["matchLabels"]["app"], port["port"], _source(peer))
        for item in rendered.kind("NetworkPolicy")
        if item["spec"]["podSelector"]
        for rule in item["spec"].get("egress", [])
        for peer in rule["to"]
        if "ipBlock" in peer
        for port in rule["ports"]
    }


def _source(peer: dict[str, Any]) -> str:
    if "namespaceSelector" in peer:
        return (
            f"namespace {peer['namespaceSelector']['matchLabels']['kubernetes.io/metadata.name']}"
        )
    block = peer["ipBlock"]
    return " except ".join([block["cidr"], *block.get("except", [])])
