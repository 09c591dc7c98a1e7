"""Write what repeats the chart's facts: `make docs`.

These are docs/values.md, docs/platform-network.md, the descriptions in values.schema.json and the list of images in Chart.yaml.
"""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import yaml
from chart import CHART, NAMESPACE, ROOT, TIERS, Rendered, Values, tier
from chart.network import away, flows, outside

SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text())
FORMATS: dict[str, dict[str, Any]] = yaml.safe_load((CHART / "files/formats.yaml").read_text())
WIDTH = 130  # of values.schema.json


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


def schema_nodes(
    node: dict[str, Any], keys: list[str], path: str = ""
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Path and node of every value that a format's key, such as `*.image.tag`, stands for."""
    node = resolved(node)
    if not keys:
        yield path, node
        return
    children = dict(node.get("properties", {}))
    for child in node.get("patternProperties", {}).values():
        children["any"] = child
    if "items" in node:
        children["0"] = node["items"]
    for key, child in children.items():
        if keys[0] in {"*", key}:
            yield from schema_nodes(child, keys[1:], f"{path}.{key}" if path else key)


def describe_formats() -> None:
    """Give the schema each format's words, and its values for editors to complete.

    An `enum` alone would make Helm refuse other values without saying how to fix them.

    Raises:
        ValueError: a key leads to no node, or a node has two formats.
    """
    owners: dict[int, str] = {}
    for name, entry in FORMATS.items():
        values = entry.get("values", [])
        for key in entry["keys"]:
            found = list(schema_nodes(SCHEMA, key.split(".")))
            if not found:
                raise ValueError(f"formats.yaml: {name}: values.schema.json has no {key}")
            for _, node in found:
                if owners.setdefault(id(node), name) != name:
                    raise ValueError(f"formats.yaml: {key} is of {name} and of {owners[id(node)]}")
                node["description"] = entry.get("allowed") or code_list(values)
                if values:
                    node["anyOf"] = [{"enum": values}, {}]


def layout(value: Any, before: int = 0, indent: str = "") -> str:
    """JSON with each part on one line where it fits behind `before` characters."""
    flat = json.dumps(value, ensure_ascii=False)
    if before + len(flat) < WIDTH or not isinstance(value, dict | list):
        return flat
    inner = f"{indent}  "
    if isinstance(value, list):
        parts = [layout(item, len(inner), inner) for item in value]
    else:
        heads = [f"{json.dumps(key)}: " for key in value]
        parts = [
            f"{head}{layout(child, len(inner + head), inner)}"
            for head, child in zip(heads, value.values(), strict=True)
        ]
    opening, closing = "[]" if isinstance(value, list) else "{}"
    return f"{opening}\n{inner}" + f",\n{inner}".join(parts) + f"\n{indent}{closing}"


def schema() -> str:
    return layout(SCHEMA) + "\n"


def images() -> Iterator[tuple[str, str]]:
    """Name and reference of every image of values.yaml."""
    values: Values = yaml.safe_load((CHART / "values.yaml").read_text())
    version = yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"]
    for component, keys in values.items():
        for key, image in keys.items() if isinstance(keys, dict) else ():
            if isinstance(image, dict) and "repository" in image:
                name = component if key == "image" else f"{component}-{key}"
                yield (
                    re.sub(r"(?=[A-Z])", "-", name).lower(),
                    f"{image['repository']}:{image['tag'] or version}",
                )


def chart_metadata() -> str:
    """Chart.yaml with the images that Artifact Hub lists and scans."""
    listed = "".join(f"    - name: {name}\n      image: {image}\n" for name, image in images())
    text = (CHART / "Chart.yaml").read_text()
    return re.sub(r"(?<=artifacthub.io/images: \|\n)(?: {4}.*\n)*", listed, text)


def allowed(path: str) -> str:
    """What a value may be, in words."""
    [(_, node)] = schema_nodes(SCHEMA, path.split("."))
    return words(node)


def code_list(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


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
        return code_list(node["enum"])
    if node["type"] == "integer":
        least, most = node["minimum"], node.get("maximum")
        return f"a whole number, {least} or more" if most is None else f"{least} to {most}"
    if node["type"] in {"array", "object"}:
        return several(node)
    return {"boolean": "`true`, `false`", "string": "text"}[node["type"]]


def several(node: dict[str, Any]) -> str:
    keys: dict[str, Any] = node.get("properties", {})
    if keys:
        alike = len({str(child) for child in keys.values()}) == 1
        return f"keys {code_list(keys)}" + (
            f", each {words(next(iter(keys.values())))}" if alike else ""
        )
    if "items" in node:
        return f"a list, each: {words(node['items'])}"
    [value] = node.get("patternProperties", {}).values() or [node["additionalProperties"]]
    return f"names, each with: {words(value)}"


def values_page() -> str:
    parts = [
        "# Values of the chart",
        "",
        "Generated by `ci/chart_docs.py` from `charts/platform/values.yaml`; a test keeps it current. Each tier's changes are in its",
        f"overlay: {', '.join(f'[{name}](../overlays/{name}/values.yaml)' for name in TIERS)}.",
        "",
        "Values must match the column *allowed*. Error messages repeat it and say how to fix the value; Helm's own messages",
        "(`at '/backend/replicas': got string, want integer`) name only the key and the rule.",
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
    return "\n".join(parts) + "\n"


def matrix(rendered: Rendered) -> list[str]:
    """Connections from clients (rows) to servers (columns), with the ports."""
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
        "# Allowed network connections",
        "",
        "Generated by `ci/chart_docs.py` from the rendered NetworkPolicies; a test keeps it current. These tables list every allowed",
        f"connection of namespace `{NAMESPACE}`; everything else is denied in both directions. All pods may query kube-dns (UDP and TCP 53).",
        "Cells show ports of pods: NetworkPolicies see addresses and ports after the Service's translation.",
        "",
        "The policies are rendered from one table, `platform.egressTargets` in",
        "[_netpol.tpl](../charts/platform/templates/_netpol.tpl). A pod has a label `trainyard.dev/to-<target>` for each of its targets.",
        "A component admits pods with the label of its target, and reaches only its own targets. To let a pod of your own reach the",
        'API, give it the label `trainyard.dev/to-api: "true"` and an egress policy.',
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
            "| open to the outside | port | for |",
            "|---|---|---|",
        ]
        parts += [f"| {app} | {port} | {who} |" for app, port, who in sorted(outside(rendered))]
        parts += ["", "| connects to the outside | port | addresses |", "|---|---|---|"]
        parts += [f"| {app} | {port} | {where} |" for app, port, where in sorted(away(rendered))]
    return "\n".join(parts) + "\n"


describe_formats()
GENERATED = {
    ROOT / "docs/values.md": values_page,
    ROOT / "docs/platform-network.md": network_page,
    CHART / "values.schema.json": schema,
    CHART / "Chart.yaml": chart_metadata,
}


if __name__ == "__main__":
    for path, make in GENERATED.items():
        path.write_text(make())
        print(path.relative_to(ROOT))
