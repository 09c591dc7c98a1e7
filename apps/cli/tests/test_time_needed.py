"""The page's estimate is held to the same cases: apps/frontend/src/features/new-job/estimate.test.ts."""

import json
from pathlib import Path
from typing import Any

import pytest
from yard.time_needed import estimate

CASES = json.loads(
    (Path(__file__).parents[3] / "tests/contract/time_needed.json").read_text(encoding="utf-8")
)


@pytest.mark.parametrize("case", CASES["cases"], ids=lambda case: str(case["name"]))
def test_a_job_lasts_as_the_most_alike_of_earlier_ones(case: dict[str, Any]) -> None:
    earlier = [CASES["job"] | changes for changes in case["earlier"]]
    found = estimate(earlier, CASES["job"] | case["plan"])
    told = found and {
        "like": found.like["id"],
        "epoch": found.epoch * 1000,
        "start": found.start * 1000,
        "total": found.total and found.total * 1000,
        "apart": found.apart,
    }
    assert told == case["found"]
