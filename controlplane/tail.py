"""The end of the event log, as one worker follows it: who waits for news is woken.

Workers share nothing but the store, so each looks there a few times a second; what this very
process wrote is looked for at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from aicr.errors import AicrError
from controlplane.engine import Engine
from controlplane.http.log import log
from controlplane.state.protocol import Event

SECONDS = 0.1
PACE = 0.02
AT_ONCE = 500


class Tail:
    """`listeners` get every event that this worker sees, in order."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.listeners: list[Callable[[Event], None]] = []
        self.revision = -1  # not known yet: what was before nobody here wants to hear
        self._news = asyncio.Event()
        self._look = asyncio.Event()

    def wake(self) -> None:
        """Look now: this process has just written something."""
        self._look.set()

    async def follow(self) -> None:
        """Follow the log until cancelled."""
        while True:
            try:
                await self._advance()
            except Exception as e:  # noqa: BLE001 (who follows must go on)
                trace = None if isinstance(e, AicrError) else e
                log("error", "the event log cannot be read", error=str(e), trace=trace)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._look.wait(), SECONDS)
            await asyncio.sleep(PACE)  # many changes at once are one look
            self._look.clear()

    async def _advance(self) -> None:
        if self.revision < 0:
            self.revision = (await self._engine.read(lambda r: r.meta())).revision
        while events := await self._engine.read(lambda r: r.events(self.revision, AT_ONCE)):
            for event in events:
                for listener in self.listeners:
                    listener(event)
            self.revision = events[-1].revision
            self._news.set()
            self._news = asyncio.Event()

    async def news(self, seconds: float) -> None:
        """Wait for an event, for at most so many seconds."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), seconds)
