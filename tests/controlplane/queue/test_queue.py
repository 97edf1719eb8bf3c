"""What every queue must do: the runner's, that of the state in a file and in PostgreSQL, and that in
JetStream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import pytest

from aicr.errors import RateLimited
from controlplane.queue.jetstream.host import Host
from controlplane.queue.jetstream.layout import Nats
from controlplane.queue.jetstream.queue import JetStream
from controlplane.queue.ledger import Offer
from controlplane.queue.local import Local
from controlplane.queue.protocol import Limit, Load, Position
from controlplane.queue.seats import Seats
from controlplane.queue.state import Shared
from controlplane.runner.broker import Broker
from controlplane.state.sql import SqlStore
from controlplane.wire import Server
from tests import stores
from tests.controlplane.queue.places import DOOR, ENDPOINT, load, run, until

OTHER = "nvcf.deployments.b"


class Site(Protocol):
    """A queue with all its parts: workers come and go, instances are offered and withdrawn."""

    async def worker(self) -> Seats:
        """The queue of one more worker."""

    async def kill(self, worker: Seats) -> None:
        """A worker dies."""

    def offer(self, instance: str, places: int, door: str = DOOR) -> None: ...

    def withdraw(self, instance: str) -> None: ...


class _Site:
    def __init__(self) -> None:
        self._following: dict[Seats, asyncio.Task[None]] = {}

    async def _follow(self, queue: Seats) -> Seats:
        task = self._following[queue] = asyncio.create_task(queue.follow())
        await until(lambda: queue.connected or task.done())
        assert not task.done(), task.exception()
        await queue.loads()  # behind its hello
        return queue

    async def kill(self, worker: Seats) -> None:
        task = self._following.pop(worker)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def close(self) -> None:
        for worker in list(self._following):
            await self.kill(worker)


class LocalSite(_Site):
    def __init__(self, path: Path, most: int) -> None:
        super().__init__()
        self._path = str(path / "s")
        self._broker = Broker(most)
        self._server = Server(self._broker.commands, self._broker.gone)

    async def open(self) -> None:
        self._listening = await self._server.listen(self._path)

    async def close(self) -> None:
        await super().close()
        self._listening.close()
        await self._server.end()

    async def worker(self) -> Seats:
        return await self._follow(Local(self._path))

    def offer(self, instance: str, places: int, door: str = DOOR) -> None:
        self._broker.offer(door, instance, ENDPOINT, places)

    def withdraw(self, instance: str) -> None:
        self._broker.withdraw(instance)


class StateSite(_Site):
    """Instances are those of a worker of its own."""

    def __init__(self, where: str, most: int) -> None:
        super().__init__()
        self._where, self._most = where, most
        self._host = Shared(where, most)

    async def open(self) -> None:
        SqlStore(self._where).close()
        await self._follow(self._host)

    async def worker(self) -> Seats:
        return await self._follow(Shared(self._where, self._most))

    def offer(self, instance: str, places: int, door: str = DOOR) -> None:
        self._host.offer(Offer(instance, door, ENDPOINT, places))

    def withdraw(self, instance: str) -> None:
        self._host.withdraw(instance)


class StreamSite(_Site):
    """Instances are those of a runner's broker, which has no socket here."""

    def __init__(self, nats: Nats, most: int) -> None:
        super().__init__()
        self._nats, self._most = nats, most
        self._broker = Broker()

    async def open(self) -> None:
        host = Host(self._nats, "host", self._broker)
        self._hosting = asyncio.create_task(host.run())

    async def close(self) -> None:
        await super().close()
        self._hosting.cancel()
        await asyncio.gather(self._hosting, return_exceptions=True)

    async def worker(self) -> Seats:
        return await self._follow(JetStream(self._nats, self._most))

    def offer(self, instance: str, places: int, door: str = DOOR) -> None:
        self._broker.offer(door, instance, ENDPOINT, places)

    def withdraw(self, instance: str) -> None:
        self._broker.withdraw(instance)


Sites = Callable[..., AbstractAsyncContextManager[Any]]
LOCAL, JETSTREAM = "local", "jetstream"


@pytest.fixture(params=[LOCAL, stores.SQLITE, stores.POSTGRESQL, JETSTREAM])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Sites:
    @asynccontextmanager
    async def opened(most: int = 1000) -> AsyncIterator[Any]:
        made: Any
        if request.param == LOCAL:
            made = LocalSite(tmp_path, most)
        elif request.param == JETSTREAM:
            made = StreamSite(request.getfixturevalue("nats_server").nats(), most)
        elif request.param == stores.SQLITE:
            made = StateSite(str(tmp_path / "state.db"), most)
        else:
            made = StateSite(str(request.getfixturevalue("postgres").database()), most)
        await made.open()
        try:
            yield made
        finally:
            await made.close()

    if request.param == stores.POSTGRESQL:
        request.getfixturevalue("postgres")
    if request.param == JETSTREAM:
        request.getfixturevalue("nats_server")
    return opened


