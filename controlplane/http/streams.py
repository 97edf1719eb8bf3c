"""Server-sent events of what comes: until nothing does any more, or whoever reads has to go."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import TypeVar

from falcon.asgi import SSEvent

T = TypeVar("T")
# A reader is asked for its right so often, and then told that somebody is still here.
HEARTBEAT_SECONDS = 15.0
# How late it is noticed that a stream is over.
LOOK_SECONDS = 0.5


async def events(
    found: AsyncGenerator[T, None],
    shown: Callable[[T], SSEvent],
    over: Callable[[], bool],
    allowed: Callable[[], Awaitable[bool]],
) -> AsyncIterator[SSEvent]:
    """What is found, as events, until there is no more, it is over, or the reader may not read it
    any longer."""
    asked = time.monotonic()
    async with aclosing(found):
        coming = asyncio.ensure_future(_next(found))
        try:
            while not over():
                await asyncio.wait([coming], timeout=LOOK_SECONDS)
                if time.monotonic() - asked >= HEARTBEAT_SECONDS:
                    asked = time.monotonic()
                    if not await allowed():
                        return
                    yield SSEvent(comment="still here")
                if not coming.done():
                    continue
                try:
                    one = coming.result()
                except StopAsyncIteration:
                    return
                yield shown(one)
                coming = asyncio.ensure_future(_next(found))
        finally:
            coming.cancel()
            await asyncio.wait([coming])  # nobody closes what is being read


async def _next(found: AsyncGenerator[T, None]) -> T:
    return await anext(found)
