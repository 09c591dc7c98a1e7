import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import pytest
import trainyard_datasets.packing
from conftest import Request, Server, Yard, answer, dataset, hang_up, job
from trainyard_datasets.files import IMAGE_SUFFIXES
from trainyard_datasets.packing import Package, PackageError
from yard import packing
from yard.commands.dataset import Task, push
from yard.errors import Code, YardError

BOX = "0 0.5 0.5 0.1 0.1\n"


def _folder(root: Path, label: str = BOX) -> Path:
    for part in ("train", "val"):
        (root / "images" / part).mkdir(parents=True)
        (root / "labels" / part).mkdir(parents=True)
        (root / "images" / part / "a.png").write_bytes(b"image of " + part.encode())
        (root / "labels" / part / "a.txt").write_text(label)
    (root / "data.yaml").write_text("names: [a]\n")
    return root


def _packed(root: Path) -> bytes:
    """What a push of the folder uploads."""
    package = Package(packing.scan(root))
    sha256 = package.sha256(lambda _: None)
    content = b"".join(package.read(0, package.size))
    assert (len(content), hashlib.sha256(content).hexdigest()) == (package.size, sha256)
    return content


def test_only_what_belongs_is_packed_and_always_the_same_bytes(tmp_path: Path) -> None:
    root = _folder(tmp_path / "set")
    (root / "labels/train.cache").write_bytes(b"pickle")
    (root / ".git").mkdir()
    (root / ".git/x.png").write_bytes(b"x")
    (root / "images/train/link.png").symlink_to("/etc/hostname")
    (root / "notes.txt").write_text("x")
    content = _packed(root)
    (root / "data.yaml").touch()
    assert _packed(root) == content
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        assert packed.namelist() == [
            "data.yaml", "images/train/a.png", "images/val/a.png",
            "labels/train/a.txt", "labels/val/a.txt",
        ]  # fmt: skip


def test_every_image_that_training_reads_is_packed(tmp_path: Path) -> None:
    root = _folder(tmp_path / "set")
    for suffix in IMAGE_SUFFIXES:
        (root / f"images/train/b{suffix.upper()}").write_bytes(b"image")
    with zipfile.ZipFile(io.BytesIO(_packed(root))) as packed:
        names = {Path(name).suffix.lower() for name in packed.namelist() if "/b." in name}
    assert names == IMAGE_SUFFIXES


