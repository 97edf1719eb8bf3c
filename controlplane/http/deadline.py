"""A deadline that moves with every message of a connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Deadline:
    """Something happens when it has come, unless it was moved or cleared before.

    A timer of the loop for each message, which nearly always ends before its time, would cost as
    much as parsing it. Here one timer stays: when it fires it looks how late it is, and most of the
    time there is nothing to do but to come again.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, act: Callable[[], None]) -> None:
        self._loop, self._act = loop, act
        self._due: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._fires = 0.0

    @property
    def is_set(self) -> bool:
        return self._due is not None

    def set(self, seconds: float) -> None:
        """It comes in so many seconds, whatever was said before."""
        self._due = due = self._loop.time() + seconds
        if self._timer is None or due < self._fires:
            self._arm(due)

    def clear(self) -> None:
        """It does not come."""
        self._due = None

    def end(self) -> None:
        """It is not used any more, and lets go of what it belongs to, which would have to be looked
        for as garbage otherwise."""
        self._due, self._act = None, _nothing
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._fires = when
        self._timer = self._loop.call_at(when, self._fired)

    def _fired(self) -> None:
        self._timer = None
        if self._due is None:
            return
        if self._due > self._fires:
            self._arm(self._due)
            return
        self._due = None
        self._act()


def _nothing() -> None:
    """What happens after the end."""
