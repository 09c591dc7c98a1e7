"""The file of an attempt's output: bounded on disk, and read without a gap that nobody is told of."""

from pathlib import Path

import pytest
from trainer.supervisor import output_log
from trainer.supervisor.log_shipper import _Reader
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
