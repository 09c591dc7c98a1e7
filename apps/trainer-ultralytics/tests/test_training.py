"""Trainings from start to end: every task, resuming, and what makes one fail."""

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
import samples
import yaml
from conftest import MODELS_BUCKET, Jobs
from jsonschema import Draft202012Validator
from launching import OWN_COMMAND, Launcher, wait_until
from servers import S3Server, free_port
from smoke.debugger import Debugger
from stand_in import Backend
from support import stranger
from trainer import processes
from trainer.launcher.records import Registry
from trainer.object_store import file_sha256

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SCHEMA = json.loads((Path(__file__).parents[3] / "docs/evaluation.schema.json").read_text())
# Arguments that are seldom set, each where it has an effect.
ARGUMENTS: dict[str, dict[str, Any]] = {
    "detect": {"classes": [0], "freeze": [0, "1.conv"], "scale": [0.5, 1.5], "cutmix": 0.5},
    "segment": {"overlap_mask": False, "mask_ratio": 2, "copy_paste": 0.5, "fraction": 4.0},
    "classify": {"dropout": 0.1, "auto_augment": None, "erasing": 0.0, "time": 0.001},
    "pose": {"kobj": 2.0, "cache": "ram", "perspective": 0.001, "rect": True, "batch": 4.0},
    "obb": {
        "angle": 2.0,
        "multi_scale": 0.25,
        "conf": 0.05,
        "single_cls": True,
        "classes": [0, 1],
        "batch": -1,
    },
}


@pytest.mark.parametrize("task", ARGUMENTS)
def test_every_task_trains(
    task: str, launcher: Launcher, jobs: Jobs, s3: "S3Client", tmp_path: Path
) -> None:
    backend = jobs.backend
    arguments = ARGUMENTS[task]
    env = jobs.env(task, export_onnx=task == "detect", plots=True, **arguments)
    assert launcher.launch(env) == {"ok": True}
    assert launcher.launch(env) == {"ok": True}
    ended = launcher.wait_ended(env["JOB_ID"])
    assert backend.finish == {"cause": "completed", "message": ""}
    assert ended["exit_code"] == 0
    assert ended["signal"] is None
    assert len(launcher.attempts()) == 1

    assert backend.epochs == [0]
    row = next(beat["metrics"] for beat in backend.heartbeats if "metrics" in beat)
    assert any(name.startswith("train/") for name in row)
    assert any(name.startswith("metrics/") for name in row)
    # A training keeps a core busy, and torch takes memory.
    assert 0.05 < row["system/cpu_cores"] <= psutil.cpu_count()
    assert row["system/memory_megabytes"] > 100
    seqs = [beat["seq"] for beat in backend.heartbeats]
    assert seqs == sorted(set(seqs))
    work = launcher.folder / "state" / f"{env['JOB_ID']}-1"
    assert backend.log == (work / "attempt.log").read_bytes()
    assert b"secret-token" not in b"".join(p.read_bytes() for p in work.glob("*.*"))
    [used] = work.rglob("args.yaml")
    taken = yaml.safe_load(used.read_text())
    assert {name: taken[name] for name in arguments} == arguments

    prefix = f"{env['JOB_ID']}/1/"
    listed = s3.list_objects_v2(Bucket=MODELS_BUCKET, Prefix=prefix)["Contents"]
    names = {item["Key"].removeprefix(prefix) for item in listed}
    assert {"artifacts/best.pt", "artifacts/last.pt", "artifacts/results.csv"} <= names
    assert ("artifacts/model.onnx" in names) == (task == "detect")
    assert any(name.endswith(".png") for name in names)
    told = json.loads(next(work.rglob("work/run/evaluation.json")).read_text())
    Draft202012Validator(SCHEMA).validate(told)
    assert (told["task"], told["best"]["epoch"], told["interim"]) == (task, 0, False)
    assert told["best"]["value"] == told["metrics"][told["best"]["metric"]]
    assert sum(one["instances"] for one in told["classes"]) == told["data"]["instances"] > 0
    assert told["worst"]["images"][0]["file"].endswith(".png")
    assert {f"artifacts/{name}" for name in told["worst"]["sheets"]} <= names
    s3.download_file(MODELS_BUCKET, f"{prefix}artifacts/best.pt", str(tmp_path / "best.pt"))
    head = s3.head_object(Bucket=MODELS_BUCKET, Key=f"{prefix}artifacts/best.pt")
    assert head["Metadata"]["sha256"] == file_sha256(tmp_path / "best.pt")
    checkpoint = s3.head_object(Bucket=MODELS_BUCKET, Key=f"{prefix}checkpoint")
    assert checkpoint["Metadata"]["epoch"] == "0"


