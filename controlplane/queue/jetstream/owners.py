"""Workers as a runner knows them: what they were told, and what of it has come to them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from controlplane.wire import Json

# The names of workers that were taken for dead: so many are remembered.
_MOST_BURIED = 1000


class Owner:
    """A worker, as the broker tells it things; `tell` sends."""

    def __init__(self, name: str, tell: Callable[[Owner, Json], None]) -> None:
        self.name, self.tell = name, tell
        self.heard = time.monotonic()
        # What it said hello to, and how often: older words of others do not count any more.
        self.session, self.hellos = "", 0
        self._number = 0
        # Places that may be on their way: seat -> its number, and the rest of what is held.
        self._sent: dict[str, tuple[int, list[str]]] = {}

    def say(self, topic: str, **facts: Any) -> None:
        self.tell(self, {"say": topic, **facts})

    def sends(self, seat: str, rest: list[str]) -> int:
        """A place is on its way; the number by which the worker says that it has come."""
        self._number += 1
        self._sent[seat] = self._number, rest
        return self._number

    def got(self, number: int) -> None:
        """Places up to a number have come."""
        self._sent = {seat: sent for seat, sent in self._sent.items() if sent[0] > number}

    def gave(self, seats: list[str]) -> None:
        """Places were given back, so they have come."""
        for seat in seats:
            self._sent.pop(seat, None)

    def forget(self) -> None:
        """Nothing is on its way any more: what was not lost has come before what is said now."""
        self._sent.clear()

    def on_the_way(self) -> list[list[str]]:
        """What is held though the worker does not know it yet."""
        return [[seat, *rest] for seat, (_, rest) in self._sent.items()]


class Buried:
    """Workers that were taken for dead, until they say hello: the last of them."""

    def __init__(self) -> None:
        self._names: dict[str, None] = {}

    def add(self, name: str) -> None:
        self._names[name] = None
        while len(self._names) > _MOST_BURIED:
            del self._names[next(iter(self._names))]

    def discard(self, name: str) -> None:
        self._names.pop(name, None)

    def __contains__(self, name: str) -> bool:
        return name in self._names
