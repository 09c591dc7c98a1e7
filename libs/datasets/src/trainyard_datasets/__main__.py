"""Reads a request (JSON) from stdin and writes the result (JSON) to stdout: of a dataset, or of weights.

The index of an accepted dataset goes to the request's descriptor `index`.
Exit codes: 0 there is a result; 75 the store does not answer (stderr says more); anything else
is a crash.
"""

import contextlib
import json
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any

from trainyard_datasets import limits
from trainyard_datasets.check import check_object
from trainyard_datasets.problems import UnavailableError
from trainyard_datasets.weights import judge_object


def _limit(wall_s: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (limits.MEMORY_BYTES, limits.MEMORY_BYTES))
    cpu_s = min(limits.CPU_S, wall_s)
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 5))
    largest = limits.WHOLE_BYTES + limits.MIB
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Where the pod's memory is short, this process must go, not the backend.
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
    # Ends us also when the backend that would have killed us is gone.
    signal.alarm(wall_s)


def main() -> int:
    request = json.load(sys.stdin)
    _limit(request.pop("wall_s"))
    work = judge_object if request.pop("weights", False) else _check
    try:
        result = work(**request)
    except UnavailableError as error:
        sys.stderr.write(f"{error}\n")
        return os.EX_TEMPFAIL
    json.dump(result, sys.stdout)
    return 0


def _check(index: int, **request: Any) -> dict[str, Any]:
    with open(index, "wb") as file:
        check = check_object(**request)
        if check.accepted:
            with check.rejecting():
                check.write_index(file)
    return {"accepted": check.accepted, "sha256": check.sha256, "report": check.report()}


if __name__ == "__main__":
    sys.exit(main())
