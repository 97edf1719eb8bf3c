"""The end of the log as one worker follows it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controlplane import tail as tails
from controlplane.engine import Engine
from controlplane.state.protocol import Event
from controlplane.tail import Tail
from tests.controlplane.engines import ME, opened


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with opened(str(tmp_path / "state.db")) as made:
        yield made


def create(engine: Engine, name: str) -> None:
    engine.change_now(ME, lambda c: c.create(f"test.things.{name}", {"size": 1}))


async def until(look: Any) -> None:
    end = time.monotonic() + 10
    while not look():
        assert time.monotonic() < end
        await asyncio.sleep(0.01)


def followed(engine: Engine, work: Any) -> list[Event]:
    """What a listener heard while `work` went on."""
    heard: list[Event] = []

    async def run() -> None:
        tail = Tail(engine)
        tail.listeners.append(heard.append)
        task = asyncio.create_task(tail.follow())
        await asyncio.sleep(0.05)
        try:
            await work(tail, heard)
        finally:
            task.cancel()

    asyncio.run(run())
    return heard


def test_it_begins_now_and_misses_nothing(engine: Engine, monkeypatch: Any) -> None:
    monkeypatch.setattr(tails, "AT_ONCE", 2)
    create(engine, "before")

    async def work(tail: Tail, heard: list[Event]) -> None:
        for name in "abcde":
            await asyncio.to_thread(create, engine, name)
        await until(lambda: len(heard) == 5)
        assert tail.revision == heard[-1].revision

    assert [e.address[-1] for e in followed(engine, work)] == list("abcde")


def test_what_this_process_wrote_is_looked_for_at_once(engine: Engine, monkeypatch: Any) -> None:
    monkeypatch.setattr(tails, "SECONDS", 60)

    async def work(tail: Tail, heard: list[Event]) -> None:
        engine.on_change = tail.wake
        await engine.change(ME, lambda c: c.create("test.things.a", {"size": 1}))
        await until(lambda: heard)

    assert len(followed(engine, work)) == 1


def test_who_waits_is_woken(engine: Engine) -> None:
    async def work(tail: Tail, heard: list[Event]) -> None:
        start = time.monotonic()
        await tail.news(0.05)
        assert time.monotonic() - start < 5  # nothing came, and it did not wait for ever
        waiting = [asyncio.create_task(tail.news(60)) for _ in range(3)]
        await asyncio.sleep(0)
        await asyncio.to_thread(create, engine, "a")
        await asyncio.wait_for(asyncio.gather(*waiting), 10)

    followed(engine, work)


def test_a_store_that_fails_for_a_while(engine: Engine, monkeypatch: Any, capfd: Any) -> None:
    async def work(tail: Tail, heard: list[Event]) -> None:
        read = engine.store.read

        def fail(_: Any) -> Any:
            raise OSError("the disk is away")

        monkeypatch.setattr(engine.store, "read", fail)
        await asyncio.sleep(0.3)
        monkeypatch.setattr(engine.store, "read", read)
        await asyncio.to_thread(create, engine, "a")
        await until(lambda: heard)

    assert len(followed(engine, work)) == 1
    assert "the event log cannot be read" in capfd.readouterr().err
