"""Logs of several instances as they grow, as one stream of events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection
from contextlib import aclosing, suppress

from falcon.asgi import SSEvent

from aicr.errors import NotFound
from controlplane.runtime.protocol import Runtime
from controlplane.services.ngc import logs
from controlplane.services.ngc.logs import Entry

Entries = AsyncGenerator[Entry, None]
# Between looks for instances that have begun, seconds.
LOOK_SECONDS = 1.0
# A reader that is slower than those who write makes them be read later.
_AHEAD = 1000
# What events are called.
EVENT = "log"


async def one(runtime: Runtime, id_: str) -> Entries:
    """What an instance writes, from the beginning of its log until it is gone."""
    async with aclosing(runtime.follow(id_)) as lines:
        async for line in lines:
            yield Entry(id_, line)


async def every(runtime: Runtime | None, logged: Callable[[], Collection[str]]) -> Entries:
    """What all instances write as it comes, also those that begin meanwhile; without an end, unless
    something cannot be read."""
    if runtime is None:
        return
    queue: asyncio.Queue[Entry | None] = asyncio.Queue(_AHEAD)
    reading = asyncio.ensure_future(_all(runtime, logged, queue))
    try:
        while (entry := await queue.get()) is not None:
            yield entry
    finally:
        reading.cancel()
        with suppress(asyncio.CancelledError):
            await reading


async def _all(
    runtime: Runtime, logged: Callable[[], Collection[str]], queue: asyncio.Queue[Entry | None]
) -> None:
    known: set[str] = set()
    try:
        async with asyncio.TaskGroup() as group:
            while True:
                for id_ in sorted(set(await asyncio.to_thread(logged)) - known):
                    known.add(id_)
                    group.create_task(_read(runtime, id_, queue))
                await asyncio.sleep(LOOK_SECONDS)
    except ExceptionGroup:
        await queue.put(None)
        raise


async def _read(runtime: Runtime, id_: str, queue: asyncio.Queue[Entry | None]) -> None:
    with suppress(NotFound):  # it was forgotten meanwhile
        async with aclosing(one(runtime, id_)) as entries:
            async for entry in entries:
                await queue.put(entry)


async def since(entries: Entries, start: str) -> Entries:
    """Those that were written from a second on."""
    async with aclosing(entries):
        async for entry in entries:
            if logs.within(entry.line, start, logs.LAST):
                yield entry


def event(entry: Entry) -> SSEvent:
    """An entry as an event, by its timestamp."""
    return SSEvent(json=logs.shown(entry), event=EVENT, event_id=entry.line.time or None)
