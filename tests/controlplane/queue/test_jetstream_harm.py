"""The queue in JetStream among what goes wrong: each of these once lost a request, a place or more."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from aicr.errors import Unavailable
from controlplane.queue.jetstream import line
from controlplane.queue.jetstream import link as links
from controlplane.queue.jetstream.check import check
from controlplane.queue.jetstream.connection import Outbox, connect
from controlplane.queue.jetstream.counters import Counters
from controlplane.queue.jetstream.layout import Nats, key_of
from controlplane.queue.jetstream.link import StreamLink
from controlplane.queue.jetstream.queue import JetStream
from controlplane.queue.protocol import Limit, Load
from controlplane.runner.recruited import Recruited, identity
from tests.controlplane.queue.places import DOOR, ENDPOINT, load, run, until
from tests.controlplane.queue.test_jetstream import machine, workers
from tests.nats import NatsServer
from tests.nats import nats_server as a_server


@pytest.fixture
def nats(nats_server: NatsServer) -> Nats:
    return nats_server.nats()


@pytest.fixture
def mortal() -> Iterator[NatsServer]:
    """A server that may be killed."""
    with a_server() as server:
        yield server


def test_a_server_that_is_down_is_passed_over(nats: Nats) -> None:
    several = nats._replace(servers=("nats://127.0.0.1:1", *nats.servers))

    async def work() -> None:
        async with machine(several) as here, workers(several, 1) as (queue,):
            here.broker.offer(DOOR, "i1", ENDPOINT, 1)
            link = queue._link
            queue.give(await queue.take(DOOR, "r1"))
            await queue.loads()
            assert queue._link is link

    run(work)


def test_a_message_that_cannot_be_sent_stops_no_other(nats: Nats) -> None:
    async def work() -> None:
        client = await connect(nats, "test", lambda: None)
        heard: list[bytes] = []

        async def hear(message: Any) -> None:
            heard.append(message.data)

        await client.subscribe(nats.owner("x"), cb=hear)
        out = Outbox(client, lambda: None)
        out.put("no subject at all", b"1")
        out.put(nats.owner("x"), bytes(2 * 1024 * 1024))
        out.put(nats.owner("x"), b"3")
        await until(lambda: heard == [b"3"])
        await out.close()

    run(work)


def test_a_connection_that_ends_without_a_word_is_noticed(nats: Nats) -> None:
    async def work() -> None:
        async with machine(nats) as here, workers(nats, 1) as (queue,):
            here.broker.offer(DOOR, "i1", ENDPOINT, 1)
            link = queue._link
            assert link is not None
            link._client._closed_cb = None  # as when sending finds it reset
            await link._client.close()
            assert (await queue.take(DOOR, "r1")).instance == "i1"
            assert queue._link is not link

    run(work)


@pytest.mark.parametrize("subject", ["hosts", "news"])
@pytest.mark.parametrize(
    "said",
    [
        {"do": "loads", "owner": "zz"},
        {"do": "hello", "owner": "a b", "held": [], "got": 0},
        {"do": "hello", "owner": "ab", "held": [[]], "got": "x"},
        {"say": "host", "host": "a b", "session": "1"},
        {"say": "crowd"},
        [],
    ],
)
def test_what_others_say_stops_nobody(nats: Nats, subject: str, said: Any) -> None:
    async def work() -> None:
        async with machine(nats) as here, workers(nats, 1) as (queue,):
            here.broker.offer(DOOR, "i1", ENDPOINT, 1)
            client = await connect(nats, "test", lambda: None)
            await client.publish(getattr(nats, subject), json.dumps(said).encode())
            await client.flush()
            queue.give(await queue.take(DOOR, "r1"))
            await load(queue, Load())
            await client.close()

    run(work)


def test_who_holds_more_than_fits_into_a_message_says_all_of_it(
    nats: Nats, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "SEATS_AT_ONCE", 3)

    async def work() -> None:
        async with workers(nats, 1) as (queue,):
            async with machine(nats) as first:
                first.broker.offer(DOOR, "i1", ENDPOINT, 10)
                places = [await queue.take(DOOR, f"r{n}") for n in range(8)]
            async with machine(nats) as second:
                second.broker.offer(DOOR, "i1", ENDPOINT, 10)
                await load(queue, Load(0, 8))
                for place in places:
                    queue.give(place)
                await load(queue, Load())

    run(work)


def test_a_count_that_is_going_on_when_the_connection_ends_harms_nobody(
    mortal: NatsServer,
) -> None:
    nats = mortal.nats()

    async def work() -> None:
        async with machine(nats) as here, workers(nats, 2) as (one, two):
            here.broker.offer(DOOR, "i1", ENDPOINT, 2)
            held = await one.take(DOOR, "r1")
            two.settled = lambda _request: None
            two._topics["return"] = lambda _message: None  # it does not answer
            counting = asyncio.ensure_future(one.loads())
            await until(lambda: bool(here.broker._rounds))
            await asyncio.to_thread(mortal.kill)
            await asyncio.to_thread(mortal.start)
            await counting
            assert (await two.take(DOOR, "r2")).instance == "i1"
            waiting = asyncio.create_task(two.take(DOOR, "r3"))
            await load(one, Load(1, 2))
            one.give(held)
            await waiting

    run(work)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("nvcf.deployments.team-a.echo", "nvcf.deployments.team-b.echo"),
        ("nvcf.deployments.a:b", "nvcf.deployments.a@b"),
        ("nvcf.deployments.a.b", "nvcf.deployments.a=2e=b"),
        ("nvcf.deployments." + "x" * 250 + "1", "nvcf.deployments." + "x" * 250 + "2"),
    ],
)
def test_no_two_deployments_have_one_line(nats: Nats, one: str, other: str) -> None:
    assert key_of(one) != key_of(other)

    async def work() -> None:
        async with machine(nats) as here, workers(nats, 1) as (queue,):
            here.broker.offer(one, "of-one", ENDPOINT, 1)
            waiting = asyncio.create_task(queue.take(other, "r1"))

            async def waits() -> bool:
                return (await queue.loads()).get(other) == Load(1, 0)

            await until(waits)
            assert (await queue.take(one, "r2")).instance == "of-one"
            here.broker.offer(other, "of-other", ENDPOINT, 1)
            assert (await waiting).instance == "of-other"

    run(work)


def test_what_waits_is_found_again_when_its_stream_is_lost(
    nats: Nats, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "LONG_SECONDS", 0.2)
    monkeypatch.setattr(links, "_LOOK_SECONDS", 0.1)

    async def work() -> None:
        async with machine(nats) as here, workers(nats, 1) as (queue,):
            tasks = [asyncio.create_task(queue.take(DOOR, f"r{n}")) for n in range(3)]
            await load(queue, Load(3, 0))
            client = await connect(nats, "test", lambda: None)
            await client.jetstream().delete_stream(nats.stream(DOOR))
            await client.close()
            await load(queue, Load(3, 0))
            here.broker.offer(DOOR, "i1", ENDPOINT, 1)
            for n, task in enumerate(tasks):
                place = await task
                assert place.request == f"r{n}"
                queue.give(place)

    run(work)


def test_who_waits_when_a_link_is_lost_waits_once(nats: Nats) -> None:
    async def work() -> None:
        queue = JetStream(nats, 10)
        following = asyncio.create_task(queue.follow())
        await until(lambda: queue.connected)
        tasks = [asyncio.create_task(queue.take(DOOR, f"r{n}")) for n in range(8)]
        await load(queue, Load(8, 0))
        for _ in range(3):
            link = queue._link
            assert link is not None
            await link._client.close()
            await until(lambda link=link: queue._link is not link and queue.connected)
            await load(queue, Load(8, 0))
        assert not any(task.done() for task in tasks)
        following.cancel()
        for task in tasks:
            task.cancel()
        await asyncio.gather(following, *tasks, return_exceptions=True)

    run(work)


@pytest.mark.parametrize("request_id", ["x", "x.y"])
@pytest.mark.parametrize("data", [b"", b"{}", b"[1]", b'{"owner": "a b", "request": "x"}'])
def test_a_message_of_somebody_else_holds_nobody_up(
    nats: Nats, request_id: str, data: bytes
) -> None:
    async def work() -> None:
        async with machine(nats) as here, workers(nats, 1) as (queue,):
            here.broker.offer(DOOR, "i1", ENDPOINT, 1)
            queue.give(await queue.take(DOOR, "r0"))
            client = await connect(nats, "test", lambda: None)
            await client.jetstream().publish(nats.subject(DOOR, request_id), data)
            await client.close()
            await load(queue, Load())
            assert (await queue.take(DOOR, "r1")).instance == "i1"

    run(work)


def test_a_limit_that_was_reset_counts_from_nothing(nats: Nats) -> None:
    async def work() -> None:
        client = await connect(nats, "test", lambda: None)
        counters, limit = Counters(client, nats, lambda: 0.0), [Limit("f", 1, 60)]
        assert [await counters.count(limit) for _ in range(2)] == [True, False]
        bucket = await client.jetstream().key_value(nats.limits)
        for key in await bucket.keys():
            await bucket.delete(key)
        assert [await counters.count(limit) for _ in range(2)] == [True, False]
        await client.close()

    run(work)


def test_who_counts_when_nats_goes_counts_by_itself(mortal: NatsServer) -> None:
    nats = mortal.nats()

    async def work() -> None:
        async with workers(nats, 1) as (queue,):
            assert await queue.count([Limit("f", 5, 60)])
            mortal.freeze()
            counting = asyncio.ensure_future(queue.count([Limit("f", 5, 60)]))
            loading = asyncio.ensure_future(queue.loads())
            where = asyncio.ensure_future(queue.position("r1"))
            await asyncio.sleep(0)
            await asyncio.to_thread(mortal.kill)
            assert await counting
            assert (await loading, await where) == ({}, None)

    run(work)


def test_a_runner_that_is_told_of_another_address_keeps_count(nats: Nats, tmp_path: Any) -> None:
    (tmp_path / "run").mkdir()

    async def work() -> None:
        from controlplane.runner.broker import Broker

        broker = Broker()
        recruited = Recruited(str(tmp_path), broker)
        broker.offer(DOOR, "i1", "127.0.0.1:1", 1)
        recruited.ask(broker, {"nats": nats._asdict(), "address": "10.0.0.1"})  # type: ignore[arg-type]
        async with workers(nats, 1) as (queue,):
            place = await queue.take(DOOR, "r1")
            assert place.endpoint == "10.0.0.1:1"
            recruited.ask(broker, {"nats": nats._asdict(), "address": "10.0.0.2"})  # type: ignore[arg-type]
            waiting = asyncio.create_task(queue.take(DOOR, "r2"))
            await load(queue, Load(1, 1))
            queue.give(place)
            assert (await waiting).endpoint == "10.0.0.2:1"
        await recruited.end()

    run(work)


def test_a_home_has_one_name(tmp_path: Any) -> None:
    (tmp_path / "run").mkdir()
    assert identity(str(tmp_path)) == identity(str(tmp_path))
    (tmp_path / "run" / "identity").write_bytes(b"")
    found = identity(str(tmp_path))
    assert found
    assert identity(str(tmp_path)) == found


def test_a_worker_that_comes_back_late_has_lost_nothing(mortal: NatsServer) -> None:
    nats = mortal.nats()

    async def work() -> None:
        async with machine(nats) as here, workers(nats, 2) as (one, two):
            here.broker.offer(DOOR, "i1", ENDPOINT, 1)
            held = await one.take(DOOR, "r1")
            late = asyncio.Event()
            dial = one._dial

            async def later(*more: Any) -> Any:
                await late.wait()
                return await dial(*more)

            one._dial = later  # type: ignore[method-assign]
            await asyncio.to_thread(mortal.kill)
            await asyncio.to_thread(mortal.start)
            waiting = asyncio.create_task(two.take(DOOR, "r2"))
            await load(two, Load(1, 1))
            late.set()
            await until(lambda: one.connected)
            one.give(held)
            assert (await waiting).instance == "i1"

    run(work)


def test_a_place_that_crosses_a_hello_is_held(nats: Nats) -> None:
    async def work() -> None:
        async with machine(nats) as here, workers(nats, 1) as (queue,):
            here.broker.offer(DOOR, "i1", ENDPOINT, 2)
            await queue.take(DOOR, "r1")
            link = queue._link
            assert link is not None
            link._got.clear()
            seat, held = link._held.popitem()  # as if it were still on its way
            link._greet("host")
            await load(queue, Load(0, 1))
            link._held[seat] = held
            link._got["host"] = 1
            link._greet("host")
            await load(queue, Load(0, 1))

    run(work)


def test_nobody_says_that_it_holds_nothing_before_it_knows(nats: Nats) -> None:
    async def work() -> None:
        async with machine(nats) as here:
            here.broker.offer(DOOR, "i1", ENDPOINT, 2)
            link = StreamLink(nats, "abc", lambda _message: None, lambda: None)
            await link.open()
            client = await connect(nats, "test", lambda: None)
            for said in ("here", "gone"):
                message = {"say": said, "host": "host", "session": "1"}
                await client.publish(nats.owner("abc"), json.dumps(message).encode())
            await client.flush()
            await link._client.flush()
            await link.ask("hello", held=[["host/s1", DOOR, "i1", ENDPOINT]])
            await until(lambda: here.broker.running("i1") == 1)
            await link.close()
            await client.close()

    run(work)


def test_a_door_that_can_have_no_stream_harms_no_other(nats: Nats) -> None:
    async def work() -> None:
        async with machine(nats) as here, workers(nats, 1) as (queue,):
            client = await connect(nats, "test", lambda: None)
            in_the_way = f"rq.{nats.region}.{key_of(DOOR)}.>"
            await client.jetstream().add_stream(name=f"x{nats.region}", subjects=[in_the_way])
            waiting = asyncio.create_task(queue.take(DOOR, "r1"))
            here.broker.offer("nvcf.deployments.b", "i1", ENDPOINT, 1)
            link = queue._link
            for n in range(3):
                queue.give(await queue.take("nvcf.deployments.b", f"r{n}"))
            assert queue._link is link
            waiting.cancel()
            await client.jetstream().delete_stream(f"x{nats.region}")
            await client.close()

    run(work)


def test_more_replicas_than_there_are_servers_are_named(nats: Nats) -> None:
    with pytest.raises(Unavailable, match="with 3 replicas cannot be made"):
        check(nats._replace(replicas=3))
    check(nats)


def test_a_stream_of_others_serves_as_well(nats: Nats) -> None:
    async def work() -> None:
        client = await connect(nats, "test", lambda: None)
        await client.jetstream().add_stream(
            name=nats.stream(DOOR), subjects=[nats.subjects(DOOR)], retention="workqueue"
        )
        await client.close()
        async with machine(nats) as here, workers(nats, 1) as (queue,):
            waiting = asyncio.create_task(queue.take(DOOR, "r1"))
            await load(queue, Load(1, 0))
            here.broker.offer(DOOR, "i1", ENDPOINT, 1)
            await waiting

    run(work)


def test_a_worker_knows_where_its_own_request_stands(nats: Nats) -> None:
    async def work() -> None:
        async with workers(nats, 1) as (queue,):
            waiting = asyncio.create_task(queue.take(DOOR, "r1"))
            await load(queue, Load(1, 0))
            link = queue._link
            assert link is not None

            async def nothing() -> Any:
                raise AssertionError("all streams were asked for")

            link._streams._list = nothing  # type: ignore[method-assign]
            found = await queue.position("r1")
            assert found is not None
            assert found.place == 1
            del link._streams._list
            waiting.cancel()

    run(work)
