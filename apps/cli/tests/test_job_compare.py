"""`yard job compare` against answers as the server gives them."""

import hashlib
import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import Server, Yard, answer, dataset, job

A, B, C = "a" * 12, "b" * 12, "c" * 12
MAIN = "metrics/mAP50-95(B)"


def evaluation(value: float, sha256: str, **changes: Any) -> dict[str, Any]:
    classes = [("person", value + 0.1), ("car\x1b[2J", value - 0.1)]
    return {
        "format": 1, "task": "detect", "interim": False,
        "weights": {"name": "best.pt", "sha256": None},
        "data": {"dataset_id": "ba9876543210", "sha256": sha256, "split": "val", "images": 20,
                 "instances": 40},
        "best": {"epoch": 3, "metric": MAIN, "value": value},
        "metrics": {MAIN: value, "fitness": value},
        "classes": [
            {"index": index, "name": name, "images": 20, "instances": 20, "metrics": {MAIN: one}}
            for index, (name, one) in enumerate(classes)
        ],
    } | changes  # fmt: skip


def serve(
    server: Server,
    id_: str,
    told: dict[str, Any] | None,
    file: str = "evaluation.json",
    **changes: Any,
) -> None:
    server.on(f"GET /jobs/{id_}", answer(200, job(id=id_, **changes)))
    server.on("GET /datasets/ba9876543210", answer(200, dataset()))
    rows = [{"epoch": epoch, "values": {MAIN: epoch / 10}} for epoch in range(5)]
    server.on(f"GET /jobs/{id_}/metrics", answer(200, {"items": rows}))
    items = []
    if told is not None:
        data = json.dumps(told).encode()
        server.on(f"GET /{id_}/{file}", answer(200, data))
        items = [
            {"name": file, "size": len(data), "media_type": "application/json",
             "sha256": hashlib.sha256(data).hexdigest(), "url": f"{server.url}/{id_}/{file}"}
        ]  # fmt: skip
    server.on(f"GET /jobs/{id_}/artifacts", answer(200, {"items": items}))


@pytest.fixture
def three(server: Server) -> Server:
    """Two jobs that were judged on the same images, and one of another trainer."""
    serve(server, A, evaluation(0.5, "1" * 64), name="first", config={"epochs": 2, "lr0": 0.01})
    serve(server, B, evaluation(0.6, "1" * 64), name="second", config={"epochs": 2, "lr0": 0.002})
    serve(server, C, None, name="own", trainer="own", config={"epochs": 2})
    return server


def test_two_jobs_are_compared_by_their_best_models(three: Server, yard: Yard) -> None:
    done = yard("job", "compare", A, B)
    assert done.returncode == 0, done.stderr
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert "first aaaaaa second bbbbbb" in lines
    assert "judged on digits@1 · val · 20 images digits@1 · val · 20 images" in lines
    assert "best epoch 4 4" in lines
    assert f"{MAIN} 0.5 0.6 +0.1" in lines
    assert "lr0 0.01 0.002" in lines
    assert "person 0.6 0.7 +0.1" in lines
    assert not any(line.startswith("epochs") for line in lines)  # it is the same
    assert "NOT COMPARABLE" not in done.stdout
    assert "\x1b" not in done.stdout


def test_it_says_loudly_that_models_were_judged_on_different_data(
    three: Server, yard: Yard
) -> None:
    serve(three, B, evaluation(0.6, "2" * 64, interim=True), name="second")
    done = yard("job", "compare", A, B, C)
    assert done.returncode == 0, done.stderr
    assert "NOT COMPARABLE: these models were judged on different data" in done.stdout
    assert "second bbbbbb did not train to its end" in done.stdout
    assert "own cccccc has no evaluation.json" in done.stdout


def test_an_export_is_compared_by_what_it_costs(three: Server, yard: Yard) -> None:
    told = {
        "task": "detect",
        "metric": MAIN,
        "data": {"sha256": "1" * 64, "split": "val", "images": 20},
    }
    costs = {MAIN: 0.5, "onnx/drop": 0.01, "onnx/latency_p50_ms": 7.5}
    serve(three, B, told, "export.json", name="small", epoch=None, metrics=costs)
    done = yard("job", "compare", A, B)
    assert (done.returncode, done.stderr) == (0, "")
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert "judged on digits@1 · val · 20 images digits@1 · val · 20 images" in lines
    assert "onnx/drop — 0.01" in lines
    assert "onnx/latency_p50_ms — 7.5" in lines
    assert "NOT COMPARABLE" not in done.stdout
    assert "epoch's" not in done.stdout
    assert "An evaluation pads less" in done.stdout
    assert "An evaluation pads less" not in yard("job", "compare", B, B).stdout
    assert json.loads(yard("job", "compare", B, B, "--json").stdout)["metric"] == MAIN


def test_scripts_get_every_number(three: Server, yard: Yard) -> None:
    told = json.loads(yard("job", "compare", A, B, "--json").stdout)
    assert told["same_data"]
    assert told["metrics"][MAIN] == [0.5, 0.6]
    assert told["config"] == {"lr0": [0.01, 0.002]}
    assert told["classes"]["person"] == [0.6, 0.7]


def test_a_metric_that_no_job_has_is_refused(three: Server, yard: Yard) -> None:
    done = yard("job", "compare", A, B, "--metric", "map")
    assert done.returncode == 2
    assert f"they have: {MAIN}, fitness" in done.stderr
    assert yard("job", "compare", A).returncode == 2


def test_an_evaluation_of_another_form_is_told(three: Server, yard: Yard) -> None:
    serve(three, B, {"metrics": 3}, name="second")
    done = yard("job", "compare", A, B)
    assert done.returncode == 4
    assert "evaluation.json cannot be read" in done.stderr


def test_on_a_terminal_the_curves_are_drawn(three: Server, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        [Path(sys.executable).with_name("yard"), "job", "compare", A, B],
        env={"YARD_URL": three.url, "HOME": str(tmp_path), "TERM": "xterm", "COLUMNS": "100"},
        stdout=theirs,
    )
    os.close(theirs)
    said = b""
    try:
        while part := os.read(ours, 1 << 16):
            said += part
    except OSError:  # the terminal ends with its last writer
        pass
    os.close(ours)
    assert child.wait(60) == 0
    assert f"{MAIN} by epoch" in said.decode()
    assert "┤" in said.decode()
