"""What one worker does again and again: reconcile, judge interrupted plans, forget what is old."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from types import MappingProxyType

from aicr.errors import AicrError
from controlplane.engine import Engine
from controlplane.http.log import log
from controlplane.kinds import kind_of
from controlplane.plan.recover import recover
from controlplane.reconcile import Loads, Reconciler, Reports
from controlplane.runtime.process import Process
from controlplane.runtime.protocol import Runtime
from controlplane.runtime.simulated import Simulated
from controlplane.services.keys.work import sweep
from controlplane.services.nvct.purge import purge
from controlplane.state.protocol import Event

SECONDS = 1.0
# Between two passes of the reconciler at least.
PACE = 0.02
# Answers to repeated requests are looked at so seldom: they are kept for a day.
SWEEP_ROUNDS = 600
# How many events are kept for those who watch.
EVENTS_KEPT = 100_000
# Compaction waits until it is worth a write.
_SLACK = 10_000


def runtime_of(name: str, home: str = "", images: str = "") -> Runtime | None:
    """The runtime of a setting; None when nothing is to run. For `process`: AICR_HOME, and where
    its image map is."""
    if name == "process":
        return Process(home, images)
    return Simulated() if name == "simulated" else None


class Loop:
    """Rounds of one worker: one at least every second, and a pass of the reconciler as soon as
    something has changed. `loads` says what goes on at the doors of resources."""

    def __init__(
        self,
        engine: Engine,
        runtime: Runtime | None,
        loads: Loads = dict,
        reports: Reports = MappingProxyType({}),
    ) -> None:
        self._engine, self._runtime = engine, runtime
        self._rounds = 0
        self._reconciler = (
            None if runtime is None else Reconciler(engine, runtime, loads, reports=reports)
        )
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Reconcile now."""
        self._woken.set()

    def heard(self, event: Event) -> None:
        """An event of this or another process; what runs for nothing needs no pass."""
        try:
            kind = kind_of(self._engine.kinds, event.address)
        except AicrError:
            return  # of a plan, or of a kind that is not known here
        if kind.instances is not None:
            self.wake()

    async def run(self) -> None:
        """Until cancelled. What fails is logged, and tried again with the next round."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(keep(partial(asyncio.to_thread, self._house), a_second))
            if self._reconciler is not None and self._runtime is not None:
                watch = partial(self._runtime.watch, self.wake)
                tasks.create_task(keep(partial(asyncio.to_thread, self._reconcile), self._wait))
                tasks.create_task(keep(watch, a_second))

    async def _wait(self) -> None:
        await asyncio.sleep(PACE)  # many changes at once are one pass
        with suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), SECONDS)
        self._woken.clear()

    def once(self) -> None:
        """One round of everything."""
        self._house()
        self._reconcile()

    def _house(self) -> None:
        for digest in recover(self._engine):
            log("warn", "a plan was interrupted", plan=digest)
        self._sweep()
        meta = self._engine.store.read(lambda reader: reader.meta())
        keep_from = meta.revision - EVENTS_KEPT
        if keep_from - meta.compacted > _SLACK:
            self._engine.store.write(lambda tx: tx.compact(keep_from))

    def _reconcile(self) -> None:
        if self._reconciler is not None:
            self._reconciler.run()

    def _sweep(self) -> None:
        """Forget answers of long ago, in every so many rounds."""
        if self._rounds % SWEEP_ROUNDS == 0:
            self._engine.store.write(sweep)
            purge(self._engine)
        self._rounds += 1

    def end(self) -> None:
        if self._reconciler is not None:
            self._reconciler.end()


async def keep(work: Callable[[], Awaitable[None]], wait: Callable[[], Awaitable[None]]) -> None:
    """Work again and again, until cancelled; what fails is logged."""
    while True:
        try:
            await work()
        except Exception as e:  # noqa: BLE001 (the next round must come)
            trace = None if isinstance(e, AicrError) else e
            log("error", "a round of the loop failed", error=str(e), trace=trace)
        await wait()


async def a_second() -> None:
    await asyncio.sleep(SECONDS)


async def a_minute() -> None:
    await asyncio.sleep(60 * SECONDS)
