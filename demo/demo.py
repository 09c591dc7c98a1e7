"""The demo's steps, run by `yard dev` once the platform is ready. Each is a command for users."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import make_pages
from evaluate import Found, draw_sheet, map50

ROOT = Path(__file__).parents[1]
OUT = Path("demo/out")
YARD = "apps/cli/.venv/bin/yard"
WANTED = 0.8
WEIGHTS = Path("apps/trainer-ultralytics/weights/digits-synthetic.pt")
TRAINING = {
    "epochs": 8,
    "imgsz": 96,
    "batch": 16,
    "optimizer": "AdamW",
    "lr0": 0.001,
    "warmup_epochs": 1,
    "warmup_bias_lr": 0,
    "mosaic": 0,
    "fliplr": 0,
}
STEPS = 7
PATIENCE_S = 60


def say(step: int, words: str) -> None:
    """Announce a step."""
    print(f"\n── {step}/{STEPS} {words}", flush=True)


def yard(*words: str) -> None:
    """Print a yard command and run it.

    Raises:
        subprocess.CalledProcessError: it failed, and has said why.
    """
    print("$ yard " + " ".join(words), flush=True)
    subprocess.run([YARD, *words], check=True)


def ask(*words: str) -> Any:
    """Run a yard command for its JSON.

    Raises:
        subprocess.CalledProcessError: it failed, and has said why.
    """
    done = subprocess.run([YARD, *words, "--json"], check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout)


def cancel_leftovers() -> None:
    """Cancel what an interrupted demo left, which would train beside this one."""
    for job in ask("job", "list"):
        if job["status"] not in ("succeeded", "failed", "cancelled"):
            print(f"an interrupted demo left job {job['id']}: cancelling it")
            yard("job", "cancel", job["id"])


def register(job: str) -> None:
    """Keep the model in MLflow, which runs beside the platform with MLFLOW=1."""
    if not os.environ.get("MLFLOW"):
        print("  With MLFLOW=1 the model is registered there too.")
        return
    command = [YARD, "model", "register", job, "digits"]
    deadline = time.monotonic() + PATIENCE_S  # MLflow has the job's end soon after
    while subprocess.run(command, capture_output=True, check=False).returncode:
        if time.monotonic() > deadline:
            break
        time.sleep(0.5)
    yard("model", "show", "digits")


def predict(model: Path, images: Path) -> list[Found]:
    """Return what the model finds on the pages; every candidate, for mAP needs the weak ones."""
    with tempfile.TemporaryDirectory() as unused:
        results = ask(
            "model", "predict", str(images), "--weights", str(model),
            "--conf", "0.001", "--imgsz", str(TRAINING["imgsz"]), "--out", unused,
        )  # fmt: skip
    return [
        Found(Path(item["image"]).stem, box["class"], box["confidence"], tuple(box["xyxy"]))
        for item in results
        for box in item["boxes"]
    ]


def main() -> int:
    """Make pages, push, train, export, pull, predict, judge; return the exit code."""
    os.chdir(ROOT)
    began = time.monotonic()
    cancel_leftovers()
    say(1, "Making pages from scikit-learn's scans of digits that people wrote by hand")
    make_pages.main(OUT / "pages")
    print("  The held-out pages are made of scans that are on no other page; they stay here.")
    say(2, "Pushing the training and validation pages to the platform, which checks them")
    yard("dataset", "push", str(OUT / "pages/dataset"), "--name", "digits", "--task", "detect")
    say(3, "Training a detector, starting from weights that only know digits of type faces")
    settings = [word for key, value in TRAINING.items() for word in ("--set", f"{key}={value}")]
    yard("weights", "push", str(WEIGHTS))
    yard("train", "digits", "--name", "demo", "--weights", WEIGHTS.name, *settings)
    job = ask("job", "list", "--limit", "1")[0]
    yard("job", "results", job["id"][:6])
    say(4, "Exporting the best model for other runtimes, and judging the export beside it")
    settings = ["--format", "onnx", "--max-drop", "0.01", "--imgsz", str(TRAINING["imgsz"])]
    yard("model", "export", job["id"][:6], "--data", "digits", *settings)
    register(job["id"])
    say(5, "Fetching the model")
    yard("model", "pull", job["id"], "--only", "best.pt", "--out", str(OUT / "model"))
    say(6, "Finding digits on the held-out pages")
    model, heldout = OUT / "model/best.pt", OUT / "pages/heldout"
    found = predict(model, heldout / "images")
    images = sorted((heldout / "images").glob("*.png"))
    picture = OUT / "heldout.png"
    draw_sheet(images, found, picture)
    say(7, "The result")
    score = map50(found, heldout / "labels")
    print(f"  mAP50 on {len(images)} held-out pages   {score:.3f}  (at least {WANTED} wanted)")
    print(f"  the model                   {model.resolve()}")
    print(f"  a picture of what it finds  {picture.resolve()}")
    print(f"  from pages to picture       {time.monotonic() - began:.0f} s\n", flush=True)
    if score < WANTED:
        print(f"The model is worse than it should be: {score:.3f} < {WANTED}", file=sys.stderr)
        return 1
    if os.environ.get("KEEP"):
        stay(job["id"])
    return 0


def stay(job: str) -> None:
    """Say where all of it can be seen, and leave the platform up until Ctrl-C."""
    page = os.environ.get("YARD_PAGE_URL")
    shown = f"{page}/jobs/{job}#token={os.environ['YARD_TOKEN']}"
    print(f"The job in the browser  {shown}" if page else "There is no web page here.")
    print(f"The API                 {os.environ['YARD_URL']}/docs")
    print("Ctrl-C stops everything.", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        signal.pause()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)
    except KeyboardInterrupt:
        sys.exit(130)
