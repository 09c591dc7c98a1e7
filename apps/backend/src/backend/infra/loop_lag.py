"""How busy this process is, by how late it does what is due.

What can wait is paced by it: live views first, then logs, and last the interval of heartbeats.
"""

import asyncio
import time

TICK_S = 0.25
# A peak is forgotten in some five seconds.
FADE = 0.85
# One that is later, alone, leaves `usual` below what anything is paced by.
PEAK_S = 0.1


class LoopLag:
    """How late this process is.

    `seconds`: the recent worst, of the event loop and of writes that wait for the database.
    `usual`: their recent mean, for which a peak counts as PEAK_S at most.
    """

    def __init__(self) -> None:
        self.seconds = self.usual = self._noted = 0.0

    def strain(self, late_s: float) -> float:
        """How many times `late_s` the lag is beyond it; 0 up to there."""
        return max(0.0, self.seconds / late_s - 1)

    def note(self, seconds: float) -> None:
        """Something was done that much later than it was due."""
        self.seconds = max(self.seconds, seconds)
        self._noted = max(self._noted, seconds)

    async def run(self) -> None:
        """Measure the event loop for ever."""
        while True:
            due = time.monotonic() + TICK_S
            await asyncio.sleep(TICK_S)
            late = max(time.monotonic() - due, self._noted)
            self.seconds, self._noted = max(late, self.seconds * FADE), 0.0
            self.usual += (min(late, PEAK_S) - self.usual) * (1 - FADE)
