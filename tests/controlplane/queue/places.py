"""A broker on a socket, and the queues of workers at it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from controlplane.queue.local import Local
from controlplane.queue.protocol import Load, Queue
from controlplane.queue.seats import Seats
from controlplane.runner.broker import Broker
from controlplane.wire import Server

Q = TypeVar("Q", bound=Seats)
DOOR = "nvcf.deployments.a"
ENDPOINT = "127.0.0.1:1"


class Runner:
    """A broker that can crash, and come again knowing nothing."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)
        self.broker = Broker()
        self._server: Server | None = None
        self._listening: asyncio.Server | None = None

    async def start(self) -> None:
        self.broker = Broker()
        self._server = Server(self.broker.commands, self.broker.gone)
        self._listening = await self._server.listen(self._path)

    async def crash(self) -> None:
        assert self._server is not None
        assert self._listening is not None
        self._listening.close()
        await self._server.end()


async def until(look: object, what: str = "it") -> None:
    """Until a call says yes; other tasks run meanwhile."""
    async with asyncio.timeout(10):
        while not (await found if asyncio.iscoroutine(found := look()) else found):  # type: ignore[operator]
            await asyncio.sleep(0.005)


def run(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """On a loop of its own, and not for ever."""

    async def limited() -> None:
        async with asyncio.timeout(30):
            await work()

    asyncio.run(limited())


async def load(queue: Queue, wanted: Load, door: str = DOOR) -> None:
    """Until so much goes on."""

    async def same() -> bool:
        return (await queue.loads()).get(door, Load()) == wanted

    await until(same, str(wanted))


@asynccontextmanager
async def followed(queues: list[Q]) -> AsyncIterator[list[Q]]:
    """The queues of workers, connected."""
    following = [asyncio.create_task(q.follow()) for q in queues]
    try:
        for queue in queues:
            await until(lambda queue=queue: queue.connected)
            await queue.loads()  # behind its hello
        yield queues
    finally:
        for task in following:
            task.cancel()
        await asyncio.gather(*following, return_exceptions=True)


@asynccontextmanager
async def workers(path: Path, count: int = 1) -> AsyncIterator[list[Local]]:
    """The queues of so many workers of a host."""
    async with followed([Local(str(path)) for _ in range(count)]) as queues:
        yield queues


@asynccontextmanager
async def running(path: Path) -> AsyncIterator[Runner]:
    runner = Runner(path)
    await runner.start()
    try:
        yield runner
    finally:
        await runner.crash()