def test_training_goes_on_where_a_killed_one_has_stopped(
    launcher: Launcher, jobs: Jobs, backend: Backend, s3: "S3Client"
) -> None:
    first = jobs.env(epochs=500)
    launcher.launch(first)
    wait_until(lambda: _checkpoint_epoch(s3, first, 1) > 0, 40)
    supervisor = launcher.attempt(first["JOB_ID"])["pid"]
    trainer = processes.descendants(supervisor)[0]
    trainer.kill()
    ended = launcher.wait_ended(first["JOB_ID"])
    assert ended["exit_code"] == 1
    assert backend.finish["cause"] == "trainer_crashed"
    assert "SIGKILL" in backend.finish["message"]

    stored = _checkpoint_epoch(s3, first, 1)
    seen = len(backend.epochs)
    second = first | {"ATTEMPT": "2"}
    launcher.launch(second)
    wait_until(lambda: len(backend.epochs) > seen, 40)
    assert backend.epochs[seen] == stored + 1
    launcher.stop(second, 10)
    assert launcher.wait_ended(first["JOB_ID"], 2)["exit_code"] == 143
    assert backend.finish["cause"] == "preempted"
    assert _checkpoint_epoch(s3, first, 2) == backend.epochs[-1]


def test_epochs_that_no_backend_heard_of_are_told_by_the_next_attempt(
    launcher: Launcher, jobs: Jobs, backend: Backend, s3: "S3Client"
) -> None:
    first = jobs.env(epochs=500)
    launcher.launch(first)
    wait_until(lambda: backend.epochs, 40)
    backend.down()
    told = backend.epochs[-1]
    wait_until(lambda: _checkpoint_epoch(s3, first, 1) > told + 2, 60)
    supervisor = launcher.attempt(first["JOB_ID"])["pid"]
    psutil.Process(supervisor).kill()
    backend.up()
    second = first | {"ATTEMPT": "2"}
    launcher.launch(second)
    stored = _checkpoint_epoch(s3, first, 1)
    wait_until(lambda: backend.epochs[-1] > stored, 40)
    assert sorted(set(backend.epochs)) == list(range(backend.epochs[-1] + 1))
    launcher.stop(second, 10)
    launcher.wait_ended(first["JOB_ID"], 2)


@pytest.fixture(scope="module")
def complete(warm_launcher: Launcher, s3_server: S3Server) -> Iterator[dict[str, str]]:
    """The environment of a job that has succeeded."""
    backend = Backend()
    env = Jobs(s3_server, backend).env("classify", epochs=2)
    warm_launcher.launch(env)
    warm_launcher.wait_ended(env["JOB_ID"])
    assert backend.finish["cause"] == "completed"
    yield env
    backend.down()


def test_a_complete_checkpoint_still_ends_in_artifacts(
    complete: dict[str, str], launcher: Launcher, backend: Backend, s3: "S3Client"
) -> None:
    job_id = complete["JOB_ID"]
    launcher.launch(complete | {"ATTEMPT": "2", "BACKEND_URL": backend.url})
    assert launcher.wait_ended(job_id, 2)["exit_code"] == 0
    assert backend.epochs == [1]
    assert b"Resuming after epoch 2, that of the newest checkpoint." in backend.log
    s3.head_object(Bucket=MODELS_BUCKET, Key=f"{job_id}/2/artifacts/best.pt")


def test_run_command(jobs: Jobs, backend: Backend, home: Path, tmp_path: Path) -> None:
    env = os.environ | jobs.env(epochs=500) | {"TRAINER_HOME": str(home)}
    with (tmp_path / "echo").open("wb") as echo:
        run = subprocess.Popen([sys.executable, "-m", "trainer", "run"], env=env, stdout=echo)
    wait_until(lambda: backend.epochs, 60)
    run.send_signal(signal.SIGTERM)
    assert run.wait(20) == 143
    assert backend.finish["cause"] == "preempted"
    assert backend.log
    assert (tmp_path / "echo").read_bytes() == backend.log


def test_run_command_kills_after_the_grace(
    jobs: Jobs, backend: Backend, home: Path, tmp_path: Path
) -> None:
    env = os.environ | jobs.env(epochs=500) | {"TRAINER_HOME": str(home), "STOP_GRACE_S": "0.5"}
    with (tmp_path / "echo").open("wb") as echo:
        run = subprocess.Popen([sys.executable, "-m", "trainer", "run"], env=env, stdout=echo)
    wait_until(lambda: backend.epochs, 60)
    [training] = processes.descendants(run.pid, recursive=False)
    training.suspend()  # it will not heed the stop
    begun = time.monotonic()
    run.send_signal(signal.SIGTERM)
    assert run.wait(20) == 143
    assert 0.5 < time.monotonic() - begun < 8  # the default is 10 s
    assert backend.finish["cause"] == "preempted"


