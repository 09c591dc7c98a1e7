"""Make a closed JSON schema from a CustomResourceDefinition: `python make.py CRD.yaml VERSION > kind.json`.

Descriptions go, every object with named properties is closed (a misspelt field is an error), and parts that repeat become
`$defs`. Here: Argo CD 3.5.7's `application-crd.yaml` and `applicationset-crd.yaml` (v1alpha1).
"""

import hashlib
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import yaml

MIN_SHARED = 400  # bytes; smaller parts stay where they are
DROPPED = {"description", "x-kubernetes-validations", "x-kubernetes-list-type", "format"} | {
    "x-kubernetes-map-type",
    "x-kubernetes-list-map-keys",
    "default",
}


def closed(node: Any) -> Any:
    """`node` without what a validator does not use, and closed."""
    if isinstance(node, list):
        return [closed(item) for item in node]
    if not isinstance(node, dict):
        return node
    if node.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    if node.get("x-kubernetes-preserve-unknown-fields"):
        return {}
    made = {key: closed(value) for key, value in node.items() if key not in DROPPED}
    if isinstance(node.get("properties"), dict):
        made["properties"] = {key: closed(value) for key, value in node["properties"].items()}
        made.setdefault("additionalProperties", False)
    return made


def digest(node: Any) -> str:
    return hashlib.sha256(json.dumps(node, sort_keys=True).encode()).hexdigest()[:8]


def count(node: Any, seen: Counter[str]) -> None:
    for child in (
        node.values() if isinstance(node, dict) else node if isinstance(node, list) else []
    ):
        if isinstance(child, dict) and len(json.dumps(child)) >= MIN_SHARED:
            seen[digest(child)] += 1
            if seen[digest(child)] > 1:
                continue
        count(child, seen)


def share(node: Any, seen: Counter[str], defs: dict[str, Any], *, top: bool = False) -> Any:
    if isinstance(node, list):
        return [share(item, seen, defs) for item in node]
    if not isinstance(node, dict):
        return node
    name = digest(node)
    if not top and seen[name] > 1:
        if name not in defs:
            defs[name] = None
            defs[name] = {key: share(value, seen, defs) for key, value in node.items()}
        return {"$ref": f"#/$defs/{name}"}
    return {key: share(value, seen, defs) for key, value in node.items()}


def main() -> None:
    crd = yaml.safe_load(Path(sys.argv[1]).read_text())
    version = next(item for item in crd["spec"]["versions"] if item["name"] == sys.argv[2])
    schema = closed(version["schema"]["openAPIV3Schema"])
    seen: Counter[str] = Counter()
    count(schema, seen)
    defs: dict[str, Any] = {}
    schema = share(schema, seen, defs, top=True)
    schema["properties"].pop("status", None)
    schema["properties"]["metadata"] = {"type": "object"}
    text = json.dumps({**schema, "$defs": dict(sorted(defs.items()))}, separators=(",", ":"))
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    main()
