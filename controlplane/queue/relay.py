"""The instances of this host for the queue of all hosts: what its runner says goes there."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from aicr.errors import AicrError, Unavailable
from controlplane.queue.ledger import Offer
from controlplane.queue.protocol import HERE, advertised
from controlplane.queue.seats import AGAIN_SECONDS
from controlplane.queue.state import Shared
from controlplane.wire import Client, Json

# Between looks whether an instance that takes no more has answered what it had.
_LOOK_SECONDS = 0.05


class Relay:
    """`path` is the runner's socket, `host` the address at which other hosts reach this one."""

    def __init__(self, path: str, queue: Shared, host: str = HERE) -> None:
        self._path, self._queue, self._host = path, queue, host
        self._client: Client | None = None
        self._draining: set[asyncio.Task[None]] = set()

    async def follow(self) -> None:
        """Stay connected, until cancelled. What a runner that is gone has left runs on."""
        try:
            while True:
                await self._connected()
                await asyncio.sleep(AGAIN_SECONDS)
        finally:
            for task in self._draining:
                task.cancel()

    async def _connected(self) -> None:
        lost = asyncio.Event()
        self._client = client = Client(self._heard, lost.set)
        try:
            await client.connect(self._path)
            self._queue.offers([self._offer(*found) for found in await client.ask("relay")])
            await lost.wait()
        except (OSError, AicrError):
            pass
        finally:
            await client.close()

    def _offer(self, door: str, instance: str, endpoint: str, places: int) -> Offer:
        return Offer(instance, door, advertised(endpoint, self._host), places)

    def _heard(self, message: Json) -> None:
        match message:
            case {"say": "open", **facts}:
                self._queue.offer(self._offer(**facts))
            case {"say": "closed", "instance": instance}:
                self._queue.withdraw(instance)
                task = asyncio.ensure_future(self._drain(instance))
                self._draining.add(task)
                task.add_done_callback(self._draining.discard)

    async def _drain(self, instance: str) -> None:
        """Tell the runner when nobody holds a place of an instance any more."""
        with suppress(Unavailable):
            while await self._queue.held(instance):
                await asyncio.sleep(_LOOK_SECONDS)
        if self._client is not None:
            self._client.tell("drained", instance=instance)
