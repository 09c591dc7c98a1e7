"""How late a replica is, and how late it usually is."""

from types import SimpleNamespace

import pytest
from backend.infra import loop_lag
from backend.jobs import event_stream


@pytest.mark.parametrize(("late", "usual"), [([3.0, 0, 0, 0], 0.02), ([0.1] * 20, 0.2)])
async def test_one_peak_leaves_the_usual_lag_as_it_is(
    late: list[float], usual: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([moment for one in late for moment in (0.0, one)])
    monkeypatch.setattr(loop_lag, "TICK_S", 0)
    monkeypatch.setattr(loop_lag, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    lag = loop_lag.LoopLag()
    with pytest.raises(RuntimeError, match="StopIteration"):  # once the clock has told all
        await lag.run()
    assert lag.seconds > event_stream.LATE_S
    assert usual / 4 < lag.usual < usual
