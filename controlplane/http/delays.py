"""Things to do after one short while, nearly all of which are called off before."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable


class Delay:
    """One of them; `act` is gone when there is nothing to do any more."""

    __slots__ = ("act", "due")

    def __init__(self, due: float, act: Callable[[], None]) -> None:
        self.due = due
        self.act: Callable[[], None] | None = act

    def cancel(self) -> None:
        """Nothing is done, and nothing kept for it."""
        self.act = None


class Delays:
    """Delays of one length, on one loop at a time: they end in the order in which they begin, so
    one timer serves all of them.

    A timer of the loop is put into a heap, taken out of it, closed, and in the next turn freed: for
    each invocation that is more than looking at a clock.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._begun: deque[Delay] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None  # where a timer runs

    def begin(self, loop: asyncio.AbstractEventLoop, act: Callable[[], None]) -> Delay:
        """Do something after the while."""
        delay = Delay(loop.time() + self._seconds, act)
        if self._loop is not loop:
            self._begun.clear()  # what another loop left behind when it was closed
            self._come(loop, delay)
        self._begun.append(delay)
        return delay

    def _come(self, loop: asyncio.AbstractEventLoop, delay: Delay) -> None:
        """Look at them when one is due."""
        self._loop = loop
        loop.call_at(delay.due, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Do what is due, and come again for the first that is not and still stands."""
        if loop is not self._loop:
            return
        begun, now = self._begun, loop.time()
        try:
            while begun and (begun[0].act is None or begun[0].due <= now):
                act = begun.popleft().act
                if act is not None:
                    act()
        finally:  # whatever one of them raises, the others come
            if begun:
                self._come(loop, begun[0])
            else:
                self._loop = None