def test_backend_says_stop(launcher: Launcher, jobs: Jobs, backend: Backend) -> None:
    env = jobs.env(epochs=500)
    launcher.launch(env)
    wait_until(lambda: backend.epochs, 40)
    backend.command = "stop"
    assert launcher.wait_ended(env["JOB_ID"])["exit_code"] == 143
    assert backend.finish["cause"] == "preempted"


def test_a_training_ends_well_after_its_epoch(
    launcher: Launcher, jobs: Jobs, backend: Backend, s3: "S3Client"
) -> None:
    env = jobs.env(epochs=500)
    launcher.launch(env)
    wait_until(lambda: backend.epochs)
    backend.command = "finish"
    assert launcher.wait_ended(env["JOB_ID"])["exit_code"] == 0
    assert backend.finish["cause"] == "completed"
    assert backend.epochs[-1] < 100
    key = f"{env['JOB_ID']}/1/artifacts/evaluation.json"
    told = json.load(s3.get_object(Bucket=MODELS_BUCKET, Key=key)["Body"])
    assert told["best"]["epoch"] in backend.epochs
    assert not told["interim"]
    assert "confusion" not in told  # it is counted for the plots


def test_a_stop_while_validating_is_heard_at_once(
    launcher: Launcher, jobs: Jobs, backend: Backend
) -> None:
    code = launcher.source / "trainer" / "yolo" / "progress.py"
    original = code.read_text()
    # It would validate for ten minutes: the stop ends it.
    code.write_text(original.replace('phase="validating")', 'phase="validating"); time.sleep(600)'))
    env = jobs.env()
    launcher.launch(env)
    wait_until(lambda: backend.heartbeats and backend.heartbeats[-1].get("phase") == "validating")
    code.write_text(original)
    begun = time.monotonic()
    launcher.stop(env, 60)
    ended = launcher.wait_ended(env["JOB_ID"])
    assert (ended["exit_code"], ended["cause"]) == (143, "preempted")
    assert time.monotonic() - begun < 10
    assert backend.finish["cause"] == "preempted"


def test_a_launcher_that_leaves_lets_its_trainings_save(
    tmp_path: Path, jobs: Jobs, backend: Backend, s3: "S3Client", home: Path
) -> None:
    launcher = Launcher(tmp_path, home)
    launcher.start()
    env, deaf = jobs.env(epochs=500, STOP_GRACE_S=20), jobs.env(STOP_GRACE_S="0.5")
    launcher.launch(env)
    # It minds no SIGTERM for ten minutes: SIGKILL after its grace ends it.
    sleep = "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf'); time.sleep(600)"
    launcher.launch(deaf, ["python", "-uc", sleep])
    state = launcher.folder / "state"
    output = state / f"{deaf['JOB_ID']}-1" / "attempt.log"
    wait_until(lambda: output.exists() and b"deaf" in output.read_bytes(), 60)
    wait_until(lambda: 2 in backend.epochs, 60)
    begun = time.monotonic()
    launcher.end()
    assert time.monotonic() - begun < 10
    head = s3.head_object(Bucket=MODELS_BUCKET, Key=f"{env['JOB_ID']}/1/checkpoint")
    assert int(head["Metadata"]["epoch"]) == backend.epochs[-1]
    assert backend.finish["cause"] == "preempted"
    for left in (env, deaf):
        assert processes.of_attempt(left["JOB_ID"], 1) == []
    # The next launcher tells the backend, which may have gone too.
    listed = [record.listing() for record in Registry(state).all()]
    assert [(one["exit_code"], one["cause"]) for one in listed] == [(143, "preempted")] * 2


def test_edited_training_code_runs_in_the_next_attempt(
    launcher: Launcher, jobs: Jobs, backend: Backend
) -> None:
    code = launcher.source / "trainer" / "yolo" / "training.py"
    original = code.read_text()
    code.write_text(original + '\nraise MemoryError("edited")\n')
    env = jobs.env()
    launcher.launch(env)
    launcher.wait_ended(env["JOB_ID"])
    code.write_text(original)
    assert b"MemoryError: edited" in backend.log
    assert backend.finish["cause"] == "out_of_memory"


