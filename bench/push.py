"""`yard dataset push`, up to the server's check, beside `zip -0`, sha256 and boto3: `python bench/push.py`."""

import contextlib
import hashlib
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import servers

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ROOT = Path(__file__).parents[1]
SETS = {"100,000 files of 0.4 kB": (50_000, 800, 20), "1 GB in 20,000 images": (20_000, 50_000, 20)}
PART = 8 << 20
ROUNDS = 3
PUSH = """
import json, sys
from pathlib import Path
from trainyard_datasets.packing import Package
from yard import packing, transfer
found = packing.scan(Path(sys.argv[1]))
packing.guess_task(found)
package = Package(found)
print(package.size, flush=True)
plan = json.loads(input())
print(package.sha256(lambda count: None), json.dumps(transfer.upload(package, plan, lambda count: None)))
"""


def make(folder: Path, images: int, size: int, label: int) -> None:
    for number in range(images):
        for kind, suffix, data in (("images", "png", size), ("labels", "txt", label)):
            above = folder / kind / ("val" if number % 10 == 0 else "train")
            above.mkdir(parents=True, exist_ok=True)
            text = b"0 0.5 0.5 0.10 0.10\n" if kind == "labels" else os.urandom(data)
            (above / f"{number:06}.{suffix}").write_bytes(text)
    (folder / "data.yaml").write_text("train: images/train\nval: images/val\nnames: [a]\n")


def push(folder: Path, s3: "S3Client") -> str:
    """What `yard dataset push` does with the files; returns the sha256."""
    command = [ROOT / "apps/cli/.venv/bin/python", "-c", PUSH, folder]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdin
        assert child.stdout
        size = int(child.stdout.readline())
        where: dict[str, Any] = {"Bucket": "datasets", "Key": "pushed.zip"}
        where["UploadId"] = s3.create_multipart_upload(**where)["UploadId"]
        numbers = range(1, -(-size // PART) + 1)
        parts = [
            {
                "number": n,
                "url": s3.generate_presigned_url("upload_part", where | {"PartNumber": n}),
            }
            for n in numbers
        ]
        child.stdin.write(json.dumps({"part_size": PART, "parts": parts}) + "\n")
        child.stdin.flush()
        sha256, done = child.stdout.readline().split(maxsplit=1)
    etags = [{"PartNumber": part["number"], "ETag": part["etag"]} for part in json.loads(done)]
    s3.complete_multipart_upload(**where, MultipartUpload={"Parts": etags})
    return sha256


def by_hand(folder: Path, s3: "S3Client") -> None:
    with tempfile.TemporaryDirectory() as scratch:
        archive = Path(scratch) / "set.zip"
        subprocess.run(["zip", "-q", "-0", "-r", archive, "."], cwd=folder, check=True)
        with archive.open("rb") as file:
            hashlib.file_digest(file, "sha256")
        s3.upload_file(str(archive), "datasets", "by_hand.zip")


@contextlib.contextmanager
def timed(times: list[float]) -> Iterator[None]:
    began = time.perf_counter()
    yield
    times.append(time.perf_counter() - began)


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch, servers.seaweedfs(Path(scratch) / "s3") as store:
        s3 = store.client()
        s3.create_bucket(Bucket="datasets")
        for number, (name, shape) in enumerate(SETS.items()):
            folder = Path(scratch) / str(number)
            make(folder, *shape)
            ours, theirs = list[float](), list[float]()
            for _ in range(ROUNDS):
                with timed(theirs):
                    by_hand(folder, s3)
                with timed(ours):
                    sha256 = push(folder, s3)
            stored = hashlib.sha256(
                s3.get_object(Bucket="datasets", Key="pushed.zip")["Body"].read()
            )
            assert stored.hexdigest() == sha256
            print(
                f"{name}: push {min(ours):.1f} s, zip -0 + sha256 + boto3 {min(theirs):.1f} s: "
                f"{min(ours) / min(theirs):.2f} ×"
            )


if __name__ == "__main__":
    main()
