"""The requests of one worker that wait, and their places in line."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from aicr.errors import AicrError, RateLimited
from controlplane.queue.jetstream.streams import Streams

# Whoever waits longer than this looks whether it still stands in line.
LONG_SECONDS = 2.0


@dataclass(slots=True)
class Waiting:
    """A request that waits at a door since a time; its number in line, when that is known."""

    request: str
    door: str
    since: float
    answer: asyncio.Future[list[str] | None]
    number: int = 0
    over: bool = False  # it waits no more, though it may not be in line yet


class Line:
    """Those of the worker `owner`; `stands` is called with a door where one has come to stand."""

    def __init__(self, streams: Streams, owner: str, stands: Callable[[str], None]) -> None:
        self._streams, self._owner, self._stands = streams, owner, stands
        self._waiting: dict[str, Waiting] = {}
        self._at: Counter[str] = Counter()
        self._last: dict[str, int] = {}

    def come(self, request: str, door: str) -> Waiting:
        """Begin to wait, in line as soon as `enter` was done."""
        answer: asyncio.Future[list[str] | None] = asyncio.get_running_loop().create_future()
        known = self._waiting[request] = Waiting(request, door, time.monotonic(), answer)
        self._at[door] += 1
        return known

    async def enter(self, known: Waiting) -> None:
        """Stand in line. Who is refused waits no more. Raises Unavailable."""
        try:
            await self._stand(known)
        except RateLimited as e:
            if self._left(known) and not known.answer.done():
                known.answer.set_exception(e)

    async def _stand(self, known: Waiting) -> bool:
        """Stand in line; whether that is new. Raises RateLimited, and Unavailable: who waits looks
        again (see `look_after`)."""
        message = {"owner": self._owner, "request": known.request}
        put = await self._streams.put(known.door, known.request, message)
        known.number = put.number
        self._last[known.door] = max(put.number, self._last.get(known.door, 0))
        if self._waiting.get(known.request) is known:
            self._stands(known.door)
        elif known.over:
            await self._streams.remove(known.door, known.number)
        return put.new

    def serve(self, request: str) -> Waiting | None:
        """Who waited and does not any more; None for a request that does not wait."""
        known = self._waiting.get(request)
        return known if known is not None and self._left(known) else None

    def leave(self, request: str) -> Coroutine[Any, Any, None] | None:
        """Wait no longer; what is to be done about it, if anything is."""
        known = self.serve(request)
        if known is None:
            return None
        known.over = True
        known.answer.set_result(None)
        # One without a number is taken away by whoever puts it there.
        return self._streams.remove(known.door, known.number) if known.number else None

    def _left(self, known: Waiting) -> bool:
        """Whether it has just ceased to wait."""
        if self._waiting.get(known.request) is not known:
            return False
        del self._waiting[known.request]
        self._at[known.door] -= 1
        if not self._at[known.door]:
            del self._at[known.door]
            self._last.pop(known.door, None)
        return True

    def anybody(self, door: str) -> bool:
        """Whether somebody waits at a door."""
        return self._at[door] > 0

    def last(self, door: str) -> int:
        """The last number that was drawn at a door where somebody waits."""
        return self._last.get(door, 0)

    def door(self, request: str) -> str:
        """Where a request waits; nothing when it does not."""
        known = self._waiting.get(request)
        return "" if known is None else known.door

    async def look_after(self) -> None:
        """Servers may lose what they keep, and connections stay: the first of those that wait long
        at a door says again that it does, and if that is news, so do all others. Raises
        Unavailable."""
        by_door: defaultdict[str, list[str]] = defaultdict(list)
        for request, known in self._waiting.items():
            by_door[known.door].append(request)
        for requests in by_door.values():
            await self._look_after(requests)

    async def _look_after(self, requests: Sequence[str]) -> None:
        """The same at one door, where these wait, the oldest first."""
        for request in requests:
            known = self._waiting.get(request)
            if known is None or time.monotonic() - known.since < LONG_SECONDS:
                continue
            said_before = known.number > 0
            with suppress(RateLimited):
                if not await self._stand(known) and said_before:
                    return

    def fail(self, error: AicrError) -> None:
        """All of them have to be told to somebody else."""
        for known in self._waiting.values():
            if not known.answer.done():
                known.answer.set_exception(error)

    async def clear(self) -> None:
        """Leave no message behind."""
        numbered = (known for known in self._waiting.values() if known.number)
        left = (self._streams.remove(known.door, known.number) for known in numbered)
        await asyncio.gather(*left, return_exceptions=True)
