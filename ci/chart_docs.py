"""Write docs/values.md and docs/platform-network.md from the chart: `python ci/chart_docs.py`."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from chart import CHART, NAMESPACE, TIERS, Rendered, tier  # noqa: E402
from chart.network import away, flows, outside  # noqa: E402

SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text())


class Leaf(NamedTuple):
    """A value that a user can set."""

    path: str
    default: str
    doc: str


def leaves(text: str) -> Iterator[Leaf]:
    """Every value of values.yaml with the comment above it.

    Raises:
        ValueError: a leaf has no `# --` line.
    """
    lines = text.splitlines()

    def walk(node: yaml.MappingNode, at: str) -> Iterator[Leaf]:
        for key, value in node.value:
            path = f"{at}{key.value}"
            doc = comment(key.start_mark.line, path)
            if isinstance(value, yaml.MappingNode) and value.value and doc is None:
                yield from walk(value, f"{path}.")
            elif doc is None:
                raise ValueError(f"values.yaml: {path} has no line that starts with '# --'")
            else:
                source = text[value.start_mark.index : value.end_mark.index].strip()
                yield Leaf(path, source, doc)

    def comment(line: int, path: str) -> str | None:
        found: list[str] = []
        while line > 0 and lines[line - 1].strip().startswith("#"):
            line -= 1
            found.insert(0, lines[line].strip().removeprefix("#").strip())
        if not found or not found[0].startswith("-- "):
            return None
        return " ".join(found).removeprefix("-- ")

    root = yaml.compose(text)
    assert isinstance(root, yaml.MappingNode)
    return walk(root, "")


def allowed(path: str) -> str:
    """What the schema, or validations.yaml in the same words, lets a value be."""
    node = SCHEMA
    for key in path.split("."):
        node = resolved(node)["properties"][key]
    return words(node)


def resolved(node: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = (
        SCHEMA["$defs"][node["$ref"].rsplit("/", 1)[1]] if "$ref" in node else node
    )
    return found


def words(node: dict[str, Any]) -> str:
    node = resolved(node)
    if "description" in node:
        return str(node["description"])
    if "enum" in node:
        return ", ".join(f"`{value}`" for value in node["enum"])
    if node["type"] == "integer":
        least, most = node["minimum"], node.get("maximum")
        return f"a whole number, {least} or more" if most is None else f"{least} to {most}"
    if node["type"] in {"array", "object"}:
        return several(node)
    return {"boolean": "`true`, `false`", "string": "text"}[node["type"]]


def several(node: dict[str, Any]) -> str:
    keys = node.get("properties") or node.get("required")
    if keys:
        return f"keys {', '.join(f'`{key}`' for key in keys)}"
    if "items" in node:
        return f"a list, each: {words(node['items'])}"
    [value] = node.get("patternProperties", {}).values() or [node["additionalProperties"]]
    return f"names, each with: {words(value)}"


def values_page() -> str:
    parts = [
        "# Values of the chart",
        "",
        "Made by `ci/chart_docs.py` from `charts/platform/values.yaml`; a test keeps it current. What each tier changes stands in",
        *(f"[overlays/{name}/values.yaml](../overlays/{name}/values.yaml)," for name in TIERS),
        "A value that is refused is one that the column *allowed* does not know. Most messages say it in the same words, with the cure;",
        "Helm's own (`at '/backend/replicas': got string, want integer`) have only the key and the rule.",
    ]
    section = ""
    for leaf in leaves((CHART / "values.yaml").read_text()):
        top = leaf.path.split(".", maxsplit=1)[0] if "." in leaf.path else "general"
        if top != section:
            section = top
            parts += [
                "",
                f"## {top}",
                "",
                "| value | default | allowed | meaning |",
                "|---|---|---|---|",
            ]
        cells = (f"`{leaf.path}`", f"`{leaf.default}`", allowed(leaf.path), leaf.doc)
        parts.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(parts).replace("values.yaml),\nA value", "values.yaml).\nA value") + "\n"


def matrix(rendered: Rendered) -> list[str]:
    """Who (rows) may open a connection to whom (columns), with the ports."""
    found = flows(rendered)
    servers = sorted({server for _, server, _ in found})
    clients = sorted({client for client, _, _ in found})

    def cell(client: str, server: str) -> str:
        return ", ".join(
            str(port) for one, two, port in sorted(found) if (one, two) == (client, server)
        )

    return [
        f"| from \\ to | {' | '.join(servers)} |",
        f"|---|{'---|' * len(servers)}",
        *(
            f"| **{client}** | {' | '.join(cell(client, server) for server in servers)} |"
            for client in clients
        ),
    ]


def network_page() -> str:
    parts = [
        "# Who may talk to whom",
        "",
        "Made by `ci/chart_docs.py` from the rendered NetworkPolicies; a test keeps it current. Everything that is not in these tables is",
        f"denied in namespace `{NAMESPACE}`, in both directions. All pods may ask kube-dns (UDP and TCP 53). A cell holds the pods' ports:",
        "rules see addresses and ports after the Service's translation.",
        "",
        "The table that the policies are made from is `platform.egressTargets` in",
        "[_netpol.tpl](../charts/platform/templates/_netpol.tpl): a pod bears a label `trainyard.dev/to-<target>` for each of its targets,",
        "a component lets in the pods with its target's label, and may itself reach only its own targets. A pod of yours that needs the",
        'backend gets the label `trainyard.dev/to-backend: "true"` and an egress policy of its own.',
    ]
    titles = {"tier1": "Tiers 1 and 2", "tier3": "Tier 3"}
    for name, title in titles.items():
        rendered = tier(name)
        parts += [
            "",
            f"## {title}",
            "",
            *matrix(rendered),
            "",
            "| open to the outside | port | to |",
            "|---|---|---|",
        ]
        parts += [f"| {app} | {port} | {who} |" for app, port, who in sorted(outside(rendered))]
        parts += ["", "| reaches outside | port | where |", "|---|---|---|"]
        parts += [f"| {app} | {port} | {where} |" for app, port, where in sorted(away(rendered))]
    return "\n".join(parts) + "\n"


PAGES = {"values.md": values_page, "platform-network.md": network_page}


if __name__ == "__main__":
    for file, make in PAGES.items():
        (ROOT / "docs" / file).write_text(make())
        print(f"docs/{file}")