def test_a_place_is_taken_and_given(site: Sites) -> None:
    async def work() -> None:
        async with site() as at:
            queue = await at.worker()
            at.offer("i1", 1)
            place = await queue.take(DOOR, "r1")
            assert place[:4] == ("r1", "i1", ENDPOINT, DOOR)
            assert await queue.loads() == {DOOR: Load(0, 1)}
            queue.give(place)
            assert await queue.loads() == {}

    run(work)


def test_who_comes_first_is_served_first_whichever_worker_it_came_to(site: Sites) -> None:
    async def work() -> None:
        async with site() as at:
            queues = [await at.worker() for _ in range(3)]
            served: list[int] = []

            async def one(n: int) -> None:
                place = await queues[n % 3].take(DOOR, f"r{n}")
                served.append(n)
                queues[n % 3].give(place)

            tasks = []
            for n in range(60):
                tasks.append(asyncio.create_task(one(n)))
                await load(queues[0], Load(n + 1, 0))
            at.offer("i1", 1)
            await asyncio.gather(*tasks)
            assert served == list(range(60))
            assert await queues[0].loads() == {}

    run(work)


def test_never_more_than_there_are_places(site: Sites) -> None:
    async def work() -> None:
        async with site() as at:
            queues = [await at.worker() for _ in range(3)]
            at.offer("small", 2)
            at.offer("large", 3)
            used: dict[str, int] = {"small": 0, "large": 0}
            most: dict[str, int] = {}

            async def one(n: int) -> None:
                queue = queues[n % 3]
                place = await queue.take(DOOR, f"r{n}")
                used[place.instance] += 1
                most[place.instance] = max(most.get(place.instance, 0), used[place.instance])
                await asyncio.sleep(0)
                used[place.instance] -= 1
                queue.give(place)

            await asyncio.gather(*(one(n) for n in range(200)))
            assert most == {"small": 2, "large": 3}
            assert await queues[0].loads() == {}

    run(work)


def test_the_instance_with_the_smallest_share_taken_is_next(site: Sites) -> None:
    async def work() -> None:
        async with site() as at:
            queue = await at.worker()
            at.offer("large", 4)
            at.offer("small", 2)
            found = [(await queue.take(DOOR, f"r{n}")).instance for n in range(6)]
            assert sorted(found[:3]) == ["large", "large", "small"]
            assert sorted(found) == ["large"] * 4 + ["small"] * 2

    run(work)


def test_doors_do_not_stand_in_each_others_way(site: Sites) -> None:
    async def work() -> None:
        async with site() as at:
            queue = await at.worker()
            at.offer("i1", 1, OTHER)
            waiting = asyncio.create_task(queue.take(DOOR, "r1"))
            await load(queue, Load(1, 0))
            place = await queue.take(OTHER, "r2")
            assert await queue.loads() == {DOOR: Load(1, 0), OTHER: Load(0, 1)}
            queue.give(place)
            waiting.cancel()

    run(work)


def test_who_is_cancelled_gives_up_its_turn(site: Sites) -> None:
    async def work() -> None:
        async with site() as at:
            one, two = await at.worker(), await at.worker()
            gone = asyncio.create_task(one.take(DOOR, "r1"))
            await load(one, Load(1, 0))
            next_ = asyncio.create_task(two.take(DOOR, "r2"))
            await load(one, Load(2, 0))
            gone.cancel()
            await asyncio.gather(gone, return_exceptions=True)
            await load(two, Load(1, 0))
            at.offer("i1", 1)
            assert (await next_).request == "r2"

    run(work)


def test_a_place_that_crosses_a_cancellation_comes_back(site: Sites) -> None:
    async def work() -> None:
        async with site() as at:
            queue, other = await at.worker(), await at.worker()
            for n in range(20):
                waiting = asyncio.create_task(queue.take(DOOR, f"r{n}"))
                await asyncio.sleep(0)
                at.offer(f"i{n}", 1)
                waiting.cancel()
                await asyncio.gather(waiting, return_exceptions=True)
                at.withdraw(f"i{n}")
            await load(other, Load())

    run(work)


def test_what_the_dead_held_and_waited_for_is_free(site: Sites) -> None:
    async def work() -> None:
        async with site() as at:
            alive, dying = await at.worker(), await at.worker()
            at.offer("i1", 1)
            await dying.take(DOOR, "r1")
            before = asyncio.create_task(dying.take(DOOR, "r2"))
            await load(alive, Load(1, 1))
            waiting = asyncio.create_task(alive.take(DOOR, "r3"))
            await load(alive, Load(2, 1))
            await at.kill(dying)
            assert (await waiting).request == "r3"
            before.cancel()

    run(work)


def test_a_seat_is_not_kept_while_another_worker_waits(site: Sites) -> None:
    async def work() -> None:
        async with site() as at:
            one, two = await at.worker(), await at.worker()
            at.offer("i1", 1)
            for n in range(5):
                one.give(await one.take(DOOR, f"a{n}"))
                two.give(await two.take(DOOR, f"b{n}"))

    run(work)


