"""At which doors somebody waits, so that no seat is kept there for a next request.

A worker whose request waits says so, again and again; a runner that has no free place for it passes
that on to all who hold one. Who hears nothing of a door for a while takes it that nobody waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

# Who is served within this time need not say that it waits.
GRACE_SECONDS = 0.002
AGAIN_SECONDS = 0.25
# Longer than between two times that it is said.
QUIET_SECONDS = 0.75


class Crowds:
    """`waits` is whether somebody of this worker waits at a door, `say` is called with doors at
    which somebody does, and `told` gets what becomes of a door."""

    def __init__(
        self,
        waits: Callable[[str], bool],
        say: Callable[[str], None],
        told: Callable[[str, bool], None],
    ) -> None:
        self._waits, self._say, self._told = waits, say, told
        self._loop = asyncio.get_running_loop()
        self._watched: dict[str, asyncio.TimerHandle] = {}
        self._crowded: dict[str, asyncio.TimerHandle] = {}

    def watch(self, door: str) -> None:
        """Somebody of this worker has come to a door."""
        if door not in self._watched:
            self._watched[door] = self._loop.call_later(GRACE_SECONDS, self._look, door)

    def _look(self, door: str) -> None:
        if not self._waits(door):
            del self._watched[door]
            return
        self._say(door)
        self._watched[door] = self._loop.call_later(AGAIN_SECONDS, self._look, door)

    def heard(self, door: str) -> None:
        """Somebody waits at a door for what others hold."""
        known = self._crowded.pop(door, None)
        self._crowded[door] = self._loop.call_later(QUIET_SECONDS, self._quiet, door)
        if known is None:
            self._told(door, True)
        else:
            known.cancel()

    def _quiet(self, door: str) -> None:
        del self._crowded[door]
        self._told(door, False)

    def close(self) -> None:
        for handle in (*self._watched.values(), *self._crowded.values()):
            handle.cancel()
