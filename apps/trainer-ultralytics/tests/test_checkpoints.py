"""What a checkpoint holds when the next save has already begun."""

import json
import os
import threading
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import MODELS_BUCKET, Jobs
from trainer import checkpoints
from trainer.contract import Attempt, EpochMetrics
from trainer.object_store import ObjectStore, file_sha256
from trainer.supervisor import checkpoint_uploader
from trainer.supervisor.checkpoint_uploader import CheckpointUploader

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def test_snapshots_keep_what_later_saves_overwrite(tmp_path: Path) -> None:
    run = tmp_path / "run"
    (run / "weights").mkdir(parents=True)
    for epoch, best in enumerate([True, False, True, False]):
        weights = f"weights of epoch {epoch}"
        (run / "weights/last.pt").write_text(weights)
        if best:
            (run / "weights/best.pt").write_text(weights)
        (run / "results.csv").write_text(f"{epoch} rows")
        checkpoints.snapshot(run, tmp_path / str(epoch), best=best)
    assert _packed(tmp_path / "0") == {"last": 0, "results": 0}
    assert _packed(tmp_path / "1") == {"last": 1, "best": 0, "results": 1}
    assert _packed(tmp_path / "2") == {"last": 2, "results": 2}
    assert _packed(tmp_path / "3") == {"last": 3, "best": 2, "results": 3}


def test_the_best_of_an_earlier_attempt_is_kept(tmp_path: Path) -> None:
    run = tmp_path / "run"
    (run / "weights").mkdir(parents=True)
    (run / "weights/last.pt").write_text("weights of epoch 5")
    (run / "weights/best.pt").write_text("weights of epoch 3")
    checkpoints.snapshot(run, tmp_path / "5", best=False)
    assert _packed(tmp_path / "5") == {"last": 5, "best": 3}


def test_unacknowledged_metrics_come_with_the_checkpoint(tmp_path: Path) -> None:
    run = tmp_path / "run"
    (run / "weights").mkdir(parents=True)
    (run / "weights/last.pt").write_text("weights of epoch 5")
    checkpoints.snapshot(run, tmp_path / "5", best=True)
    row = EpochMetrics(epoch=4, metrics={"loss": None})
    with zipfile.ZipFile(checkpoints.pack(tmp_path / "5", [row])) as archive:
        assert json.loads(archive.read("untold.json")) == [row]


def test_a_stored_checkpoint_is_never_older_than_its_limit(
    jobs: Jobs, s3: "S3Client", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a model that is large enough for its uploads' share of a core to ask for a long pause."""
    limit_s, epoch_s = 0.8, 0.05
    monkeypatch.setattr(checkpoint_uploader, "MAX_AGE_S", limit_s)
    monkeypatch.setattr(checkpoint_uploader, "_CPU_SHARE", 1e-6)
    attempt = Attempt.from_env(jobs.env())
    store = ObjectStore(attempt, threading.Event())
    uploader = CheckpointUploader(attempt, store, list)
    key = checkpoints.checkpoint_key(attempt.job_id, 1)
    saved_at, ages = [], []
    for epoch in range(60):
        weights = tmp_path / f"checkpoint-{epoch}" / "weights"
        weights.mkdir(parents=True)
        (weights / "last.pt").write_bytes(b"x" * 2**20)
        saved_at.append(time.monotonic())
        uploader.add(weights.parent, epoch)
        time.sleep(epoch_s)
        stored = store.find(MODELS_BUCKET, key)
        if stored and stored.epoch is not None:
            ages.append(time.monotonic() - saved_at[stored.epoch])
    uploader.close()
    assert max(ages) < 3 * limit_s
    assert max(ages) > limit_s / 2  # it does spare the training
    stored = store.find(MODELS_BUCKET, key)
    assert stored is not None
    assert stored.epoch == 59
    assert list(tmp_path.glob("checkpoint-*")) == []


def test_the_model_so_far_is_an_artifact_until_the_final_one_is(
    jobs: Jobs, s3: "S3Client", tmp_path: Path
) -> None:
    attempt = Attempt.from_env(jobs.env())
    prefix = f"{attempt.job_id}/1/artifacts/"

    def after(fitness: list[float], *, final: bool = False) -> dict[str, bytes]:
        """What is stored after an epoch's upload, of which the last has the last fitness."""
        uploader = CheckpointUploader(attempt, ObjectStore(attempt, threading.Event()), list)
        for value in fitness:
            (run / "weights/last.pt").write_text(f"{value}")
            best = value == max(fitness[: fitness.index(value) + 1])
            if best:
                (run / "weights/best.pt").write_text(f"{value}")
            (run / "evaluation.json").write_text(f"{max(fitness)}")
            target = tmp_path / f"checkpoint-{value}"
            checkpoints.snapshot(run, target, best=best)
            uploader.add(target, 0)
        if final:
            uploader.upload_final([run / "weights/last.pt", run / "weights/best.pt"])
        uploader.close()
        listed = s3.list_objects_v2(Bucket=MODELS_BUCKET, Prefix=prefix)["Contents"]
        return {
            item["Key"].removeprefix(prefix): s3.get_object(Bucket=MODELS_BUCKET, Key=item["Key"])[
                "Body"
            ].read()
            for item in listed
        }

    run = tmp_path / "run"
    (run / "weights").mkdir(parents=True)
    assert after([1]) == {"best.pt": b"1", "last.pt": b"1", "evaluation.json": b"1"}
    assert after([3, 2]) == {"best.pt": b"3", "last.pt": b"2", "evaluation.json": b"3"}
    (run / "weights/best.pt").write_text("final")
    told = after([6, 5, 4], final=True)
    assert (told["last.pt"], told["best.pt"]) == (b"4", b"6")


def test_a_checkpoint_of_an_older_version_is_restored(
    jobs: Jobs, s3: "S3Client", tmp_path: Path
) -> None:
    env = jobs.env() | {"ATTEMPT": "2"}
    with zipfile.ZipFile(tmp_path / "old.zip", "w") as archive:
        archive.writestr("weights/last.pt", "weights of epoch 7")
    metadata = {"epoch": "7", "sha256": file_sha256(tmp_path / "old.zip")}
    body = (tmp_path / "old.zip").read_bytes()
    s3.put_object(
        Bucket=MODELS_BUCKET, Key=f"{env['JOB_ID']}/1/checkpoint", Body=body, Metadata=metadata
    )
    attempt = Attempt.from_env(env)
    restored = checkpoints.restore(
        attempt, ObjectStore(attempt, threading.Event()), tmp_path / "run"
    )
    assert restored == checkpoints.Restored(7, [])
    assert (tmp_path / "run/weights/last.pt").read_text() == "weights of epoch 7"


def _packed(snapshot: Path) -> dict[str, int]:
    """The epoch that each member of the packed checkpoint is of."""
    with zipfile.ZipFile(checkpoints.pack(snapshot)) as archive:
        names = set(archive.namelist()) - {"untold.json"}
        words = {Path(name).stem: archive.read(name).decode() for name in names}
    return {
        name: int(text.removeprefix("weights of epoch ").removesuffix(" rows"))
        for name, text in words.items()
    }


def test_who_is_nicer_already_stays_so() -> None:
    """An ordinary user may not take a niceness back."""

    def nice_uploader() -> int:
        os.nice(15)
        checkpoint_uploader._lower_priority()
        return os.getpriority(os.PRIO_PROCESS, 0)

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(nice_uploader).result() == 19