@pytest.mark.parametrize("room", [0, 20, 1 << 26])
def test_each_part_of_a_package_is_that_part_of_the_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    monkeypatch.setattr(trainyard_datasets.packing, "_ROOM", room)
    root = _folder(tmp_path / "set")
    for name, size in (("空の.png", 0), ("b.png", 2**18), ("c.png", 2**18 + 1), ("d.png", 900_000)):
        (root / "images/train" / name).write_bytes(bytes(range(256)) * (size // 256 + 1))
        os.truncate(root / "images/train" / name, size)
    content = _packed(root)
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        assert packed.testzip() is None
        for name in packed.namelist():
            assert packed.read(name) == (root / name).read_bytes()
    package = Package(packing.scan(root))
    package.sha256(lambda _: None)
    for size in (7_919, 2**18, 300_000):
        for start in range(0, package.size, size):
            assert b"".join(package.read(start, size)) == content[start : start + size]
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        starts = [entry.header_offset for entry in packed.infolist()]
    for at in starts:
        for start in range(at - 2, at + 40):
            assert b"".join(package.read(max(start, 0), 3)) == content[max(start, 0) :][:3]


def test_a_package_may_have_more_files_than_an_old_zip_can_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        trainyard_datasets.packing, "_MAX_16", 4
    )  # of 65,535, for which a folder takes long to make
    with zipfile.ZipFile(io.BytesIO(_packed(_folder(tmp_path / "set")))) as packed:
        assert len(packed.infolist()) == 5
        assert packed.testzip() is None


@pytest.mark.parametrize("change", ["content", "length", "gone"])
def test_a_file_that_changes_while_it_is_pushed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    monkeypatch.setattr(
        trainyard_datasets.packing, "_ROOM", 0
    )  # else such small files are read only once
    package = Package(packing.scan(root := _folder(tmp_path / "set")))
    image = root / "images/val/a.png"
    before = image.stat().st_mtime_ns
    if change != "length":
        package.sha256(lambda _: None)
    image.write_bytes(b"IMAGE" if change == "length" else b"IMAGE of val")
    os.utime(image, ns=(before, before + 1_000))
    if change == "gone":
        image.unlink()
    with pytest.raises((PackageError, FileNotFoundError)) as raised:
        package.sha256(print) if change == "length" else b"".join(package.read(0, package.size))
    assert str(image) in str(raised.value)


@pytest.mark.parametrize(
    ("code", "detail"), [(413, "The archive has 12 bytes"), (422, "name: Lower-case letters")]
)
def test_what_the_server_will_not_take_is_not_read(
    server: Server, yard: Yard, tmp_path: Path, code: int, detail: str
) -> None:
    _folder(tmp_path / "set")
    server.on("POST /datasets", answer(code, {"title": "No", "detail": detail}))
    done = yard("dataset", "push", "set")
    assert (done.returncode, detail in done.stderr) == (4, True)
    [asked] = server.requests
    assert asked.query == {"dry_run": "true"}
    assert json.loads(asked.body).keys() == {"name", "task", "size"}


@pytest.mark.parametrize("there", [True, False])
def test_a_folder_is_packed_only_for_a_server_that_will_take_it(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    def read(*_: object) -> str:
        raise AssertionError("its files were read")

    monkeypatch.setattr(Package, "sha256", read)
    monkeypatch.setattr(Package, "read", read)
    monkeypatch.setenv("HOME", str(tmp_path))
    server.on("POST /datasets", answer(413, {"title": "No", "detail": "Too large."}))
    url = server.url if there else "http://127.0.0.1:9"
    with pytest.raises(YardError) as refused:
        push(_folder(tmp_path / "set"), name="set", task=Task.DETECT, url=url)
    assert refused.value.code == (Code.REFUSED if there else Code.UNREACHABLE)


def test_labels_without_data_yaml_are_wrong_usage(tmp_path: Path) -> None:
    root = _folder(tmp_path / "set")
    (root / "data.yaml").rename(root / "coco.yaml")
    with pytest.raises(YardError, match="cannot be guessed") as raised:
        packing.guess_task(packing.scan(root))
    assert "There is no data.yaml" in raised.value.why
    assert raised.value.code == 2


def test_links_that_hide_all_images_are_named(tmp_path: Path) -> None:
    real = _folder(tmp_path / "real")
    (tmp_path / "set").mkdir()
    (tmp_path / "set/images").symlink_to(real / "images")
    with pytest.raises(YardError, match="there is no image") as raised:
        packing.scan(tmp_path / "set")
    assert "1 symbolic links are not followed" in raised.value.todo


def test_a_folder_without_images_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(YardError, match="there is no image") as raised:
        packing.scan(tmp_path)
    assert raised.value.code == 2


def _accept_upload(server: Server, parts: int) -> None:
    part_size = 300
    plan = {
        "part_size": part_size,
        "parts": [
            {"number": number, "url": f"{server.url}/part{number}"}
            for number in range(1, parts + 1)
        ],
    }
    checking = dataset(status="checking")
    created = answer(201, {**dataset(status="uploading"), "upload": plan})
    server.on("POST /datasets", answer(204), created)
    server.on("POST /datasets/ba9876543210/complete", answer(202, checking))
    for number in range(1, parts + 1):
        server.on(f"PUT /part{number}", answer(200, ETag=f'"e{number}"'))
    server.on("PUT /part2", hang_up, answer(503), answer(200, ETag='"e2"'))


def test_parts_are_sent_again_until_the_store_has_them_without_a_copy_here(
    server: Server, tmp_path: Path
) -> None:
    root = _folder(tmp_path / "set")
    expected = _packed(root)
    parts = -(-len(expected) // 300)
    _accept_upload(server, parts)
    server.on(
        "GET /datasets/ba9876543210",
        answer(200, dataset(status="checking")),
        answer(200, dataset()),
    )
    yard = Path(sys.executable).with_name("yard")
    done = subprocess.run(  # it may write no byte to any disk
        ["sh", "-c", 'ulimit -f 0 && exec "$0" dataset push set', yard],
        cwd=tmp_path, env={"YARD_URL": server.url, "HOME": str(tmp_path)}, text=True,
        capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    puts = [request for request in server.requests if request.method == "PUT"]
    received = {int(put.path.removeprefix("/part")): put.body for put in puts}
    assert b"".join(received[number] for number in sorted(received)) == expected
    assert len(puts) == parts + 2
    completed = next(r for r in server.requests if r.path.endswith("/complete"))
    etags = [part["etag"] for part in json.loads(completed.body)["parts"]]
    assert etags == [f'"e{number}"' for number in range(1, parts + 1)]


def test_a_rejected_data_set_is_exit_code_1_with_its_problems(
    server: Server, yard: Yard, tmp_path: Path
) -> None:
    _folder(tmp_path / "set")
    report = {
        "images": {"train": 1, "val": 1, "test": 0},
        "labels": 0,
        "classes": [{"index": 0, "name": "a", "train": 0, "val": 0}],
        "problems": [
            {"severity": "error", "file": "labels/train/a.txt", "message": "x is 1.7, above 1"}
        ],
        "problems_total": 1,
    }
    server.on("POST /datasets", answer(204), answer(200, {**dataset(), "upload": None}))
    server.on("GET /datasets/ba9876543210", answer(200, dataset(status="rejected", report=report)))
    done = yard("dataset", "push", "set", "--name", "digits")
    assert done.returncode == 1
    assert "x is 1.7, above 1" in done.stdout
    assert "digits@1 was rejected" in done.stderr


@pytest.mark.parametrize(
    ("slow", "left"),
    [
        ("PUT /part1", "the upload of digits@1 is incomplete"),
        (
            "GET /datasets/ba9876543210",
            "nothing: `yard dataset show digits@1` tells when it is ready",
        ),
    ],
)
@pytest.mark.usefixtures("interruptible")
def test_an_interrupted_push_says_what_is_left_to_do(
    server: Server, tmp_path: Path, slow: str, left: str
) -> None:
    _accept_upload(server, -(-len(_packed(_folder(tmp_path / "set"))) // 300))
    reached, go_on = threading.Event(), threading.Event()

    def wait(request: Request) -> None:
        reached.set()
        go_on.wait(10)
        request.hang_up()

    server.on(slow, wait)
    child = subprocess.Popen(
        [Path(sys.executable).with_name("yard"), "dataset", "push", "set"],
        cwd=tmp_path, env={"YARD_URL": server.url, "HOME": str(tmp_path)}, text=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert reached.wait(20)
    child.send_signal(signal.SIGINT)
    go_on.set()
    _, said = child.communicate(timeout=10)
    assert child.returncode == 130
    assert said.startswith("error: interrupted")
    assert left in said


def _artifact(server: Server, name: str, body: bytes, sha256: str) -> dict[str, object]:
    return {
        "name": name, "size": len(body), "sha256": sha256,
        "media_type": "application/octet-stream", "url": f"{server.url}/blob",
    }  # fmt: skip


def _cut_off(request: Request) -> None:
    request.handler.send_response(200)
    request.handler.send_header("Content-Length", "5")
    request.handler.end_headers()
    request.handler.wfile.write(b"mo")
    request.hang_up()


def test_a_pulled_model_is_whole_and_checked(server: Server, yard: Yard, tmp_path: Path) -> None:
    sha256 = hashlib.sha256(b"model").hexdigest()
    items = {"items": [_artifact(server, "best.pt", b"model", sha256)]}
    server.on("GET /jobs/0123456789ab", answer(200, job()))
    server.on("GET /jobs/0123456789ab/artifacts", answer(200, items))
    server.on("GET /blob", _cut_off, answer(503), answer(200, b"model"))
    assert yard("model", "pull", "0123456789ab", "--out", "m").returncode == 0
    assert (tmp_path / "m/best.pt").read_bytes() == b"model"
    server.on("GET /blob", answer(200, b"other"))
    damaged = yard("model", "pull", "0123456789ab", "--out", "m")
    assert damaged.returncode == 1
    assert "arrived damaged" in damaged.stderr
    assert [file.name for file in (tmp_path / "m").iterdir()] == ["best.pt"]
    assert (tmp_path / "m/best.pt").read_bytes() == b"model"


def test_what_is_replaced_while_it_is_pulled_is_pulled_anew(
    server: Server, yard: Yard, tmp_path: Path
) -> None:
    old, new = (
        answer(200, {"items": [_artifact(server, name, body, hashlib.sha256(body).hexdigest())]})
        for name, body in [("best.pt", b"old"), ("best.pt", b"new")]
    )
    server.on("GET /jobs/0123456789ab", answer(200, job(status="running")))
    server.on("GET /jobs/0123456789ab/artifacts", old, new)
    server.on("GET /blob", answer(200, b"new"))
    assert yard("model", "pull", "0123456789ab", "--out", "m").returncode == 0
    assert (tmp_path / "m/best.pt").read_bytes() == b"new"


def test_an_artifact_cannot_lead_out_of_the_folder(
    server: Server, yard: Yard, tmp_path: Path
) -> None:
    items = {"items": [_artifact(server, "../evil", b"model", "")]}
    server.on("GET /jobs/0123456789ab", answer(200, job()))
    server.on("GET /jobs/0123456789ab/artifacts", answer(200, items))
    assert yard("model", "pull", "0123456789ab", "--out", "m").returncode == 4
    assert yard("model", "pull", "0123456789ab", "--only", "best.pt").returncode == 3
    assert not (tmp_path / "evil").exists()
