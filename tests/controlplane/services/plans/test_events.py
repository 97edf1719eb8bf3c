"""The stream of events: from where, in order, with signs of life, and to its end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from controlplane.services.plans import events
from tests.controlplane.conftest import problem
from tests.controlplane.services.plans.conftest import Plans


async def always() -> bool:
    return True


def stream(plans: Plans, after: int, allowed: Any = always) -> AsyncIterator[Any]:
    program = plans.program
    return events.stream(program.engine, program.tail, program.lifecycle, after, allowed)


async def take(found: AsyncIterator[Any], count: int) -> list[Any]:
    return [await asyncio.wait_for(anext(found), 10) for _ in range(count)]


def make(plans: Plans, *names: str) -> None:
    for name in names:
        plans.change(lambda c, name=name: c.create(f"access.accounts.{name}", {}))


def revision(plans: Plans) -> int:
    return plans.program.engine.store.read(lambda r: r.meta()).revision


def test_each_event_once_and_in_order_from_anywhere(plans: Plans) -> None:
    start = revision(plans)
    make(plans, "a", "b", "c")

    async def all_of(after: int, count: int) -> list[Any]:
        return await take(stream(plans, after), count)

    found = asyncio.run(all_of(start, 3))
    assert [e.json["address"] for e in found] == [f"access.accounts.{n}" for n in "abc"]
    assert {e.event for e in found} == {"created"}
    ids = [int(e.event_id) for e in found]
    assert ids == sorted(ids)
    # A client that lost the connection after the first one.
    rest = asyncio.run(all_of(ids[0], 2))
    assert [e.event_id for e in rest] == [e.event_id for e in found[1:]]
    text = found[0].serialize().decode()
    assert text.startswith(f"event: created\nid: {ids[0]}\ndata: {{")
    assert json.loads(text.partition("data: ")[2])["at"]


def test_more_than_are_read_at_once(plans: Plans, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "AT_ONCE", 2)
    start = revision(plans)
    make(plans, *"abcde")

    async def run() -> list[Any]:
        return await take(stream(plans, start), 5)

    assert [e.json["address"][-1] for e in asyncio.run(run())] == list("abcde")


def test_what_comes_is_said_at_once(plans: Plans, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "_WAIT_SECONDS", 60)

    async def run() -> Any:
        following = asyncio.create_task(plans.program.tail.follow())
        await asyncio.sleep(0.05)
        waiting = asyncio.create_task(take(stream(plans, revision(plans)), 1))
        await asyncio.sleep(0.2)
        await asyncio.to_thread(make, plans, "late")
        try:
            return await asyncio.wait_for(waiting, 10)
        finally:
            following.cancel()

    (event,) = asyncio.run(run())
    assert event.json["address"] == "access.accounts.late"


def test_signs_of_life(plans: Plans, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "_WAIT_SECONDS", 0.01)
    monkeypatch.setattr(events, "HEARTBEAT_SECONDS", 0.05)

    async def run() -> list[Any]:
        return await take(stream(plans, revision(plans)), 2)

    assert [e.serialize() for e in asyncio.run(run())] == [b": still here\n\n"] * 2


def test_it_ends_with_the_right_to_read(plans: Plans, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also while there always is something to say."""
    monkeypatch.setattr(events, "AT_ONCE", 1)
    monkeypatch.setattr(events, "HEARTBEAT_SECONDS", 0.0)
    start, said = revision(plans), [True, True, False]
    make(plans, *"abcde")

    async def allowed() -> bool:
        return said.pop(0)

    async def run() -> list[Any]:
        return [event async for event in stream(plans, start, allowed)]

    found = asyncio.run(asyncio.wait_for(run(), 10))
    assert [e.json["address"] for e in found] == ["access.accounts.a", "access.accounts.b"]


def test_a_client_that_is_removed_hears_no_more(
    plans: Plans, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    async def captured(*arguments: Any) -> AsyncIterator[Any]:
        asked.append(arguments[-1])
        return
        yield

    monkeypatch.setattr(events, "stream", captured)
    made = plans.change(lambda c: c.create("access.clients.ci", {"account": "nvcf-default"}))
    assert plans.get("/v1/events", plans.token("state:read", client="ci")).status_code == 200
    assert asyncio.run(asked[0]()) is True
    plans.change(lambda c: c.delete(made))
    plans.program.credentials.forget()
    assert asyncio.run(asked[0]()) is False


def test_the_end_of_the_server_ends_it(plans: Plans) -> None:
    async def run() -> list[Any]:
        asyncio.get_running_loop().call_later(
            0.1, setattr, plans.program.lifecycle, "reason", "shutting down"
        )
        return [event async for event in stream(plans, revision(plans))]

    assert asyncio.run(asyncio.wait_for(run(), 10)) == []


def compact(plans: Plans) -> int:
    end = revision(plans)
    plans.program.engine.store.write(lambda tx: tx.compact(end))
    return end


@pytest.mark.parametrize("how", ["after", "Last-Event-ID"])
def test_forgotten_events_are_gone(plans: Plans, how: str) -> None:
    make(plans, "a")
    oldest = compact(plans)
    headers = {"Authorization": f"Bearer {plans.admin}"}
    params = {}
    if how == "after":
        params["after"] = "1"
    else:
        headers[how] = "1"
    answer = plans.simulate_get("/v1/events", headers=headers, params=params)
    assert problem(answer, 410, "GONE")["details"] == {"oldest": oldest}


def test_who_is_overtaken_by_forgetting_is_cut_off(plans: Plans) -> None:
    start = revision(plans)
    make(plans, "a")
    compact(plans)

    async def run() -> list[Any]:
        return [event async for event in stream(plans, start)]

    assert asyncio.run(asyncio.wait_for(run(), 10)) == []


@pytest.mark.parametrize("last", ["", "x", "-1", "1.0", "²", "9" * 30])
def test_ids_that_are_none(plans: Plans, last: str) -> None:
    headers = {"Authorization": f"Bearer {plans.admin}", "Last-Event-ID": last}
    problem(plans.simulate_get("/v1/events", headers=headers), 400, "INVALID_REQUEST")
