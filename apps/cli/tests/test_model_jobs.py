"""`yard model eval` and `yard model export`: the jobs that they submit, and how an export is shown."""

import json
from typing import Any

from conftest import Server, Yard, answer, dataset, job, page

SUBMITTED = job(status="queued", weights={"name": "own.pt", "sha256": "0" * 64})


def sent(server: Server) -> dict[str, Any]:
    bodies = [json.loads(one.body) for one in server.requests if one.method == "POST"]
    return dict(bodies[-1])


def test_they_are_jobs_on_a_model_s_weights(server: Server, yard: Yard) -> None:
    server.on("GET /datasets", answer(200, page(dataset())))
    server.on("GET /jobs", answer(200, page(job())))
    server.on("POST /jobs", answer(201, SUBMITTED))
    on = ["--data", "digits", "--no-follow"]
    # A job by its name or the beginning of its id is sent as the id.
    assert yard("model", "eval", "first", *on, "--split", "test").returncode == 0
    body = sent(server)
    assert (body["trainer"], body["weights"]) == ("ultralytics-evaluate", "job:0123456789ab")
    assert body["config"] == {"split": "test", "imgsz": None, "batch": 16}
    assert yard("model", "eval", "job:first/last.pt", *on).returncode == 0
    assert sent(server)["weights"] == "job:0123456789ab/last.pt"

    assert yard("model", "eval", "model:digits/1", *on).returncode == 0
    assert sent(server)["name"] == "evaluate digits/1"

    chosen = ["--format", "onnx, torchscript", "--int8", "--max-drop", "0.01", "--gpu", "1"]
    assert yard("model", "export", "own.pt", *on, *chosen).returncode == 0
    body = sent(server)
    assert (body["trainer"], body["weights"]) == ("ultralytics-export", "own.pt")
    assert (body["name"], body["resources"]) == ("export own.pt", {"gpu": 1})
    assert body["config"]["formats"] == ["onnx", "torchscript"]
    assert (body["config"]["int8"], body["config"]["max_drop"]) == (True, 0.01)


def test_exports_are_shown_beside_the_weights(server: Server, yard: Yard) -> None:
    def model(file: str, value: float, p50: float) -> dict[str, Any]:
        latency = {"p50": p50, "p95": 2 * p50}
        metrics = {"metrics/mAP50-95(B)": value}
        return {"file": file, "size": 1 << 20, "metrics": metrics, "latency_ms": latency}

    told = {
        "task": "detect",
        "data": {"split": "val", "images": 32},
        "metric": "metrics/mAP50-95(B)",
        "device": "cpu (a processor)",
        "imgsz": 96,
        "weights": {"name": "own.pt", **model("model.pt", 0.75, 20)},
        "exports": [
            {"format": "onnx", "drop": 0.25, "error": None, **model("model.onnx", 0.5, 10)},
            {"format": "torchscript", "file": None, "drop": None, "error": "no [space] left"},
        ],
    }
    item = {"name": "export.json", "size": 1, "sha256": None, "url": f"{server.url}/export.json"}
    item["size"] = len(json.dumps(told))
    server.on("GET /jobs/0123456789ab", answer(200, job()))
    server.on("GET /jobs/0123456789ab/artifacts", answer(200, {"items": [item]}))
    server.on("GET /export.json", answer(200, json.dumps(told).encode()))
    done = yard("job", "results", "0123456789ab")
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split() for line in done.stdout.splitlines()] == [
        line.split()
        for line in """\
            model      own.pt
            judged on  val · 32 images · 96 pixels
            device     cpu (a processor)
            format  file        size     mAP50-95(B)  drop  p50 ms  p95 ms
            pt      model.pt    1.0 MiB  0.75         —     20      40
            onnx    model.onnx  1.0 MiB  0.5          0.25  10      20
            Exports and weights are judged on images padded to a square. An evaluation pads less, so its numbers can differ a little.
            torchscript could not be exported: no [space] left""".splitlines()
    ]
    # A classifier's images are not padded.
    told["task"], padded = "classify", done.stdout
    item["size"] = len(json.dumps(told))
    server.on("GET /export.json", answer(200, json.dumps(told).encode()))
    assert "padded" in padded
    assert "padded" not in yard("job", "results", "0123456789ab").stdout