def test_a_seat_serves_the_next_request_without_asking(site: Sites) -> None:
    async def work() -> None:
        async with site() as at:
            queue = await at.worker()
            at.offer("i1", 1)
            first = await queue.take(DOOR, "r1")
            queue.give(first)
            assert queue.ready(DOOR, "r2") == first._replace(request="r2")
            assert queue.ready(DOOR, "r3") is None

    run(work)


def test_a_request_that_comes_again_while_its_seat_serves_another_leaks_no_place(
    site: Sites,
) -> None:
    async def work() -> None:
        async with site() as at:
            queue = await at.worker()
            at.offer("i1", 2)
            queue.give(await queue.take(DOOR, "r1"))  # nobody was reached
            other = queue.ready(DOOR, "r2")
            assert other is not None
            again = await queue.take(DOOR, "r1")
            assert again.seat != other.seat
            queue.give(other)
            queue.give(again)
            await load(queue, Load())
            await queue.take(DOOR, "r3")
            await queue.take(DOOR, "r4")

    run(work)


def test_where_a_request_stands(site: Sites) -> None:
    async def work() -> None:
        async with site() as at:
            one, two = await at.worker(), await at.worker()
            tasks = []
            for n, queue in enumerate((one, two, one, two)):
                tasks.append(asyncio.create_task(queue.take(DOOR, f"r{n}")))
                await load(one, Load(n + 1, 0))
            found = [await two.position(f"r{n}") for n in range(4)]
            assert found == [Position(DOOR, n) for n in (1, 2, 3, 4)]
            assert await one.position("other") is None
            at.offer("i1", 2)
            await asyncio.gather(*tasks[:2])
            assert await one.position("r0") is None
            assert await one.position("r3") == Position(DOOR, 2)
            assert await two.loads() == {DOOR: Load(2, 2)}
            for task in tasks:
                task.cancel()

    run(work)


def test_too_many_are_refused_and_no_others(site: Sites) -> None:
    async def work() -> None:
        async with site(most=2) as at:
            one, two = await at.worker(), await at.worker()
            first = asyncio.create_task(one.take(DOOR, "r1"))
            second = asyncio.create_task(two.take(DOOR, "r2"))
            await load(one, Load(2, 0))
            for queue in (one, two):
                with pytest.raises(RateLimited, match="2 requests wait already"):
                    await queue.take(DOOR, "r3")
            at.offer("i1", 2)
            found = {(await task).request for task in (first, second)}
            assert found == {"r1", "r2"}
            at.offer("other", 1, OTHER)
            assert (await one.take(OTHER, "r4")).instance == "other"

    run(work)


def test_limits_count_for_all_workers_together(site: Sites) -> None:
    async def work() -> None:
        async with site() as at:
            one, two = await at.worker(), await at.worker()
            limit = [Limit("function", 3, 604_800)]
            found = [await q.count(limit) for q in (one, two, one, two)]
            assert found == [True, True, True, False]
            both = [Limit("other", 5, 604_800), *limit]
            assert not await one.count(both)
            five = [await q.count(both[:1]) for q in (one, two) * 3]
            assert five == [True] * 5 + [False]

    run(work)


def test_everybody_hears_of_results_and_instances(site: Sites) -> None:
    async def work() -> None:
        async with site() as at:
            one, two = await at.worker(), await at.worker()
            heard: list[Any] = []
            two.settled = heard.append
            two.offered = lambda door, count: heard.append((door, count))
            one.settle("r1")
            await until(lambda: heard == ["r1"])
            at.offer("i1", 1)
            await until(lambda: heard == ["r1", (DOOR, 1)])
            at.withdraw("i1")
            await until(lambda: heard == ["r1", (DOOR, 1), (DOOR, 0)])

    run(work)


def test_a_withdrawn_instance_takes_no_more_and_keeps_what_it_has(site: Sites) -> None:
    async def work() -> None:
        async with site() as at:
            one, two = await at.worker(), await at.worker()
            at.offer("i1", 3)
            kept, used = await one.take(DOOR, "r1"), await one.take(DOOR, "r2")
            one.give(kept)
            gone: list[int] = []
            one.offered = lambda _door, count: gone.append(count)
            at.withdraw("i1")
            await until(lambda: gone == [0])
            assert one.ready(DOOR, "r3") is None
            waiting = asyncio.create_task(two.take(DOOR, "r4"))
            await load(two, Load(1, 1))
            one.give(used)
            await load(two, Load(1, 0))
            at.offer("i1", 1)
            assert (await waiting).instance == "i1"

    run(work)


def test_who_waits_at_a_door_is_said(site: Sites) -> None:
    async def work() -> None:
        async with site() as at:
            one, two = await at.worker(), await at.worker()
            crowds: list[str] = []
            one.crowded = crowds.append
            waiting = asyncio.create_task(two.take(DOOR, "r1"))
            await until(lambda: crowds == [DOOR])
            waiting.cancel()

    run(work)
