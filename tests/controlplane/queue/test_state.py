"""The queue over a state: what happens when workers die, are taken for dead, or lose the database."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine

from controlplane.queue import database
from controlplane.queue.books import Books
from controlplane.queue.database import path_of
from controlplane.queue.ledger import Offer
from controlplane.queue.protocol import Load, Position
from controlplane.queue.relay import Relay
from controlplane.queue.state import Shared
from controlplane.state.sql import SqlStore, is_file, url_of
from tests.controlplane.queue.places import DOOR, ENDPOINT, followed, load, run, running, until
from tests.stores import raw

ONE = Offer("i1", DOOR, ENDPOINT, 1)
HOLD = """
import asyncio, sys
from controlplane.queue.state import Shared
async def main():
    queue = Shared(sys.argv[1])
    following = asyncio.create_task(queue.follow())
    await queue.take(sys.argv[2], "theirs")
    waiting = asyncio.create_task(queue.take(sys.argv[2], "later"))
    while (await queue.loads()).get(sys.argv[2], (0, 0))[0] < 1:
        await asyncio.sleep(0.01)
    print("holds", flush=True)
    await asyncio.sleep(1000)
asyncio.run(main())
"""


@pytest.fixture
def there(where: str) -> str:
    """A state."""
    SqlStore(where).close()
    return where


def tables(where: str) -> str:
    """Where the tables of its queue are, for `raw`."""
    return path_of(where) if is_file(where) else where


def bury(where: str, owner: str) -> None:
    """Forget an owner, as others do who take it for dead."""
    for table in ("queue_tickets", "queue_seats", "queue_offers"):
        raw(tables(where), f"DELETE FROM {table} WHERE owner = ?", owner)
    raw(tables(where), "DELETE FROM queue_owners WHERE name = ?", owner)


@asynccontextmanager
async def workers(where: str, count: int) -> AsyncIterator[list[Shared]]:
    async with followed([Shared(where) for _ in range(count)]) as queues:
        yield queues


def test_what_a_killed_process_had_goes_to_others(there: str) -> None:
    async def work() -> None:
        async with workers(there, 1) as (queue,):
            queue.offer(ONE)
            environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
            with subprocess.Popen(
                [sys.executable, "-c", HOLD, there, DOOR], stdout=subprocess.PIPE, env=environment
            ) as process:
                assert process.stdout is not None
                assert await asyncio.to_thread(process.stdout.readline) == b"holds\n"
                waiting = asyncio.create_task(queue.take(DOOR, "ours"))
                await load(queue, Load(2, 1))
                assert await queue.position("ours") == Position(DOOR, 2)
                process.kill()
                await asyncio.to_thread(process.wait)
                assert (await waiting).request == "ours"
            await load(queue, Load(0, 1))

    run(work)


def test_who_said_nothing_for_too_long_is_dead(there: str) -> None:
    async def work() -> None:
        async with workers(there, 1) as (queue,):
            queue.offer(ONE)
            await queue.loads()
            at, gone = tables(there), "elsewhere/boot/1/1#a"
            raw(at, "INSERT INTO queue_owners (name, expires) VALUES (?, ?)", gone, time.time() + 2)
            raw(
                at,
                "INSERT INTO queue_seats (seat, door, instance, endpoint, owner) VALUES (?, ?, ?, ?, ?)",
                "s", DOOR, "i1", ENDPOINT, gone,
            )  # fmt: skip
            began = time.monotonic()
            place = await queue.take(DOOR, "ours")
            assert place.request == "ours"
            assert time.monotonic() - began > 1
            assert raw(at, "SELECT count(*) FROM queue_owners") == [(1,)]

    run(work)


def test_who_was_taken_for_dead_says_again_what_it_has(there: str) -> None:
    async def work() -> None:
        async with workers(there, 2) as (host, queue):
            host.offer(ONE)
            held = await queue.take(DOOR, "held")
            tasks = []
            for n in range(3):
                tasks.append(asyncio.create_task(queue.take(DOOR, f"r{n}")))
                await load(host, Load(n + 1, 1))
            owner = queue._owner
            bury(there, owner)
            await until(lambda: queue.connected and queue._owner != owner)
            await load(host, Load(3, 1))
            found = [await host.position(f"r{n}") for n in range(3)]
            assert found == [Position(DOOR, n) for n in (1, 2, 3)]
            queue.give(held)
            for n, task in enumerate(tasks):
                place = await task
                assert place.request == f"r{n}"
                queue.give(place)
            await load(host, Load())

    run(work)


def test_a_lost_connection_loses_nobody(postgres: Any) -> None:
    where = postgres.database()
    SqlStore(where).close()

    async def work() -> None:
        async with workers(where, 2) as (one, two):
            one.offer(ONE)
            held = await one.take(DOOR, "held")
            waiting = asyncio.create_task(two.take(DOOR, "r"))
            await load(one, Load(1, 1))
            for _ in range(3):
                raw(
                    where,
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()",
                )
                await load(one, Load(1, 1))
            one.give(held)
            assert (await waiting).request == "r"
            await load(one, Load(0, 1))

    run(work)


def test_instances_of_a_worker_that_ends_are_offered_by_the_others_of_its_host(there: str) -> None:
    async def work() -> None:
        async with workers(there, 2) as (one, queue):
            async with workers(there, 1) as (other,):
                for host in (one, other):
                    host.offer(ONE)
                queue.give(await queue.take(DOOR, "r1"))
            queue.give(await queue.take(DOOR, "r2"))
            counts: list[int] = []
            queue.offered = lambda _door, count: counts.append(count)
            one.withdraw("i1")
            await until(lambda: counts == [0])

    run(work)


def test_a_runner_offers_its_instances_and_drains_for_other_hosts(
    there: str, tmp_path: Path
) -> None:
    async def work() -> None:
        async with running(tmp_path / "s") as runner, workers(there, 2) as (host, other):
            runner.broker.offer(DOOR, "old", "127.0.0.1:1", 1)
            relay = Relay(str(tmp_path / "s"), host, "10.0.0.5")
            following = asyncio.create_task(relay.follow())
            first = await other.take(DOOR, "r1")
            assert (first.instance, first.endpoint) == ("old", "10.0.0.5:1")
            runner.broker.offer(DOOR, "new", "127.0.0.1:2", 1)
            second = await other.take(DOOR, "r2")
            assert (second.instance, second.endpoint) == ("new", "10.0.0.5:2")
            runner.broker.withdraw("old")
            waiting = asyncio.create_task(other.take(DOOR, "r3"))
            await load(host, Load(1, 2))
            assert runner.broker.running("old") == 1
            other.give(first)
            await until(lambda: runner.broker.running("old") == 0)
            await load(host, Load(1, 1))
            other.give(second)
            assert (await waiting).instance == "new"
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)

    run(work)


def test_another_thread_can_ask_what_goes_on(there: str) -> None:
    async def work() -> None:
        async with workers(there, 1) as (queue,):
            assert await asyncio.to_thread(queue.loads_now) == {}
            waiting = asyncio.create_task(queue.take(DOOR, "r"))
            await load(queue, Load(1, 0))
            assert await asyncio.to_thread(queue.loads_now) == {DOOR: Load(1, 0)}
            waiting.cancel()
        assert Shared(there).loads_now() == {}

    run(work)


def test_a_file_of_another_version_is_made_anew(tmp_path: Path) -> None:
    where = str(tmp_path / "state.db")
    for _ in range(2):
        books = Books(where, 1)
        books.open()
        books.hello([], [ONE], "")
        assert raw(path_of(where), "SELECT count(*) FROM queue_owners") == [(1,)]
        books.close()
        raw(path_of(where), "ALTER TABLE queue_owners ADD COLUMN more TEXT")
        raw(path_of(where), "PRAGMA user_version=99")
    assert os.stat(path_of(where)).st_mode & 0o777 == 0o600


def test_the_state_does_not_look_changed_when_requests_wait(tmp_path: Path) -> None:
    where = str(tmp_path / "state.db")
    store = SqlStore(where)

    async def work() -> None:
        async with workers(where, 1) as (queue,):
            queue.offer(ONE)
            before = store.version()
            queue.give(await queue.take(DOOR, "r1"))
            assert await queue.loads() == {}
            assert store.version() == before

    run(work)
    store.close()


def test_a_clock_that_is_wrong_goes_by_that_of_the_database(
    postgres: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = create_engine(url_of(postgres.database()))
    with engine.connect() as tx:
        assert database.wrong(tx) == 0
        now = time.time
        monkeypatch.setattr(database.time, "time", lambda: now() - 100)
        assert 99 < database.wrong(tx) < 101
    engine.dispose()
