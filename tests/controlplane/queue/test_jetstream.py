"""The queue in JetStream: its streams, and what happens when workers, runners or NATS itself die."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from aicr.errors import InvalidRequest, Unavailable
from controlplane.queue.jetstream import host as hosts
from controlplane.queue.jetstream.check import check
from controlplane.queue.jetstream.connection import connect
from controlplane.queue.jetstream.counters import Counters
from controlplane.queue.jetstream.host import Host
from controlplane.queue.jetstream.layout import Nats
from controlplane.queue.jetstream.queue import JetStream
from controlplane.queue.jetstream.streams import Streams
from controlplane.queue.protocol import Limit, Load, Place
from controlplane.runner.broker import Broker
from tests.controlplane.queue.places import DOOR, ENDPOINT, followed, load, run, until
from tests.nats import NatsServer
from tests.nats import nats_server as a_server

HOLD = """
import asyncio, sys
from controlplane.queue.jetstream.layout import Nats
from controlplane.queue.jetstream.queue import JetStream
async def main():
    queue = JetStream(Nats((sys.argv[1],), region=sys.argv[2]))
    following = asyncio.create_task(queue.follow())
    await queue.take(sys.argv[3], "theirs")
    waiting = asyncio.create_task(queue.take(sys.argv[3], "later"))
    while (await queue.loads()).get(sys.argv[3], (0, 0))[0] < 1:
        await asyncio.sleep(0.01)
    print("holds", flush=True)
    await asyncio.sleep(1000)
asyncio.run(main())
"""


@pytest.fixture
def nats(nats_server: NatsServer) -> Nats:
    return nats_server.nats()


@pytest.fixture
def mortal() -> Iterator[NatsServer]:
    """A server that may be killed."""
    with a_server() as server:
        yield server


class Machine:
    """A host: its broker, and what serves JetStream with it."""

    def __init__(self, nats: Nats, name: str = "host", address: str = "127.0.0.1") -> None:
        self.broker = Broker()
        self._task = asyncio.create_task(Host(nats, name, self.broker, address).run())

    async def die(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


@asynccontextmanager
async def machine(nats: Nats, *more: str) -> AsyncIterator[Machine]:
    found = Machine(nats, *more)
    try:
        yield found
    finally:
        await found.die()


@asynccontextmanager
async def workers(nats: Nats, count: int) -> AsyncIterator[list[JetStream]]:
    async with followed([JetStream(nats) for _ in range(count)]) as queues:
        yield queues


@asynccontextmanager
async def holder(nats: Nats) -> AsyncIterator[subprocess.Popen[bytes]]:
    """A process that holds the only place, and waits for another one."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    command = [sys.executable, "-c", HOLD, nats.servers[0], nats.region, DOOR]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        try:
            assert process.stdout is not None
            assert await asyncio.to_thread(process.stdout.readline) == b"holds\n"
            yield process
        finally:
            process.kill()


def test_streams_are_those_of_nvcf(nats: Nats) -> None:
    version = "7d3c2c1c-4c3b-4f5e-9d0f-5a1b2c3d4e5f"
    door = f"nvcf.deployments.{version}"

    async def work() -> None:
        async with workers(nats, 1) as (queue,):
            waiting = asyncio.create_task(queue.take(door, "r1"))

            async def waits() -> bool:
                return (await queue.loads()).get(door) == Load(1, 0)

            await until(waits)
            client = await connect(nats, "test", lambda: None)
            stream = f"rq_{nats.region}_{version}"
            info = await client.jetstream().stream_info(stream)
            assert info.config.subjects == [f"rq.{nats.region}.{version}.>"]
            assert (info.config.retention, info.config.discard) == ("workqueue", "new")
            (consumer,) = await client.jetstream().consumers_info(stream)
            assert (consumer.name, consumer.config.ack_policy) == (f"{stream}_workers", "explicit")
            found = await client.jetstream().get_last_msg(stream, f"rq.{nats.region}.{version}.r1")
            assert json.loads(found.data or b"")["request"] == "r1"
            await client.close()
            waiting.cancel()

    run(work)


def test_what_a_killed_process_had_goes_to_others(nats: Nats) -> None:
    async def work() -> None:
        async with machine(nats) as here, workers(nats, 1) as (queue,):
            here.broker.offer(DOOR, "i1", ENDPOINT, 1)
            async with holder(nats) as process:
                waiting = asyncio.create_task(queue.take(DOOR, "ours"))
                await load(queue, Load(2, 1))
                process.kill()
                assert (await waiting).request == "ours"
            await load(queue, Load(0, 1))

    run(work)


