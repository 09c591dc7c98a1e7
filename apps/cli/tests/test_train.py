"""What `yard train` sends, in its own words and in those of `yolo train`."""

import hashlib
import json
from pathlib import Path

import pytest
from conftest import Server, Yard, answer, dataset, job, page
from trainyard_datasets.packing import Package
from yard import packing


def test_resources_are_sent_as_far_as_they_are_given(server: Server, yard: Yard) -> None:
    server.on("GET /datasets", answer(200, page(dataset())))
    server.on("POST /jobs", answer(201, job(status="queued")))
    for words, resources in [
        ((), {}),
        (("--cpu", "0.5", "--memory", "2Gi"), {"cpu": 0.5, "memory": "2Gi"}),
        (("--gpu", "0", "--placement", "a100"), {"gpu": 0, "placement": "a100"}),
        (("--gpu", "4", "--nodes", "2"), {"gpu": 4, "nodes": 2}),
        (("--priority", "high"), {"priority": "high"}),
    ]:
        assert yard("train", "digits", "--no-follow", *words).returncode == 0
        assert json.loads(server.requests[-1].body)["resources"] == resources


def test_a_time_limit_is_sent_in_seconds_and_refused_where_it_is_none(
    server: Server, yard: Yard
) -> None:
    server.on("GET /datasets", answer(200, page(dataset())))
    server.on("POST /jobs", answer(201, job(status="queued")))
    assert yard("train", "digits", "--no-follow", "--max-duration", "2h").returncode == 0
    assert json.loads(server.requests[-1].body)["max_duration_s"] == 7200
    for wrong in ("soon", "0m", ""):
        refused = yard("train", "digits", "--no-follow", "--max-duration", wrong)
        assert refused.returncode == 2
        assert "write 30m, 12h or 90d" in refused.stderr


def test_settings_are_yaml_and_a_file_gives_way_to_set(
    server: Server, yard: Yard, tmp_path: Path
) -> None:
    server.on("GET /datasets", answer(200, page(dataset())))
    server.on("POST /jobs", answer(201, job(status="queued")))
    (tmp_path / "c.yaml").write_text("epochs: 5\nlr0: 0.1\n")
    words = ["--set", "lr0=1e-3", "--set", "amp=false", "--set", "weights=null"]
    words += ["--set", "device=0"]
    assert yard("train", "digits", "--no-follow", "--config", "c.yaml", *words).returncode == 0
    sent = json.loads(server.requests[-1].body)["config"]
    assert sent == {"epochs": 5, "lr0": 0.001, "amp": False, "weights": None, "device": "0"}
    for wrong in ("epochs", "a={", "a=.nan", "a=2026-11-24"):
        assert yard("train", "digits", "--set", wrong).returncode == 2


@pytest.mark.parametrize(
    ("words", "config", "weights"),
    [
        (
            "data=digits model=yolo11s.pt epochs=3 imgsz=96",
            {"epochs": 3, "imgsz": 96},
            "yolo11s.pt",
        ),
        ("digits model=yolo11s-seg.yaml lr0=1e-3", {"model": "yolo11s", "lr0": 0.001}, "none"),
        ("digits mode=train pretrained=False freeze=[0,1]", {"freeze": [0, 1]}, "none"),
        (
            "data=digits model=yolo11n pretrained=job:first",
            {"model": "yolo11n"},
            "job:0123456789ab",
        ),
        ("data=digits model=yolo11s-mine.yaml", {"model": "nc: 1\nhead:\n\nscale: s\n"}, None),
        ("digits --set model=yolo11s-mine.yaml", {"model": "nc: 1\nhead:\n\nscale: s\n"}, None),
        ("data=digits model=yolo11s.pt --weights none", {}, "none"),
        ("task=detect mode=train data=digits epochs=3", {"epochs": 3}, None),
    ],
)
def test_the_words_of_yolo_train_are_taken_as_they_are(  # noqa: PLR0917
    server: Server, yard: Yard, tmp_path: Path, words: str, config: object, weights: str | None
) -> None:
    server.on("GET /datasets", answer(200, page(dataset())))
    server.on("GET /jobs", answer(200, page(job())))
    server.on("POST /jobs", answer(201, job(status="queued")))
    (tmp_path / "yolo11s-mine.yaml").write_text("nc: 1\nhead:\n")
    done = yard("train", *words.split(), "name=exp", "--no-follow")
    assert done.returncode == 0, done.stderr
    sent = json.loads(server.requests[-1].body)
    assert (sent["config"], sent.get("weights"), sent["name"]) == (config, weights, "exp")


