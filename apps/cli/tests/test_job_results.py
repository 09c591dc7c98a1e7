"""`yard job finish` and `yard job results`, as a stranger reads them."""

import json
from typing import Any

import pytest
from conftest import Server, Yard, answer, job

JOB = "/jobs/0123456789ab"


def evaluation(**changes: Any) -> dict[str, Any]:
    """As docs/evaluation.schema.json has it: two classes, and one that the split has none of."""
    base: dict[str, Any] = {
        "format": 1, "task": "detect", "interim": False,
        "weights": {"name": "best.pt", "sha256": None, "parameters": 2_590_230, "gflops": 0.15},
        "data": {"dataset_id": "ba9876543210", "split": "val", "images": 24, "instances": 72},
        "best": {"epoch": 6, "metric": "metrics/mAP50-95(B)", "value": 0.625},
        "metrics": {"metrics/mAP50(B)": 0.9, "metrics/mAP50-95(B)": 0.625},
        "classes": [
            {
                "index": index, "name": name, "images": min(count, 24), "instances": count,
                "metrics": values,
            }
            for index, name, count, values in [
                (0, "disc", 40, {"metrics/mAP50(B)": 0.95, "metrics/mAP50-95(B)": 0.75}),
                (1, "square", 32, {"metrics/mAP50(B)": 0.85, "metrics/mAP50-95(B)": 0.5}),
                (2, "star", 0, {}),
            ]
        ],
        "speed_ms": {"preprocess": 0.1, "inference": 11.0, "loss": None, "postprocess": 0.9},
        "left_out": [],
    }  # fmt: skip
    return base | changes


def serve(server: Server, told: bytes | dict[str, Any] | None, **changes: Any) -> None:
    names = ["best.pt"] if told is None else ["best.pt", "evaluation.json"]
    body = told if isinstance(told, bytes) else json.dumps(told).encode()
    items = [
        {"name": name, "size": len(body), "sha256": None, "url": f"{server.url}/{name}"}
        for name in names
    ]
    server.on(f"GET {JOB}", answer(200, job(**changes)))
    server.on(f"GET {JOB}/artifacts", answer(200, {"items": items}))
    server.on("GET /evaluation.json", answer(200, body))


def test_results_are_the_models_overall_and_by_class(server: Server, yard: Yard) -> None:
    serve(server, evaluation(interim=True, left_out=["curves"]))
    done = yard("job", "results", "0123456789ab")
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split() for line in done.stdout.splitlines()] == [
        line.split()
        for line in """\
            model       best.pt of epoch 7
            judged on   val · 24 images · 72 objects
            parameters  2,590,230
            GFLOPs      0.1
            speed       12.0 ms an image
            note        the best epoch's own validation, while the training went on
            metric                value
            metrics/mAP50(B)        0.9
            metrics/mAP50-95(B)   0.625
            class   objects  mAP50(B)  mAP50-95(B)
            disc         40      0.95         0.75
            square       32      0.85          0.5
            star          0         —            —
            left out for its size: curves""".splitlines()
    ]
    as_json = yard("job", "results", "0123456789ab", "--json")
    assert json.loads(as_json.stdout) == evaluation(interim=True, left_out=["curves"])


@pytest.mark.parametrize(
    ("told", "status", "said"),
    [
        (
            None,
            "running",
            [
                "has no evaluation.json",
                "it is running",
                "wait: a training has its model from its first epoch on",
            ],
        ),
        (None, "failed", ["has no evaluation.json", "and has best.pt", "yard job show"]),
        (b"not json", "succeeded", ["evaluation.json cannot be read", "yard model pull"]),
        (b"[1]", "succeeded", ["evaluation.json cannot be read"]),
        ({"format": 1}, "succeeded", ["evaluation.json cannot be read", "data is missing"]),
        (b"[" * 100_000, "succeeded", ["evaluation.json cannot be read"]),
        (evaluation(classes=[1]), "succeeded", ["evaluation.json cannot be read"]),
    ],
)
def test_results_that_are_not_there_or_unreadable_are_told(
    server: Server, yard: Yard, told: Any, status: str, said: list[str]
) -> None:
    serve(server, told, status=status)
    done = yard("job", "results", "0123456789ab")
    assert done.returncode == (3 if told is None else 4)
    assert [part for part in said if part not in done.stderr] == []
    assert "Traceback" not in done.stderr


def test_a_training_is_finished_after_its_epoch(server: Server, yard: Yard) -> None:
    server.on(f"GET {JOB}", answer(200, job(status="running")))
    server.on(f"POST {JOB}/finish-early", answer(202, job(status="running")))
    done = yard("job", "finish", "0123456789ab")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "running 0123456789ab first",
        "`yard job show 012345` shows its progress",
        "it ends after its current epoch, and keeps its best model",
    ]
    assert json.loads(yard("job", "finish", "0123456789ab", "--json").stdout)["status"] == "running"
    problem = {"title": "Job not training", "status": 409, "detail": "Job x is queued."}
    server.on(f"POST {JOB}/finish-early", answer(409, problem))
    refused = yard("job", "finish", "0123456789ab")
    assert (refused.returncode, refused.stdout) == (4, "")
    assert refused.stderr == "error: Job not training\n  Job x is queued.\n"