def test_who_says_nothing_for_too_long_is_dead_and_says_what_it_has_when_it_is_not(
    nats: Nats, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosts, "BEAT_SECONDS", 0.1)
    monkeypatch.setattr(hosts, "DEAD_SECONDS", 0.5)

    async def work() -> None:
        async with machine(nats) as here, workers(nats, 1) as (queue,):
            here.broker.offer(DOOR, "i1", ENDPOINT, 1)
            async with holder(nats) as process:
                waiting = asyncio.create_task(queue.take(DOOR, "ours"))
                await load(queue, Load(2, 1))
                process.send_signal(signal.SIGSTOP)
                place = await waiting  # the other one, that waits as well, is as dead
                process.send_signal(signal.SIGCONT)
                # More than there are places, as they are: nobody is cut off. What it waits for was
                # forgotten with it, and is said again.
                await load(queue, Load(1, 2))
                queue.give(place)
                await load(queue, Load(1, 1))

    run(work)


def test_when_nats_dies_nobody_loses_a_turn_or_a_place(mortal: NatsServer) -> None:
    nats = mortal.nats()

    async def work() -> None:
        async with machine(nats) as here, workers(nats, 2) as (one, two):
            here.broker.offer(DOOR, "i1", ENDPOINT, 1)
            held = await one.take(DOOR, "r1")
            waiting = asyncio.create_task(two.take(DOOR, "r2"))
            await load(two, Load(1, 1))
            await asyncio.to_thread(mortal.kill)
            await until(lambda: not one.connected and not two.connected)
            later = asyncio.create_task(one.take(DOOR, "r3"))
            await asyncio.to_thread(mortal.start)
            await load(two, Load(2, 1))
            assert not waiting.done()
            one.give(held)

            async def passed_on(queue: JetStream, turn: asyncio.Task[Place]) -> None:
                queue.give(await turn)

            await asyncio.gather(passed_on(two, waiting), passed_on(one, later))

    run(work)


def test_what_was_given_back_while_nats_was_away_is_free(mortal: NatsServer) -> None:
    nats = mortal.nats()

    async def work() -> None:
        async with machine(nats) as here, workers(nats, 1) as (queue,):
            here.broker.offer(DOOR, "i1", ENDPOINT, 1)
            place = await queue.take(DOOR, "r1")
            await asyncio.to_thread(mortal.kill)
            await until(lambda: not queue.connected)
            queue.give(place)
            await asyncio.to_thread(mortal.start)
            assert (await queue.take(DOOR, "r2")).instance == "i1"

    run(work)


def test_the_next_runner_of_a_host_knows_what_is_held(nats: Nats) -> None:
    async def work() -> None:
        async with workers(nats, 2) as (one, two):
            async with machine(nats) as first:
                first.broker.offer(DOOR, "i1", ENDPOINT, 2)
                held = await one.take(DOOR, "r1")
            async with machine(nats) as second:
                second.broker.offer(DOOR, "i1", ENDPOINT, 2)
                other = await two.take(DOOR, "r2")
                waiting = asyncio.create_task(two.take(DOOR, "r3"))
                await load(one, Load(1, 2))
                one.give(held)
                assert (await waiting).instance == "i1"
                two.give(other)

    run(work)


def test_two_hosts_serve_one_line(nats: Nats) -> None:
    async def work() -> None:
        async with (
            machine(nats, "one", "10.0.0.1") as first,
            machine(nats, "two", "10.0.0.2") as second,
            workers(nats, 1) as (queue,),
        ):
            counts: list[int] = []
            queue.offered = lambda _door, count: counts.append(count)
            first.broker.offer(DOOR, "i1", "127.0.0.1:1", 1)
            await until(lambda: counts == [1])
            second.broker.offer(DOOR, "i2", "127.0.0.1:2", 1)
            await until(lambda: counts == [1, 2])
            places = [await queue.take(DOOR, f"r{n}") for n in range(2)]
            assert {p.endpoint for p in places} == {"10.0.0.1:1", "10.0.0.2:2"}
            await load(queue, Load(0, 2))
            waiting = asyncio.create_task(queue.take(DOOR, "r2"))
            await load(queue, Load(1, 2))
            queue.give(places[1])
            assert (await waiting).instance == places[1].instance

    run(work)


