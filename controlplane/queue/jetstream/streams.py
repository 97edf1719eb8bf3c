"""What waits, as messages of JetStream: one stream for each door, made when it is first needed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from aicr.errors import RateLimited, Unavailable
from controlplane.queue.jetstream.connection import told
from controlplane.queue.jetstream.layout import Nats
from controlplane.queue.protocol import MAX_WAITING, Position
from controlplane.wire import Json, encode

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.js.api import StreamInfo

# Nobody waits longer (an hour, and the grace of an invocation): what is older belongs to the dead.
_MAX_AGE_SECONDS = 3700.0
# A runner that has not said by then what became of a message is dead, and another one gets it.
_ACK_SECONDS = 5.0
# Runners that may wait for a message at a time, each for every place it has (at most MAX_PULLS).
_MAX_WAITING_PULLS = 65_536
# The server's numbers: no room in a stream; there is one of this name, with other settings.
_FULL, _OTHER_STREAM, _OTHER_CONSUMER = 10077, 10058, 10148
# The server lists so many streams at a time.
_PAGE = 256
_DOOR = "door"


class Streams:
    """Streams of one connection; `most` may wait in each."""

    def __init__(self, client: Client, nats: Nats, most: int = MAX_WAITING) -> None:
        self._js, self._nats, self._most = client.jetstream(), nats, most
        self._made: dict[str, asyncio.Task[None]] = {}

    async def put(self, door: str, request: str, message: Json) -> int:
        """Let a request wait; its number in line. Raises RateLimited when too many wait already,
        and Unavailable."""
        from nats.js.errors import NoStreamResponseError

        await self.ensure(door)
        try:
            return await self._put(door, request, message)
        except NoStreamResponseError:
            self.forget(door)  # somebody has deleted it
        await self.ensure(door)
        with told():
            return await self._put(door, request, message)

    async def _put(self, door: str, request: str, message: Json) -> int:
        from nats.js.errors import APIError, NoStreamResponseError

        try:
            with told():
                ack = await self._js.publish(self._nats.subject(door, request), encode(message))
        except Unavailable as e:
            if isinstance(e.__cause__, APIError) and e.__cause__.err_code == _FULL:
                raise RateLimited(f"{self._most} requests wait already") from None
            if isinstance(e.__cause__, NoStreamResponseError):
                raise e.__cause__ from None
            raise
        return ack.seq

    async def remove(self, door: str, number: int) -> None:
        """Let a request wait no longer. One that was just given out is gone already."""
        from nats.js.errors import APIError

        with told(), suppress(APIError):
            await self._js.delete_msg(self._nats.stream(door), number)

    async def ensure(self, door: str) -> None:
        """Make the stream of a door and its consumer, unless they are there. Raises Unavailable."""
        known = self._made.get(door)
        if known is None:
            known = self._made[door] = asyncio.create_task(self._make(door))
        if not known.done():
            await asyncio.wait([known])
        if known.exception() is not None:
            self.forget(door)
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
        with told():
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
        found = ((_door_of(info), info.state.messages) for info in await self._list())
        return {door: count for door, count in found if count}

    async def position(self, request: str) -> Position | None:
        """Where a request waits: none when it was given out, or is not known. An estimate when
        others before it went away (contract 6). Raises Unavailable."""
        busy = [*await self.waiting()]
        found = await asyncio.gather(*(self._number(door, request) for door in busy))
        at = next(((d, n) for d, n in zip(busy, found, strict=True) if n), None)
        if at is None:
            return None
        door, number = at
        delivered, pending = await self._pending(door)
        return Position(door, min(number - delivered, pending)) if number > delivered else None

    async def tidy(self, wanted: Callable[[str], Awaitable[bool]]) -> None:
        """Delete the streams of doors that nobody wants any more. Raises Unavailable."""
        for info in await self._list():
            door = _door_of(info)
            if not info.state.messages and not await wanted(door):
                self.forget(door)
                with told():
                    await self._js.delete_stream(self._nats.stream(door))

    async def _list(self) -> list[StreamInfo]:
        """The streams of this region that are ours."""
        prefix, found, offset = self._nats.stream(""), [], 0
        while True:
            with told():
                page = await self._js.streams_info(offset)
            found += [i for i in page if (i.config.name or "").startswith(prefix) and _door_of(i)]
            offset += len(page)
            if len(page) < _PAGE:
                return found

    async def _pending(self, door: str) -> tuple[int, int]:
        """The number of the last message that was given out, and how many were not yet."""
        from nats.js.errors import NotFoundError

        with told():
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

        with told():
            try:
                found = await self._js.get_last_msg(
                    self._nats.stream(door), self._nats.subject(door, request)
                )
            except NotFoundError:
                return 0
        return found.seq or 0


def _door_of(info: StreamInfo) -> str:
    return (info.config.metadata or {}).get(_DOOR, "")