def test_debugger_of_this_user_is_waited_for_and_a_stop_heard(
    launcher: Launcher, jobs: Jobs
) -> None:
    port = free_port()
    env = jobs.env() | {"DEBUG_PORT": str(port)}
    launcher.launch(env)
    wait_until(lambda: f"debugger on 127.0.0.1:{port}".encode() in jobs.backend.log)
    family = processes.of_attempt(env["JOB_ID"], 1)
    listening = set()
    for process in family:
        with suppress(psutil.NoSuchProcess):
            sockets = process.net_connections("tcp")
            listening |= {one.laddr.port for one in sockets if one.status == psutil.CONN_LISTEN}
    assert port in listening
    if os.geteuid() == 0:  # only root can act as another user
        assert [stranger.talk(one, b"") for one in listening] == [b""] * len(listening)
    with closing(Debugger("127.0.0.1", port)) as editor:
        editor.request("initialize", adapterID="python")
        editor.wait("response", "initialize")
        editor.request("attach", justMyCode=False)
        editor.wait("event", "initialized")
    assert jobs.backend.epochs == []
    launcher.stop(env, 10)
    assert launcher.wait_ended(env["JOB_ID"])["exit_code"] == 143
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


BROKEN = {k: b"!" if k.endswith(".png") else v for k, v in samples.files("detect").items()}
FAILURES: list[tuple[dict[str, Any], str, str]] = [
    ({"weights": "gone.pt"}, "config_invalid", "names the weights gone.pt"),
    ({"device": "7"}, "config_invalid", "device is 7"),
    ({"classes": [0, 9]}, "config_invalid", "Take 9 out of classes"),
    ({"unheard_of": 1}, "config_invalid", "unheard_of"),
    ({"DATASET_SHA256": "0" * 64}, "dataset_invalid", "the sha256 of"),
    ({"DATASET_INDEX_SHA256": "0" * 64}, "dataset_invalid", ".jsonl is"),
    ({"DATASET_INDEX_SHA256": ""}, "dataset_invalid", "it was deleted"),
    ({"DATASET_ID": "missing", "DATASET_SHA256": "1" * 64}, "dataset_invalid", "missing.jsonl"),
    ({"content": BROKEN}, "dataset_invalid", "No valid images"),
    ({"content": samples.with_a_cut_image()}, "dataset_invalid", "the image cut.bmp is damaged"),
    ({"archive": b"no zip"}, "dataset_invalid", "no zip file"),
    ({"AWS_SECRET_ACCESS_KEY": "wrong", "DATASET_SHA256": ""}, "storage_unavailable", "refused"),
]


@pytest.mark.parametrize(("changes", "cause", "words"), FAILURES)
def test_failures_are_named(
    changes: dict[str, Any], cause: str, words: str, launcher: Launcher, jobs: Jobs
) -> None:
    backend = jobs.backend
    env = jobs.env(**changes)
    launcher.launch(env)
    ended = launcher.wait_ended(env["JOB_ID"])
    assert backend.finish["cause"] == cause, backend.log.decode()
    assert words in backend.finish["message"]
    assert ended["exit_code"] == 1


def test_predict(complete: dict[str, str], s3: "S3Client", home: Path, tmp_path: Path) -> None:
    weights, image = tmp_path / "best.pt", tmp_path / "image.png"
    s3.download_file(MODELS_BUCKET, f"{complete['JOB_ID']}/1/artifacts/best.pt", str(weights))
    image.write_bytes(samples.picture(9))
    command = [sys.executable, "-m", "trainer", "predict", "--weights", str(weights)]
    command += ["--out", str(tmp_path / "out"), str(image)]
    env = os.environ | {"TRAINER_HOME": str(home)}
    output = subprocess.run(command, env=env, stdout=subprocess.PIPE, check=True, text=True).stdout
    line = json.loads(output)
    assert {found["name"] for found in line["classes"]} == {"disc", "square"}
    assert Path(line["drawn"]).stat().st_size > 0


GENUINE = Path(__file__).parents[1] / "weights/digits-synthetic.pt"
_POISON = """
import os, sys, torch

class Model:
    def __reduce__(self):
        return os.mkdir, (sys.argv[2],)

torch.save({"epoch": 3, "model": Model()}, sys.argv[1])
"""


def _poisoned(path: Path, proof: Path) -> bytes:
    subprocess.run([sys.executable, "-c", _POISON, path, proof], check=True)
    return path.read_bytes()


