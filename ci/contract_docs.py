"""Write the table of variables in docs/training-contract.md: `python ci/contract_docs.py [--check]`."""

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/training-contract.md"

SETTERS = {
    ("backend",): "backend",
    ("job", "launcher"): "chart",
    ("launcher",): "chart, for the launcher",
    (): "nobody",
}


def written(page: str) -> str:
    """The page with the table as docs/training-contract.json has it."""
    variables = json.loads((ROOT / "docs/training-contract.json").read_text())["variables"]
    rows = ["| variable | set by | value |", "|---|---|---|"]
    for name, about in variables.items():
        setter = SETTERS[tuple(about["set_by"])]
        optional = " (optional)" if about.get("optional") else ""
        rows.append(f"| `{name}`{optional} | {setter} | {about['value']} |")
    table = "<!-- variables, by ci/contract_docs.py -->\n" + "\n".join(rows) + "\n<!-- end -->"
    return re.sub(r"<!-- variables, .*?<!-- end -->", lambda _: table, page, flags=re.DOTALL)


if __name__ == "__main__":
    page = PAGE.read_text()
    if sys.argv[1:] == ["--check"]:
        sys.exit(written(page) != page)
    PAGE.write_text(written(page))
