"""Scan one tier's manifests, from standard input, with checkov: `scan.py TIER < manifests.yaml`."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

CHECKOV = Path(sys.executable).with_name("checkov")


def findings(manifests: str) -> list[dict[str, str]]:
    """What checkov finds, skips included."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(manifests)
        file.flush()
        command = [
            str(CHECKOV),
            "--file",
            file.name,
            "--framework",
            "kubernetes",
            "--output",
            "json",
            "--skip-download",
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        sys.exit(done.stderr)
    failed: list[dict[str, str]] = json.loads(done.stdout)["results"]["failed_checks"]
    return failed


def main() -> None:
    tier = sys.argv[1]
    lists = yaml.safe_load(Path(__file__).with_name("skips.yaml").read_text())
    skips = {**lists["all"], **lists.get(tier, {})}
    found = findings(sys.stdin.read())
    problems = [
        f"{item['check_id']} {item['resource']}: {item['check_name']}"
        for item in found
        if item["check_id"] not in skips
    ]
    unused = skips.keys() - {item["check_id"] for item in found}
    problems += [
        f"skips.yaml: {check} finds nothing in {tier} any more: remove it"
        for check in sorted(unused)
    ]
    if problems:
        sys.exit("\n".join(problems))
    print(f"{tier}: nothing beyond the {len(skips)} findings that ci/checkov/skips.yaml explains")


if __name__ == "__main__":
    main()
