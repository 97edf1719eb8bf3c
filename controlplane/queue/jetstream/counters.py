"""Rate limits of functions that count for all servers: windows in a bucket of JetStream."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from controlplane.queue.jetstream.connection import told
from controlplane.queue.jetstream.layout import Nats
from controlplane.queue.protocol import Limit

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.js.kv import KeyValue


# Longer than the longest window, a week (contract 4.2).
_KEPT_SECONDS = 8 * 86_400.0


class _Window(NamedTuple):
    """How many came in which window, and the revision in which that was written."""

    number: int = -1
    came: int = 0
    revision: int = 0


class Counters:
    """One bucket. Who counts in one process takes turns: others than those of other processes would
    only be in each other's way. `clock` is Unix time, which servers share to a second or so."""

    def __init__(self, client: Client, nats: Nats, clock: Callable[[], float] = time.time) -> None:
        self._js, self._nats, self._clock = client.jetstream(), nats, clock
        self._bucket: KeyValue | None = None
        self._turn = asyncio.Lock()

    async def count(self, limits: Sequence[Limit]) -> bool:
        """Whether one more request may come by all of these limits; it counts if so. Raises
        Unavailable."""
        async with self._turn:
            with told():
                bucket = self._bucket = self._bucket or await self._open()
                now = self._clock()
                counted: list[Limit] = []
                for limit in limits:
                    if not await self._add(bucket, limit, 1, now):
                        for before in counted:
                            await self._add(bucket, before, -1, now)
                        return False
                    counted.append(limit)
        return True

    async def _open(self) -> KeyValue:
        from nats.js import api

        config = api.KeyValueConfig(
            bucket=self._nats.limits,
            ttl=_KEPT_SECONDS,
            storage=api.StorageType.MEMORY,
            replicas=self._nats.replicas,
        )
        return await self._js.create_key_value(config)

    async def _add(self, bucket: KeyValue, limit: Limit, more: int, now: float) -> bool:
        """Whether there was room for one more; it takes as many tries as others are quicker."""
        from nats.js.errors import KeyWrongLastSequenceError

        key, number = _key(limit), int(now // limit.seconds)
        while True:
            found = await _read(bucket, key)
            came = found.came if found.number == number else 0
            if more > 0 and came >= limit.most:
                return False
            with suppress(KeyWrongLastSequenceError):
                value = f"{number} {max(0, came + more)}".encode()
                await bucket.update(key, value, last=found.revision)
                return True


async def _read(bucket: KeyValue, key: str) -> _Window:
    from nats.js.errors import KeyNotFoundError

    try:
        entry = await bucket.get(key)
    except KeyNotFoundError:
        return _Window()
    number, _, came = (entry.value or b"-1 0").decode().partition(" ")
    return _Window(int(number), int(came), entry.revision or 0)


def _key(limit: Limit) -> str:
    """Names have characters that keys may not."""
    return f"{hashlib.sha256(limit.name.encode()).hexdigest()}.{limit.seconds}"
