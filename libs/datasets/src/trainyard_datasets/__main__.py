"""Reads a request (JSON) from stdin and writes the verdict (JSON) to stdout.

Exit codes: 0 there is a verdict; 75 the store does not answer (stderr says more); anything else
is a crash.
"""

import contextlib
import json
import os
import resource
import signal
import sys
from pathlib import Path

from trainyard_datasets import limits
from trainyard_datasets.check import preflight
from trainyard_datasets.findings import UnavailableError


def _limit(wall_s: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (limits.MEMORY_BYTES, limits.MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (limits.CPU_S, limits.CPU_S + 5))
    largest = limits.WHOLE_BYTES + limits.MIB
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Where memory is short in our pod, it is not the backend that must go.
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
    # Ends us also when the backend that would have killed us is gone.
    signal.alarm(wall_s)


def main() -> int:
    request = json.load(sys.stdin)
    _limit(request.pop("wall_s"))
    try:
        verdict = preflight(**request)
    except UnavailableError as error:
        sys.stderr.write(f"{error}\n")
        return os.EX_TEMPFAIL
    json.dump(verdict, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
