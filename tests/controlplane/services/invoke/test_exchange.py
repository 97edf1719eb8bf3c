"""One client's exchange: nothing of it stays when it has ended."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import Any

from controlplane.http.delays import Delays
from controlplane.services.invoke.exchange import SOON_SECONDS, Exchange


async def _nothing(*_: Any) -> Any:
    return {"type": "http.disconnect"}


def test_an_exchange_that_ended_is_gone_without_a_search_for_garbage() -> None:
    async def play() -> weakref.ref[Exchange]:
        loop = asyncio.get_running_loop()
        exchange = Exchange(_nothing, _nothing, loop, Delays(SOON_SECONDS))
        until = loop.time() + 60
        exchange.watch()
        exchange.hold(until, lambda: exchange.say(202, []))
        exchange.end()
        return weakref.ref(exchange)

    gc.disable()
    try:
        assert asyncio.run(play())() is None
    finally:
        gc.enable()
