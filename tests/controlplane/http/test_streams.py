"""Events of what comes, until they end for one reason or another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from itertools import count
from typing import Any

import pytest
from falcon.asgi import SSEvent

from controlplane.http import streams


class Source:
    """Numbers, which go on or wait for ever once there are no more; whether it was closed."""

    def __init__(self, numbers: Any, waits: bool = False) -> None:
        self.numbers, self.waits, self.closed = numbers, waits, False

    async def read(self) -> AsyncGenerator[int, None]:
        try:
            for n in self.numbers:
                yield n
            while self.waits:
                await asyncio.Event().wait()
        finally:
            self.closed = True


def texts(source: Source, over: Any = lambda: False, may: Any = lambda: True) -> list[str]:
    async def allowed() -> bool:
        return bool(may())

    async def read() -> list[str]:
        found = streams.events(source.read(), lambda n: SSEvent(text=str(n)), over, allowed)
        return [e.text or e.comment or "" async for e in found]

    return asyncio.run(asyncio.wait_for(read(), 10))


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "LOOK_SECONDS", 0.001)


def test_until_there_is_no_more() -> None:
    source = Source(range(3))
    assert texts(source) == ["0", "1", "2"]
    assert source.closed


@pytest.mark.parametrize("waits", [True, False])
def test_until_it_is_over(waits: bool) -> None:
    source, looks = Source(range(2) if waits else count(), waits), count()
    found = texts(source, over=lambda: next(looks) > 10)
    assert found[:2] == ["0", "1"]
    assert source.closed


def test_until_the_reader_may_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT_SECONDS", 0.0)
    source, asked = Source([], waits=True), count()
    assert texts(source, may=lambda: next(asked) < 2) == ["still here", "still here"]
    assert source.closed


def test_what_goes_wrong_is_told() -> None:
    def broken() -> Any:
        yield 1
        raise OSError("gone")

    source = Source(broken())
    with pytest.raises(OSError, match="gone"):
        texts(source)
    assert source.closed