def test_the_instances_of_a_host_that_is_gone_are_not_used(nats: Nats) -> None:
    async def work() -> None:
        async with workers(nats, 1) as (queue,):
            counts: list[int] = []
            async with machine(nats) as gone:
                gone.broker.offer(DOOR, "i1", ENDPOINT, 1)
                place = await queue.take(DOOR, "r1")
                queue.offered = lambda _door, count: counts.append(count)
                queue.give(place)
            await until(lambda: counts == [0])
            assert await queue.loads() == {}
            assert queue.ready(DOOR, "r2") is None

    run(work)


def test_a_message_of_the_dead_takes_no_place(nats: Nats) -> None:
    async def work() -> None:
        client = await connect(nats, "test", lambda: None)
        streams = Streams(client, nats)
        for n in range(50):
            await streams.put(DOOR, f"dead{n}", {"owner": "nobody", "request": f"dead{n}"})
        async with machine(nats) as here, workers(nats, 1) as (queue,):
            here.broker.offer(DOOR, "i1", ENDPOINT, 1)
            assert (await queue.take(DOOR, "r1")).request == "r1"
            await load(queue, Load(0, 1))
        await client.close()

    run(work)


def test_who_goes_before_its_message_is_in_line_leaves_none(nats: Nats) -> None:
    async def work() -> None:
        async with workers(nats, 1) as (queue,):
            for n in range(20):
                waiting = asyncio.create_task(queue.take(DOOR, f"r{n}"))
                for _ in range(n):
                    await asyncio.sleep(0)
                waiting.cancel()
                await asyncio.gather(waiting, return_exceptions=True)
            await load(queue, Load())

    run(work)


def test_streams_of_what_is_gone_are_deleted_and_made_again_when_they_are_needed(
    nats: Nats,
) -> None:
    async def work() -> None:
        client = await connect(nats, "test", lambda: None)

        async def names() -> list[str]:
            found = [info.config.name or "" for info in await client.jetstream().streams_info()]
            return [name for name in found if nats.region in name]

        async def nobody(_: str) -> bool:
            return False

        async with machine(nats) as here, workers(nats, 1) as (queue,):
            waiting = asyncio.create_task(queue.take(DOOR, "r1"))
            await load(queue, Load(1, 0))
            await queue.tidy(nobody)
            assert len(await names()) == 1  # somebody waits
            here.broker.offer(DOOR, "i1", ENDPOINT, 1)
            queue.give(await waiting)
            here.broker.withdraw("i1")
            await load(queue, Load())
            await queue.tidy(nobody)
            assert await names() == []
            waiting = asyncio.create_task(queue.take(DOOR, "r2"))
            await load(queue, Load(1, 0))
            here.broker.offer(DOOR, "i2", ENDPOINT, 1)
            assert (await waiting).instance == "i2"
        await client.close()

    run(work)


def test_windows_of_limits_follow_the_clock(nats: Nats) -> None:
    async def work() -> None:
        now = [1_000_000.0]
        client = await connect(nats, "test", lambda: None)
        counters = Counters(client, nats, lambda: now[0])
        limit = Limit("f", 2, 60)
        assert [await counters.count([limit]) for _ in range(3)] == [True, True, False]
        now[0] += 60
        assert await counters.count([limit])
        await client.close()

    run(work)


def test_limits_count_once_however_many_count_at_the_same_time(nats: Nats) -> None:
    async def work() -> None:
        clients = [await connect(nats, "test", lambda: None) for _ in range(4)]
        counters = [Counters(client, nats, lambda: 0.0) for client in clients]
        limit = [Limit("f", 50, 60)]
        found = await asyncio.gather(*(counters[n % 4].count(limit) for n in range(80)))
        assert found.count(True) == 50
        for client in clients:
            await client.close()

    run(work)


def test_a_server_that_is_not_there_or_has_no_jetstream_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        Unavailable, match=r"AICR_NATS: .* at 127\.0\.0\.1:1: .*refused|failed"
    ) as e:
        check(Nats(("nats://me:secret@127.0.0.1:1",)))
    assert "secret" not in e.value.message
    no_jetstream = pytest.raises(Unavailable, match="no JetStream: start nats-server with -js")
    with a_server(jetstream=False) as server, no_jetstream:
        check(server.nats())
    with pytest.raises(InvalidRequest, match="AICR_NATS_CREDENTIALS"):
        check(Nats(("nats://127.0.0.1:1",), credentials=str(tmp_path / "none")))


def test_a_package_that_is_missing_is_named(nats: Nats, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nats.aio.client", None)
    with pytest.raises(Unavailable, match=r"pip install 'aicr\[jetstream\]'"):
        check(nats)
