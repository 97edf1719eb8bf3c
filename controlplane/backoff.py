"""How long to wait before what failed is started once more: not at all, then ever longer."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import NamedTuple

LONGEST_SECONDS = 60.0


class _Failures(NamedTuple):
    times: int
    until: float


class Backoff:
    """Counts failures by name; `clock` says Unix seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._known: dict[str, _Failures] = {}

    def failed(self, name: str) -> None:
        """It failed once more. The first time it may start at once, then after 1, 2, 4 … s."""
        times = self._known[name].times if name in self._known else 0
        wait = min(2.0 ** (times - 1), LONGEST_SECONDS) if times else 0.0
        self._known[name] = _Failures(times + 1, self._clock() + wait)

    def waits(self, name: str) -> bool:
        """Whether it is too early to start it."""
        return name in self._known and self._clock() < self._known[name].until

    def keep(self, names: Collection[str]) -> None:
        """Forget all but these."""
        self._known = {n: f for n, f in self._known.items() if n in names}

    def well(self, name: str) -> None:
        """It runs, and has for longer than it would have to wait: what was is forgotten."""
        known = self._known.get(name)
        if known is not None and self._clock() > known.until + LONGEST_SECONDS:
            del self._known[name]
