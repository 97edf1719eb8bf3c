"""The queue of a worker whose requests wait in JetStream."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable

from controlplane.queue.jetstream.layout import Nats
from controlplane.queue.jetstream.link import StreamLink
from controlplane.queue.protocol import MAX_WAITING
from controlplane.queue.seats import Heard, Link, Lost, Seats


class JetStream(Seats):
    """All workers with the same `nats` have one queue for each door, of which `most` may wait."""

    def __init__(self, nats: Nats, most: int = MAX_WAITING) -> None:
        super().__init__()
        self._nats, self._most = nats, most
        self._owner = secrets.token_hex(8)
        self._link: StreamLink | None = None

    async def _dial(self, heard: Heard, lost: Lost) -> Link:
        self._link = link = StreamLink(self._nats, self._owner, heard, lost, self._most)
        await link.open()
        return link

    async def tidy(self, wanted: Callable[[str], Awaitable[bool]]) -> None:
        """Delete the streams of doors that are not wanted any more. Raises Unavailable."""
        if self._link is not None and self.connected:
            await self._link.tidy(wanted)