def test_words_that_name_nothing_are_refused_before_anything_is_sent(
    server: Server, yard: Yard
) -> None:
    for words, code, told in (
        ("epochs=3", 2, "no dataset is named"),
        ("data=a data=b", 2, "b is a second dataset"),
        ("data=coco8.yaml", 3, "the platform downloads no datasets"),
        ("digits epochs", 2, "epochs is a second dataset"),
        ("digits model=yolov8s-worldv2.pt", 2, "YOLO-World and YOLOE need a text encoder"),
        ("digits task=pose", 2, "digits@1 is a dataset for detect"),
    ):
        server.on("GET /datasets", answer(200, page(dataset())))
        done = yard("train", *words.split())
        assert (done.returncode, told in done.stderr) == (code, True), done.stderr
    assert not any(request.method == "POST" for request in server.requests)


def test_a_task_in_front_is_taken_as_yolo_takes_it(server: Server, yard: Yard) -> None:
    server.on("GET /datasets", answer(200, page(dataset())))
    server.on("POST /jobs", answer(201, job(status="queued")))
    done = yard("detect", "train", "data=digits", "epochs=3", "--no-follow")
    assert done.returncode == 0, done.stderr
    assert json.loads(server.requests[-1].body)["config"] == {"epochs": 3}
    for words in ("yolo detect train", "train yolo detect train", "yolo train task=detect"):
        done = yard(*words.split(), "data=digits", "epochs=4", "--no-follow")
        assert (done.returncode, json.loads(server.requests[-1].body)["config"]) == (
            0,
            {"epochs": 4},
        )
    for words in ("yolo", "yolo epochs=3"):  # a dataset may be called so
        assert "there is no dataset yolo" in yard("train", *words.split()).stderr
    assert "no model is named" not in yard("predict", "--job=first", "none.png").stderr
    for words, told in (
        ("segment train data=digits", "digits@1 is a dataset for detect"),
        ("detect val model=a data=digits", "`yard model eval MODEL --data DATASET`"),
        ("yolo val model=a data=digits", "`yard model eval MODEL --data DATASET`"),
        ("val model=a data=digits", "`yard model eval MODEL --data DATASET`"),
        ("export model=a", "`yard model export MODEL --data DATASET --format onnx`"),
        ("predict model=a source=b", "`yard model predict MODEL FILE…`"),
        ("detect", "`yard detect train data=DATASET`"),
        ("yolo", "`yard detect train data=DATASET`"),
    ):
        done = yard(*words.split())
        assert (done.returncode, told in done.stderr) == (2, True), done.stderr


def test_a_registered_model_is_named_with_its_version(server: Server, yard: Yard) -> None:
    server.on("GET /datasets", answer(200, page(dataset())))
    done = yard("train", "digits", "--no-follow", "--weights", "model:pages")
    assert (done.returncode, "model:pages@production" in done.stderr) == (2, True), done.stderr


@pytest.mark.parametrize(
    ("theirs", "words"),
    [
        (["cat", "dog"], None),
        (["Katze", "Hund"], None),  # other words for the same, as far as anybody knows
        (["dog", "cat"], "know 2 classes, and the dataset has others, 2: the head's outputs"),
        (["cat", "dog", "bird"], "know 2 classes, and the dataset has others, 3"),
    ],
)
def test_it_says_that_the_head_starts_anew_where_classes_differ(
    server: Server, yard: Yard, theirs: list[str], words: str | None
) -> None:
    def of_classes(*names: str) -> dict[str, object]:
        return dataset() | {"report": {"classes": [{"name": one} for one in names]}}

    earlier = job(dataset_id="ba9876543210", config={})
    server.on("GET /datasets", answer(200, page(of_classes(*theirs))))
    server.on("GET /datasets/ba9876543210", answer(200, of_classes("cat", "dog")))
    server.on("GET /jobs/0123456789ab", answer(200, earlier))
    server.on("POST /jobs", answer(201, job(status="queued")))
    done = yard("train", "digits", "--no-follow", "--weights", "job:0123456789ab/last.pt")
    assert done.returncode == 0, done.stderr
    said = " ".join(done.stdout.split())
    assert words in said if words else "start anew" not in said


