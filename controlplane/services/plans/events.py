"""The event log as a stream (server-sent events): from a revision on, each event once, in order."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

from falcon.asgi import SSEvent

from aicr.errors import Gone
from controlplane.engine import Engine
from controlplane.http.lifecycle import Lifecycle
from controlplane.state.protocol import Event, Reader
from controlplane.tail import Tail

AT_ONCE = 500
# A comment so often keeps connections open that somebody between us would close.
HEARTBEAT_SECONDS = 15.0
_WAIT_SECONDS = 1.0
# Whether the reader still may read: its token ends, and clients are removed.
Allowed = Callable[[], Awaitable[bool]]


def check(reader: Reader, after: int) -> None:
    """Raises Gone when events after a revision are no longer known."""
    oldest = reader.meta().compacted
    if after < oldest:
        raise Gone(
            f"events up to {oldest} are gone: read the state, then watch from its revision",
            details={"oldest": oldest},
        )


async def stream(
    engine: Engine, tail: Tail, lifecycle: Lifecycle, after: int, allowed: Allowed
) -> AsyncIterator[SSEvent]:
    """Events after a revision, until the reader goes or may no longer read them, or the server
    ends. A reader so slow that what it would read next is forgotten is cut off: when it comes back
    it is told that (410)."""
    last_said = last_asked = time.monotonic()
    while not lifecycle.reason:
        if time.monotonic() - last_asked >= HEARTBEAT_SECONDS:
            if not await allowed():
                return
            last_asked = time.monotonic()
        try:
            events = await engine.read(partial(_next, after=after))
        except Gone:
            return
        for event in events:
            yield _said(event)
            after = event.revision
        now = time.monotonic()
        if events:
            last_said = now
        elif now - last_said >= HEARTBEAT_SECONDS:
            last_said = now
            yield SSEvent(comment="still here")
        else:
            await tail.news(_WAIT_SECONDS)


def _next(reader: Reader, after: int) -> list[Event]:
    check(reader, after)
    return reader.events(after, AT_ONCE)


def _said(event: Event) -> SSEvent:
    body = {"address": event.address, "at": event.at, **event.data}
    return SSEvent(json=body, event=event.type, event_id=str(event.revision))
