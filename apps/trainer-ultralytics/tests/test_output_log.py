"""The file of an attempt's output: bounded on disk, and read without a gap that nobody is told of."""

import os
from pathlib import Path

import pytest
from trainer.supervisor import output_log
from trainer.supervisor.log_shipper import LogCopier, _Reader
from trainer.supervisor.output_log import OutputLog

MIB = 1 << 20


def test_a_flood_is_bounded_on_disk_and_its_reader_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output_log, "KEPT_BYTES", MIB)
    path = tmp_path / "attempt.log"
    log = OutputLog(path)
    reader = _Reader(log)
    flood = b"".join(b"line %07d\n" % number for number in range(3 * MIB // 13))
    with path.open("ab") as trainer:
        trainer.write(flood[:1000])
        trainer.flush()
        assert reader.read() == flood[:1000]
        for begin in range(1000, len(flood), 100_000):
            trainer.write(flood[begin : begin + 100_000])
            trainer.flush()
            log.trim()
            assert path.stat().st_blocks * 512 < 1.5 * MIB
    first = reader.read()
    notice, _, tail = first.partition(b"left out.\n")
    missing = int(notice.split()[1])
    while more := reader.read():
        tail += more
    assert len(tail) >= MIB
    assert flood[1000 + missing :] == tail
    assert log.last_line() == flood.splitlines()[-1].decode()


def test_a_disk_without_space_is_named(tmp_path: Path) -> None:
    log = OutputLog(tmp_path / "log")
    assert log.full_disk("killed by SIGBUS") == ""
    assert str(tmp_path) in log.full_disk("OSError: [Errno 28] No space left on device")


@pytest.mark.parametrize("limit", [14, 20, 21])
def test_a_copy_of_the_log_ends_at_its_limit(limit: int, tmp_path: Path) -> None:
    log, copy = OutputLog(tmp_path / "log"), tmp_path / "copy"
    copier = LogCopier(log, os.open(copy, os.O_WRONLY | os.O_CREAT), limit)
    copier.start()
    for _ in range(2):
        with (tmp_path / "log").open("ab") as file:
            file.write(b"x" * 10)
    copier.close()
    copier.join(60)
    told = b"\n[trainyard] More than %d bytes (LOG_LIMIT_BYTES) are in the job's log only.\n"
    assert copy.read_bytes() == b"x" * min(20, limit) + (told % limit if limit < 21 else b"")