def test_a_job_s_weights_are_another_job_s(server: Server, yard: Yard) -> None:
    """A name or the beginning of an id is sent as the id."""
    server.on("GET /datasets", answer(200, page(dataset())))
    server.on("GET /jobs", answer(200, page(job())))
    name = "job:0123456789ab/last.pt"
    queued = job(status="queued", weights={"name": name, "sha256": "0" * 64})
    server.on("POST /jobs", answer(201, queued))
    done = yard("train", "digits", "--no-follow", "--weights", "job:first/last.pt")
    assert (done.returncode, f"starts from {name}" in done.stdout) == (0, True), done.stderr
    sent = [json.loads(one.body) for one in server.requests if one.method == "POST"]
    assert sent[-1]["weights"] == name
    server.on("GET /jobs/0123456789ab", answer(200, queued))
    assert name in yard("job", "show", "0123456789ab").stdout
    for weights in ("yolo11n.pt", "none"):
        done = yard("train", "digits", "--no-follow", "--weights", weights)
        sent = [json.loads(one.body) for one in server.requests if one.method == "POST"]
        assert sent[-1]["weights"] == weights
    server.on("POST /jobs", answer(201, queued | {"weights": None}))
    assert "starts from scratch" in yard("train", "digits", "--no-follow").stdout


def test_a_dry_run_tells_what_the_job_would_be(server: Server, yard: Yard) -> None:
    server.on("GET /datasets", answer(200, page(dataset())))
    asked = {"cpu": 2, "gpu": 0, "nodes": 3}
    planned = {"resources": asked, "weights": {"name": "yolo11n.pt", "sha256": ""}}
    server.on("POST /jobs", answer(200, job(**planned)))
    times = {"started_at": "2026-11-24T12:00:00Z", "first_step_at": "2026-11-24T12:00:02Z"}
    ended = {"finished_at": "2026-11-24T12:01:22Z", "epoch": 1, "status": "succeeded"}
    server.on("GET /jobs", answer(200, page(job(resources=asked | {"nodes": 1}, **times, **ended))))
    done = yard("train", "digits", "--dry-run")
    assert done.returncode == 0
    lines = [" ".join(line.split()) for line in done.stdout.splitlines() if line.strip()]
    assert lines == [
        "trainer ultralytics · detect",
        "starts from yolo11n.pt (fetched first)",
        "resources 2 cpu",
        "nodes 3",
        "lasts ≈ 1 min 22 s: 40 s an epoch, the first after 42 s, as first took, with other nodes",
        "config epochs=2",
        "nothing was started: leave out --dry-run for that",
    ]
    asked_like = {"dataset_id": job()["dataset_id"], "status": "succeeded", "limit": "50"}
    assert [one.query for one in server.requests[-2:]] == [{"dry_run": "true"}, asked_like]
    assert [one.method for one in server.requests].count("POST") == 1


@pytest.mark.parametrize(
    ("words", "what"), [("data=set/data.yaml", "dataset"), ("model=own.pt", "weights")]
)
def test_a_dry_run_pushes_nothing(
    server: Server, yard: Yard, tmp_path: Path, words: str, what: str
) -> None:
    (tmp_path / "set/images").mkdir(parents=True)
    (tmp_path / "set/images/a.png").write_bytes(b"an image")
    (tmp_path / "set/data.yaml").write_text("path: .\ntrain: images\nval: images\nnames: [a]\n")
    (tmp_path / "own.pt").write_bytes(b"weights")
    place = words.replace("=", f"={tmp_path}/")
    line = ["train", *([] if what == "dataset" else ["data=digits"]), place, "--dry-run"]
    server.on("GET /datasets", answer(200, page(dataset())))
    server.on("GET /weights", answer(200, page()))
    done = yard(*line)
    assert done.returncode == 2
    assert f"`yard {what} push" in done.stderr
    assert {request.method for request in server.requests} == {"GET"}
    # Once it is pushed, the same command has its answer.
    content = Package(packing.scan(tmp_path / "set")).sha256(lambda _: None)
    server.on("GET /datasets", answer(200, page(dataset(sha256=content))))
    kept = {"name": "own.pt", "sha256": hashlib.sha256(b"weights").hexdigest()}
    server.on("GET /weights", answer(200, page(kept)))
    server.on("POST /jobs", answer(200, job(resources={"cpu": 2}, weights=None)))
    server.on("GET /jobs", answer(200, page()))
    done = yard(*line)
    assert (done.returncode, "nothing was started" in done.stdout) == (0, True), done.stderr
    assert [request.query for request in server.requests if request.method == "POST"] == [
        {"dry_run": "true"}
    ]
