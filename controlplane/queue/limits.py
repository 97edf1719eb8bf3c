"""Rate limits of functions: how many requests of one name come within a window of time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from controlplane.queue.protocol import Limit

# Names beyond so many are those of windows that ended, mostly.
MAX_NAMES = 100_000


class Windows:
    """Fixed windows: each begins at a multiple of its length. `clock` counts seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        # Name and length of a window -> which window it is, and how many came in it.
        self._counts: dict[tuple[str, int], tuple[int, int]] = {}

    def count(self, limits: Iterable[Limit]) -> bool:
        """Whether one more request may come by all of these limits; it counts if so."""
        now = self._clock()
        found = [(limit, int(now // limit.seconds)) for limit in limits]
        if any(self._in(limit, window) >= limit.most for limit, window in found):
            return False
        for limit, window in found:
            key = limit.name, limit.seconds
            self._counts[key] = (window, self._in(limit, window) + 1)
        self._forget(now)
        return True

    def _in(self, limit: Limit, window: int) -> int:
        known, count = self._counts.get((limit.name, limit.seconds), (window, 0))
        return count if known == window else 0

    def _forget(self, now: float) -> None:
        if len(self._counts) > MAX_NAMES:
            kept = self._counts.items()
            self._counts = {k: v for k, v in kept if v[0] == int(now // k[1])}
