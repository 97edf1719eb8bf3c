"""Rate limits of functions that count for all servers: windows in a bucket of JetStream."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakValueDictionary

from aicr.errors import Unavailable
from controlplane.http.log import log
from controlplane.queue.jetstream.connection import our_errors
from controlplane.queue.jetstream.layout import Nats
from controlplane.queue.protocol import Limit

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.js.kv import KeyValue

# Longer than the longest window, a week (contract 4.2).
_KEPT_SECONDS = 8 * 86_400.0
# Nobody waits longer for a count, turns included; and for so long after one that failed nobody
# tries: whoever asks counts for itself.
_PATIENCE_SECONDS, _PAUSE_SECONDS = 1.0, 1.0


class _Window(NamedTuple):
    """How many came in which window, and the revision in which that was written."""

    number: int = -1
    came: int = 0
    revision: int = 0


class Counters:
    """One bucket. Who counts the same in one process takes turns: others than those of other
    processes would only be in each other's way. `clock` is Unix time, which servers share to a
    second or so."""

    def __init__(self, client: Client, nats: Nats, clock: Callable[[], float] = time.time) -> None:
        self._js, self._nats, self._clock = client.jetstream(), nats, clock
        self._opening: asyncio.Task[KeyValue] | None = None
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._not_before = 0.0

    async def count(self, limits: Sequence[Limit]) -> bool:
        """Whether one more request may come by all of these limits; it counts if so. Raises
        Unavailable."""
        loop = asyncio.get_running_loop()
        if loop.time() < self._not_before:
            raise Unavailable("JetStream did not count just now")
        try:
            with our_errors():
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    return await self._count(await self._bucket(), limits)
        except Unavailable as e:
            self._not_before = loop.time() + _PAUSE_SECONDS
            log("warn", "rate limits are counted by each worker for itself", error=e.message)
            raise

    async def _count(self, bucket: KeyValue, limits: Sequence[Limit]) -> bool:
        now = self._clock()
        counted: list[Limit] = []
        for limit in limits:
            if not await self._in_turn(bucket, limit, 1, now):
                for before in counted:
                    await self._in_turn(bucket, before, -1, now)
                return False
            counted.append(limit)
        return True

    async def _bucket(self) -> KeyValue:
        if self._opening is None or (self._opening.done() and self._opening.exception()):
            self._opening = asyncio.create_task(self._open())
        return await asyncio.shield(self._opening)

    async def _open(self) -> KeyValue:
        """What is there already, with settings of others, serves as well."""
        from nats.js import api
        from nats.js.errors import BucketNotFoundError

        try:
            return await self._js.key_value(self._nats.limits)
        except BucketNotFoundError:
            config = api.KeyValueConfig(
                bucket=self._nats.limits,
                ttl=_KEPT_SECONDS,
                storage=api.StorageType.MEMORY,
                replicas=self._nats.replicas,
            )
            return await self._js.create_key_value(config)

    async def _in_turn(self, bucket: KeyValue, limit: Limit, more: int, now: float) -> bool:
        key = _key(limit)
        turn = self._turns.setdefault(key, asyncio.Lock())
        async with turn:
            return await _add(bucket, key, limit, more, now)


async def _add(bucket: KeyValue, key: str, limit: Limit, more: int, now: float) -> bool:
    """Whether there was room for one more; it takes as many tries as others are quicker."""
    from nats.js.errors import KeyWrongLastSequenceError

    number = int(now // limit.seconds)
    while True:
        found = await _read(bucket, key)
        came = found.came if found.number == number else 0
        if more > 0 and came >= limit.most:
            return False
        value = f"{number} {max(0, came + more)}".encode()
        try:
            await bucket.update(key, value, last=found.revision)
        except KeyWrongLastSequenceError:
            continue
        return True


async def _read(bucket: KeyValue, key: str) -> _Window:
    from nats.js.errors import KeyNotFoundError

    try:
        entry = await bucket.get(key)
    except KeyNotFoundError as e:
        deleted = e.entry  # somebody has reset it
        return _Window(revision=(deleted.revision or 0) if deleted else 0)
    number, _, came = (entry.value or b"-1 0").decode().partition(" ")
    return _Window(int(number), int(came), entry.revision or 0)


def _key(limit: Limit) -> str:
    """Names have characters that keys may not."""
    return f"{hashlib.sha256(limit.name.encode()).hexdigest()}.{limit.seconds}"
