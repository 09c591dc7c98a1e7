"""What is kept of the datasets on this machine, and what has to go."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from trainer.dataset.cache import DatasetCache

HOLD = """
import sys, pathlib, trainer.dataset.cache
assert trainer.dataset.cache.DatasetCache(pathlib.Path(sys.argv[1])).take("a")
print("taken", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DatasetCache:
    """With room for three of the four datasets a, b, c and d, of which a is the oldest."""
    for age, name in enumerate("dcba"):
        (tmp_path / name / "images").mkdir(parents=True)
        (tmp_path / name / "images" / "0.png").write_bytes(bytes(1 << 20))
        os.utime(tmp_path / name, (time.time() - 100 * age - 100,) * 2)
    monkeypatch.setenv("DATASET_CACHE_BYTES", str(7 << 19))
    return DatasetCache(tmp_path)


def kept(folder: Path) -> str:
    return "".join(sorted(path.name for path in folder.iterdir()))


def test_the_longest_unused_go_first(cache: DatasetCache, tmp_path: Path) -> None:
    cache.make_room(0)
    assert kept(tmp_path) == "bcd"
    cache.make_room(2 << 20)
    assert kept(tmp_path) == "d"


def test_what_is_used_stays(cache: DatasetCache, tmp_path: Path) -> None:
    assert cache.take("a") == tmp_path / "a"
    cache.make_room(0)
    assert kept(tmp_path) == "acd"
    cache.make_room(1 << 40)
    assert kept(tmp_path) == "a"


def test_what_another_process_uses_stays_until_it_dies(cache: DatasetCache, tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as user:
        assert user.stdout
        assert user.stdout.readline() == b"taken\n"
        cache.make_room(1 << 40)
        assert kept(tmp_path) == "a"
        user.kill()
    cache.make_room(1 << 40)
    assert kept(tmp_path) == ""


def test_whoever_is_sooner_gives_the_dataset(cache: DatasetCache, tmp_path: Path) -> None:
    for name in ("first", "second"):
        with cache.incoming() as incoming:
            (Path(incoming) / "data").mkdir()
            (Path(incoming) / "data" / name).touch()
            folder = cache.keep(Path(incoming) / "data", "e")
    assert [path.name for path in folder.iterdir()] == ["first"]
    cache.make_room(1 << 40)
    assert kept(tmp_path) == "e"


def test_what_a_killed_attempt_was_fetching_goes(cache: DatasetCache, tmp_path: Path) -> None:
    (tmp_path / ".new-1-2-x").mkdir()
    with cache.incoming() as mine:
        assert {path.name for path in tmp_path.glob(".new-*")} == {Path(mine).name}


def test_one_that_was_removed_is_fetched_anew(cache: DatasetCache) -> None:
    cache.make_room(1 << 40)
    assert cache.take("a") is None
