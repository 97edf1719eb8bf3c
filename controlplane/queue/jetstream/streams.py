"""What waits, as messages of JetStream: one stream for each door, made when it is first needed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from aicr.errors import RateLimited, Unavailable
from controlplane.queue.jetstream.connection import our_errors
from controlplane.queue.jetstream.layout import Nats, key_of
from controlplane.queue.protocol import MAX_WAITING, Position
from controlplane.wire import Json, encode

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.js.api import StreamInfo
    from nats.js.errors import APIError

# Nobody waits longer (an hour, and the grace of an invocation): what is older belongs to the dead.
_MAX_AGE_SECONDS = 3700.0
# A runner that has not said by then what became of a message is dead, and another one gets it.
_ACK_SECONDS = 5.0
# Runners that may wait for a message at a time, each for every place it has (at most MAX_PULLS).
_MAX_WAITING_PULLS = 65_536
# Messages that are on their way at a time: each has its time, and the server takes one at a time.
_AT_ONCE = 1000
# The server's numbers: it does not take a message; there is one of this name, with other settings.
_NOT_TAKEN, _OTHER_STREAM, _OTHER_CONSUMER = 10077, 10058, 10148
# Its word for a message in whose place there is one already.
_THERE = "per subject"
# The server lists so many streams at a time.
_PAGE = 256
_DOOR = "door"


class Put(NamedTuple):
    """The number of a message, and whether it is new: else it was there already."""

    number: int
    new: bool


class Streams:
    """Streams of one connection; `most` may wait in each."""

    def __init__(self, client: Client, nats: Nats, most: int = MAX_WAITING) -> None:
        self._js, self._nats, self._most = client.jetstream(), nats, most
        self._made: dict[str, asyncio.Task[None]] = {}
        self._doors: dict[str, str] = {}  # by key
        self._putting = asyncio.Semaphore(_AT_ONCE)

    async def put(self, door: str, request: str, message: Json) -> Put:
        """Let a request wait; again does no harm. Raises RateLimited when too many wait already,
        and Unavailable."""
        from nats.js.errors import NoStreamResponseError

        async with self._putting:
            await self.ensure(door)
            try:
                return await self._put(door, request, message)
            except Unavailable as e:
                if not isinstance(e.__cause__, NoStreamResponseError):
                    raise
            self.forget(door)  # somebody has deleted it
            await self.ensure(door)
            return await self._put(door, request, message)

    async def _put(self, door: str, request: str, message: Json) -> Put:
        from nats.js.errors import APIError

        try:
            with our_errors():
                ack = await self._js.publish(self._nats.subject(door, request), encode(message))
        except Unavailable as e:
            cause = e.__cause__
            if not isinstance(cause, APIError) or cause.err_code != _NOT_TAKEN:
                raise
            return await self._not_taken(door, request, cause)
        return Put(ack.seq, new=True)

    async def _not_taken(self, door: str, request: str, why: APIError) -> Put:
        if _THERE not in (why.description or ""):
            raise RateLimited(f"{self._most} requests wait already")
        return Put(await self._number(door, request), new=False)

    async def remove(self, door: str, number: int) -> None:
        """Let a request wait no longer. One that was just given out is gone already."""
        from nats.js.errors import APIError

        with our_errors(), suppress(APIError):
            await self._js.delete_msg(self._nats.stream(door), number)

    async def ensure(self, door: str) -> None:
        """Make the stream of a door and its consumer, unless they are there. Raises Unavailable."""
        known = self._made.get(door)
        if known is None:
            self._doors[key_of(door)] = door
            known = self._made[door] = asyncio.create_task(self._make(door))
        if not known.done():
            await asyncio.wait([known])
        if known.cancelled() or known.exception() is not None:
            self.forget(door)
        if known.cancelled():
            raise Unavailable("the queue is gone")
        known.result()

    def forget(self, door: str) -> None:
        """Nobody knows any more whether it has a stream."""
        self._made.pop(door, None)

    async def _make(self, door: str) -> None:
        from nats.js import api
        from nats.js.errors import APIError

        name = self._nats.stream(door)
        stream = api.StreamConfig(
            name=name,
            subjects=[self._nats.subjects(door)],
            retention=api.RetentionPolicy.WORK_QUEUE,
            discard=api.DiscardPolicy.NEW,
            # A request waits once, however often its worker says so.
            discard_new_per_subject=True,
            max_msgs_per_subject=1,
            max_msgs=self._most,
            max_age=_MAX_AGE_SECONDS,
            # Who waits says so again after a crash of the servers: a disk would only be slower.
            storage=api.StorageType.MEMORY,
            num_replicas=self._nats.replicas,
            metadata={_DOOR: door},
        )
        consumer = api.ConsumerConfig(
            durable_name=self._nats.consumer(door),
            ack_policy=api.AckPolicy.EXPLICIT,
            ack_wait=_ACK_SECONDS,
            max_ack_pending=-1,
            max_waiting=_MAX_WAITING_PULLS,
        )
        with our_errors():
            # What is there already, with settings of others, serves as well.
            try:
                await self._js.add_stream(stream)
            except APIError as e:
                if e.err_code != _OTHER_STREAM:
                    raise
            try:
                await self._js.add_consumer(name, consumer)
            except APIError as e:
                if e.err_code != _OTHER_CONSUMER:
                    raise

    def next(self, door: str) -> str:
        """Whom to ask for the next message."""
        return f"$JS.API.CONSUMER.MSG.NEXT.{self._nats.stream(door)}.{self._nats.consumer(door)}"

    # ------------------------------------------------------------------ what goes on

    async def waiting(self) -> dict[str, int]:
        """How many wait at each door. Raises Unavailable."""
        return {door: i.state.messages for door, i in await self._list() if i.state.messages}

    async def position(self, request: str, doors: Sequence[str] = ()) -> Position | None:
        """Where a request waits, at one of these doors or, without any, wherever somebody does:
        none when it was given out, or is not known. An estimate when others before it went away
        (contract 6). Raises Unavailable."""
        busy = doors or [*await self.waiting()]
        found = await asyncio.gather(*(self._number(door, request) for door in busy))
        at = next(((d, n) for d, n in zip(busy, found, strict=True) if n), None)
        if at is None:
            return None
        door, number = at
        delivered, pending = await self._pending(door)
        return Position(door, min(number - delivered, pending)) if number > delivered else None

    async def tidy(self, wanted: Callable[[str], Awaitable[bool]]) -> None:
        """Delete the streams of doors that nobody wants any more. Raises Unavailable."""
        for door, info in await self._list():
            if not info.state.messages and not await wanted(door):
                self.forget(door)
                self._doors.pop(key_of(door), None)
                with our_errors():
                    await self._js.delete_stream(self._nats.stream(door))

    async def _list(self) -> list[tuple[str, StreamInfo]]:
        """The streams of this region, with their doors: as they say themselves, or as is known
        here of those that others have made."""
        found: list[tuple[str, StreamInfo]] = []
        offset = 0
        while True:
            with our_errors():
                page = await self._js.streams_info(offset)
            found += [(door, info) for info in page if (door := self._door(info))]
            offset += len(page)
            if len(page) < _PAGE:
                return found

    def _door(self, info: StreamInfo) -> str:
        key = self._nats.key_in(info.config.name or "")
        if not key:
            return ""
        return (info.config.metadata or {}).get(_DOOR, "") or self._doors.get(key, "")

    async def _pending(self, door: str) -> tuple[int, int]:
        """The number of the last message that was given out, and how many were not yet."""
        from nats.js.errors import NotFoundError

        with our_errors():
            try:
                info = await self._js.consumer_info(
                    self._nats.stream(door), self._nats.consumer(door)
                )
            except NotFoundError:
                return 0, 0
        return (info.delivered.stream_seq if info.delivered else 0), info.num_pending or 0

    async def _number(self, door: str, request: str) -> int:
        """The number of a request's message; 0 when it has none at this door."""
        from nats.js.errors import NotFoundError

        with our_errors():
            try:
                found = await self._js.get_last_msg(
                    self._nats.stream(door), self._nats.subject(door, request)
                )
            except NotFoundError:
                return 0
        return found.seq or 0
