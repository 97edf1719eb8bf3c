"""The queue of one host, over the runner's socket."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from aicr.errors import RateLimited
from controlplane.queue import seats
from controlplane.queue.local import Local, loads_at
from controlplane.queue.protocol import Limit, Load, Place, Position
from controlplane.runner.broker import Broker
from tests.controlplane.queue.places import DOOR, ENDPOINT, running, until, workers


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "s"


def test_a_place_is_taken_and_given(path: Path) -> None:
    async def work() -> None:
        async with running(path) as runner, workers(path) as (queue,):
            runner.broker.offer(DOOR, "i1", ENDPOINT, 1)
            place = await queue.take(DOOR, "r1")
            assert place == Place("r1", "i1", ENDPOINT, DOOR, place.seat)
            assert await queue.loads() == {DOOR: Load(0, 1)}
            queue.give(place)
            await until(lambda: runner.broker.running("i1") == 0)

    run(work())


def test_a_seat_serves_the_next_request_without_asking(path: Path) -> None:
    async def work() -> None:
        async with running(path) as runner, workers(path) as (queue,):
            runner.broker.offer(DOOR, "i1", ENDPOINT, 1)
            first = await queue.take(DOOR, "r1")
            queue.give(first)
            again = queue.ready(DOOR, "r2")
            assert again == first._replace(request="r2")
            assert queue.ready(DOOR, "r3") is None

    run(work())


def test_a_seat_that_is_kept_is_no_load(path: Path) -> None:
    async def work() -> None:
        async with running(path) as runner, workers(path, 2) as (one, two):
            runner.broker.offer(DOOR, "i1", ENDPOINT, 2)
            kept, _used = await one.take(DOOR, "r1"), await one.take(DOOR, "r2")
            one.give(kept)
            assert await two.loads() == {DOOR: Load(0, 1)}
            found = await asyncio.to_thread(loads_at, str(path))
            assert found == {DOOR: Load(0, 1)}
            assert runner.broker.running("i1") == 1

    run(work())


def test_a_seat_is_not_kept_while_another_worker_waits(path: Path) -> None:
    async def work() -> None:
        async with running(path) as runner, workers(path, 2) as (one, two):
            runner.broker.offer(DOOR, "i1", ENDPOINT, 1)
            one.give(await one.take(DOOR, "r1"))
            place = await asyncio.wait_for(two.take(DOOR, "r2"), 5)
            assert one.ready(DOOR, "r3") is None
            two.give(place)

    run(work())


def test_requests_of_two_workers_are_served_in_their_order(path: Path) -> None:
    async def work() -> None:
        async with running(path) as runner, workers(path, 2) as queues:
            served = []

            async def one(n: int) -> None:
                place = await queues[n % 2].take(DOOR, f"r{n}")
                served.append(n)
                queues[n % 2].give(place)

            tasks = [asyncio.create_task(one(n)) for n in range(300)]

            async def all_wait() -> bool:
                return (await queues[0].loads()).get(DOOR) == Load(300, 0)

            await until(all_wait)
            runner.broker.offer(DOOR, "i1", ENDPOINT, 1)
            await asyncio.gather(*tasks)
            assert served == sorted(served)

    run(work())


def test_who_is_cancelled_waits_no_more_and_leaks_no_place(path: Path) -> None:
    async def work() -> None:
        async with running(path) as runner, workers(path) as (queue,):
            waiting = asyncio.create_task(queue.take(DOOR, "r1"))

            async def waits() -> bool:
                return (await queue.loads()).get(DOOR) == Load(1, 0)

            await until(waits)
            waiting.cancel()
            runner.broker.offer(DOOR, "i1", ENDPOINT, 1)  # it may cross the cancellation
            await asyncio.gather(waiting, return_exceptions=True)
            await until(lambda: runner.broker.running("i1") == 0)
            assert await queue.loads() == {}

    run(work())


def test_too_many_are_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        async with running(path) as runner, workers(path) as (queue,):
            runner.broker._doors._max = 1
            waiting = asyncio.create_task(queue.take(DOOR, "r1"))

            async def waits() -> bool:
                return (await queue.loads()).get(DOOR) == Load(1, 0)

            await until(waits)
            with pytest.raises(RateLimited):
                await queue.take(DOOR, "r2")
            waiting.cancel()

    run(work())


def test_a_crash_of_the_runner_loses_nobody(path: Path) -> None:
    async def work() -> None:
        async with running(path) as runner, workers(path, 2) as queues:
            runner.broker.offer(DOOR, "i1", ENDPOINT, 1)
            held = await queues[0].take(DOOR, "r0")
            served = []

            async def one(n: int) -> None:
                place = await queues[n % 2].take(DOOR, f"r{n}")
                served.append(n)
                queues[n % 2].give(place)

            tasks = [asyncio.create_task(one(n)) for n in range(1, 40)]

            async def all_wait() -> bool:
                return (await queues[0].loads()).get(DOOR) == Load(39, 1)

            await until(all_wait)
            await runner.crash()
            await runner.start()
            runner.broker.close()
            runner.broker.offer(DOOR, "i1", ENDPOINT, 1)
            await until(all_wait)
            runner.broker.open()
            assert served == []
            queues[0].give(held)
            await asyncio.gather(*tasks)
            assert served == list(range(1, 40))

    run(work())


def test_seats_of_a_runner_that_is_gone_are_not_those_of_the_next(path: Path) -> None:
    async def work() -> None:
        async with running(path) as runner, workers(path) as (queue,):
            runner.broker.offer(DOOR, "i1", ENDPOINT, 2)
            old = await queue.take(DOOR, "r1")
            await runner.crash()
            await runner.start()
            runner.broker.offer(DOOR, "i1", ENDPOINT, 2)
            new = await queue.take(DOOR, "r2")
            assert runner.broker.running("i1") == 2
            queue.give(old)
            queue.give(new)
            await until(lambda: runner.broker.running("i1") == 0)

    run(work())


def test_a_worker_that_dies_gives_back_what_it_held(path: Path) -> None:
    async def work() -> None:
        async with running(path) as runner, workers(path) as (alive,):
            runner.broker.offer(DOOR, "i1", ENDPOINT, 1)
            async with workers(path) as (dying,):
                await dying.take(DOOR, "r1")
                waiting = asyncio.create_task(alive.take(DOOR, "r2"))

                async def waits() -> bool:
                    return (await alive.loads()).get(DOOR) == Load(1, 1)

                await until(waits)
            assert (await asyncio.wait_for(waiting, 5)).request == "r2"

    run(work())


def test_idle_seats_of_a_withdrawn_instance_go_back(path: Path) -> None:
    async def work() -> None:
        async with running(path) as runner, workers(path) as (queue,):
            runner.broker.offer(DOOR, "i1", ENDPOINT, 2)
            kept, used = await queue.take(DOOR, "r1"), await queue.take(DOOR, "r2")
            queue.give(kept)
            runner.broker.withdraw("i1")
            await until(lambda: runner.broker.running("i1") == 1)
            assert queue.ready(DOOR, "r3") is None
            queue.give(used)
            await until(lambda: runner.broker.running("i1") == 0)

    run(work())


def test_instances_that_went_are_forgotten_but_not_those_in_use(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seats, "MAX_WITHDRAWN", 10)

    async def work() -> None:
        async with running(path) as runner, workers(path) as (queue,):
            runner.broker.offer(DOOR, "i0", ENDPOINT, 1)
            used = await queue.take(DOOR, "r1")
            runner.broker.withdraw("i0")
            for n in range(1, 100):
                runner.broker.offer(DOOR, f"i{n}", ENDPOINT, 1)
                runner.broker.withdraw(f"i{n}")
            await queue.loads()
            assert "i99" in queue._withdrawn
            assert len(queue._withdrawn) <= 10
            queue.give(used)
            assert queue.ready(DOOR, "r2") is None

    run(work())


def test_positions_and_loads_without_a_runner_are_those_of_the_worker(path: Path) -> None:
    async def work() -> None:
        queue = Local(str(path))
        tasks = [asyncio.create_task(queue.take(DOOR, f"r{n}")) for n in range(3)]
        await asyncio.sleep(0)
        assert await queue.loads() == {DOOR: Load(3, 0)}
        assert await queue.position("r2") == Position(DOOR, 3)
        assert await queue.position("other") is None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert await queue.loads() == {}
        assert loads_at(str(path)) == {}

    run(work())


def test_limits_count_for_all_workers_together(path: Path) -> None:
    async def work() -> None:
        async with running(path), workers(path, 2) as (one, two):
            limit = [Limit("function", 3, 3600)]
            found = [await q.count(limit) for q in (one, two, one, two)]
            assert found == [True, True, True, False]

    run(work())


def test_everybody_hears_of_results_and_instances(path: Path) -> None:
    async def work() -> None:
        async with running(path) as runner, workers(path, 2) as (one, two):
            heard: list[Any] = []
            two.settled = heard.append
            two.offered = lambda door, count: heard.append((door, count))
            one.settle("r1")
            await until(lambda: heard == ["r1"])
            runner.broker.offer(DOOR, "i1", ENDPOINT, 1)
            await until(lambda: heard == ["r1", (DOOR, 1)])
            runner.broker.withdraw("i1")
            await until(lambda: heard == ["r1", (DOOR, 1), (DOOR, 0)])

    run(work())


def test_a_broker_that_is_closed_grants_nothing() -> None:
    async def work() -> None:
        broker = Broker()
        broker.close()
        broker.offer(DOOR, "i1", ENDPOINT, 1)
        taken = broker.commands["take"](object(), {"door": DOOR, "request": "r", "order": 1})  # type: ignore[arg-type]
        assert not taken.done()
        broker.open()
        assert taken.result()[1:] == ["i1", ENDPOINT]

    run(work())