def test_weights_that_cannot_be_used_are_refused(
    launcher: Launcher, jobs: Jobs, tmp_path: Path
) -> None:
    proof = tmp_path / "ran"
    poisoned, missing, changed = jobs.env(), jobs.env(), jobs.env()
    jobs.start_from(poisoned, _poisoned(tmp_path / "own.pt", proof))
    jobs.start_from(missing, os.urandom(64))
    jobs.client.delete_object(Bucket=MODELS_BUCKET, Key=missing["WEIGHTS_KEY"])
    jobs.start_from(changed, os.urandom(64))
    jobs.client.put_object(Bucket=MODELS_BUCKET, Key=changed["WEIGHTS_KEY"], Body=b"other")
    for env, words in (
        (poisoned, "weights own.pt cannot be read"),
        (missing, "weights own.pt were deleted"),
        (changed, "The sha256 of the weights own.pt is"),
    ):
        launcher.launch(env)
        launcher.wait_ended(env["JOB_ID"])
        assert jobs.backend.finish["cause"] == "config_invalid", jobs.backend.log.decode()
        assert words in jobs.backend.finish["message"]
        assert str(launcher.home) not in jobs.backend.finish["message"]  # nobody's business
        assert "official" not in jobs.backend.finish["message"]
    page = base64.b64encode(samples.picture(9, form="JPEG")).decode()
    for work, config in (("evaluate", {}), ("export", {}), ("predict", {"image": page})):
        env = jobs.env()
        env |= {"TRAIN_CONFIG": json.dumps(config)} | {
            k: v for k, v in poisoned.items() if "WEIGHTS" in k
        }
        launcher.launch(env, [*OWN_COMMAND, work])
        assert launcher.wait_ended(env["JOB_ID"])["exit_code"] == 1
        assert jobs.backend.finish["cause"] == "config_invalid", jobs.backend.log.decode()
        assert "weights own.pt cannot be read" in jobs.backend.finish["message"]
    assert not proof.exists()


_RESUME = """
import shutil, sys
from pathlib import Path
from trainer.yolo import offline
offline.prepare(Path(sys.argv[2]))
offline.load()
from ultralytics.utils.torch_utils import strip_optimizer
from trainer.yolo.training import _resumable
for file in ("last", "best"):
    folder = Path(sys.argv[3]) / file
    folder.mkdir()
    shutil.copyfile(sys.argv[4], folder / "last.pt")
    shutil.copyfile(sys.argv[1], folder / f"{file}.pt")
    strip_optimizer(folder / f"{file}.pt")  # as at a training's end; it only logs what it cannot read
    try:
        _resumable(folder / "last.pt", 2)
    except Exception as error:
        print(error, file=sys.stderr)
    else:
        sys.exit(f"{file}.pt was loaded")
sys.exit(1)
"""


_LOAD_PYFUNC = """
import os, sys
os.environ |= {"YOLO_OFFLINE": "1", "YOLO_AUTOINSTALL": "0", "YOLO_CONFIG_DIR": sys.argv[2]}
import ultralytics.nn.tasks
from trainer.yolo import mlflow_model
if sys.argv[3] == "old":
    ultralytics.nn.tasks._SafeLoad.SUPPORTED = False
mlflow_model._load_pyfunc(sys.argv[1])
"""


def test_no_code_of_a_checkpoint_runs(home: Path, tmp_path: Path) -> None:
    poisoned, proof, image = tmp_path / "best.pt", tmp_path / "ran", tmp_path / "image.png"
    image.write_bytes(samples.picture(9))
    _poisoned(poisoned, proof)
    predict = ["-m", "trainer", "predict", "--weights", poisoned, "--out", tmp_path / "out", image]
    resume = ["-c", _RESUME, poisoned, home, tmp_path, GENUINE]
    mlflow: list[Any] = ["-c", _LOAD_PYFUNC, poisoned, home]
    refused = "references types outside the supported"
    for command, words in (
        (predict, refused),
        (["-m", "trainer", "serve", "--port", "0", "--weights", poisoned], refused),
        (["-m", "trainer", "inspect", poisoned], refused),
        (resume, "best.pt references types"),
        ([*mlflow, "new"], refused),  # in a notebook that has used Ultralytics already
        ([*mlflow, "old"], "Install a newer Ultralytics"),
    ):
        done = subprocess.run(
            [sys.executable, *map(str, command)],
            env=os.environ | {"TRAINER_HOME": str(home)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode != 0
        assert words in done.stderr
        assert not proof.exists()


def _checkpoint_epoch(s3: "S3Client", env: dict[str, str], attempt: int) -> int:
    try:
        head = s3.head_object(Bucket=MODELS_BUCKET, Key=f"{env['JOB_ID']}/{attempt}/checkpoint")
    except s3.exceptions.ClientError:
        return -1
    return int(head["Metadata"]["epoch"])
