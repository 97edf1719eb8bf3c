"""Logs of several instances as they grow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import pytest

from aicr.errors import NotFound
from controlplane.runtime.protocol import Line
from controlplane.services.ngc import followed
from controlplane.services.ngc.logs import Entry


class Growing:
    """A runtime whose instances write when they are told to; whose logs are still being read."""

    def __init__(self, *ids: str) -> None:
        self.ids, self.reading = list(ids), set[str]()
        self.written: dict[str, asyncio.Queue[Any]] = {}

    def write(self, id_: str, found: Any) -> None:
        self.written.setdefault(id_, asyncio.Queue()).put_nowait(found)

    def follow(self, id_: str, tail: int | None = None) -> AsyncGenerator[Line, None]:
        if id_ == "gone":
            raise NotFound(id_)
        return self._follow(id_)

    async def _follow(self, id_: str) -> AsyncGenerator[Line, None]:
        self.reading.add(id_)
        try:
            while True:
                found = await self.written.setdefault(id_, asyncio.Queue()).get()
                if isinstance(found, Exception):
                    raise found
                yield Line("2026-01-01T00:00:00Z", "stdout", found)
        finally:
            self.reading.discard(id_)


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(followed, "LOOK_SECONDS", 0.001)


def test_all_instances_also_those_that_begin_meanwhile() -> None:
    async def read() -> None:
        runtime: Any = Growing("a", "gone")
        async with aclosing(followed.every(runtime, lambda: tuple(runtime.ids))) as entries:
            for id_, text in (("a", "1"), ("b", "2"), ("a", "3")):
                if id_ not in runtime.ids:
                    runtime.ids.append(id_)
                runtime.write(id_, text)
                found = await anext(entries)
                assert (found.instance, found.line.text) == (id_, text)
            assert runtime.reading == {"a", "b"}
        assert runtime.reading == set()

    asyncio.run(read())


def test_a_log_that_cannot_be_read_is_no_silence() -> None:
    async def read() -> None:
        runtime: Any = Growing("a")
        runtime.write("a", "1")
        runtime.write("a", OSError("disk"))
        async with aclosing(followed.every(runtime, lambda: ("a",))) as entries:
            assert (await anext(entries)).line.text == "1"
            await anext(entries)

    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(asyncio.wait_for(read(), 30))
    assert [str(e) for e in caught.value.exceptions] == ["disk"]


def test_without_a_runtime_nothing_is_written() -> None:
    async def read() -> list[Entry]:
        return [e async for e in followed.every(None, tuple)]

    assert asyncio.run(read()) == []


def test_from_a_second_on() -> None:
    async def written() -> followed.Entries:
        for n in range(4):
            yield Entry("a", Line(f"2026-01-01T00:00:0{n}.5Z", "stdout", str(n)))
        yield Entry("a", Line("", "stdout", "always"))

    async def read() -> list[str]:
        found = followed.since(written(), "2026-01-01T00:00:02")
        return [e.line.text async for e in found]

    assert asyncio.run(read()) == ["2", "3", "always"]


def test_events() -> None:
    found = followed.event(Entry("u/a", Line("2026-01-01T00:00:00Z", "stderr", "a\nb")))
    assert found.serialize().decode().split("\n")[:2] == ["event: log", "id: 2026-01-01T00:00:00Z"]
    assert found.json["message"] == "a\nb"
    assert followed.event(Entry("u/a", Line("", "stdout", ""))).event_id is None
