"""Time to install the chart in a new kind cluster: `bench/bring_up.py [tier1|tier2]`.

Takes the steps of `make tier1` with images that exist already, and deletes the cluster afterwards.
The node's ports are those of `make tier1`, so no other cluster of the platform may run. Runs in the
CLI's environment.
"""

import argparse
import os
import subprocess
import time

from common import ROOT, table

STEPS = {
    "cluster, until its node is ready": "ci/cluster.sh up",
    "own images into it": "ci/cluster.sh load",
    "chart, until every pod is ready": "ci/install.sh {tier}",
    "the same again, nothing to do": "ci/install.sh {tier}",
}


def run(command: str, cluster: str) -> float:
    """Seconds that a script took."""
    begin = time.monotonic()
    env = os.environ | {"CLUSTER": cluster}
    subprocess.run(command.split(), check=True, cwd=ROOT, env=env, stdout=subprocess.DEVNULL)
    return time.monotonic() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tier", nargs="?", default="tier1", choices=["tier1", "tier2"])
    parser.add_argument("--cluster", default="bench")
    options = parser.parse_args()
    rows = []
    try:
        for name, script in STEPS.items():
            took = run(script.format(tier=options.tier), options.cluster)
            rows.append([name, f"{took:.0f}"])
    finally:
        run("ci/cluster.sh down", options.cluster)
    table(f"A fresh cluster with {options.tier}", ["", "seconds"], rows)


if __name__ == "__main__":
    main()
