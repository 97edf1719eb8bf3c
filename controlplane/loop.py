"""What one worker does again and again: reconcile, judge interrupted plans, forget what is old."""

from __future__ import annotations

import asyncio

from aicr.errors import AicrError
from controlplane.engine import Engine
from controlplane.http.log import log
from controlplane.plan.recover import recover
from controlplane.reconcile import Reconciler
from controlplane.runtime.protocol import Runtime
from controlplane.runtime.simulated import Simulated
from controlplane.services.keys.work import sweep

SECONDS = 1.0
# Answers to repeated requests are looked at so seldom: they are kept for a day.
SWEEP_ROUNDS = 600
# How many events are kept for those who watch.
EVENTS_KEPT = 100_000
# Compaction waits until it is worth a write.
_SLACK = 10_000


def runtime_of(name: str) -> Runtime | None:
    """The runtime of a setting; None when nothing is to run."""
    return Simulated() if name == "simulated" else None


class Loop:
    def __init__(self, engine: Engine, runtime: str) -> None:
        self._engine = engine
        self._rounds = 0
        found = runtime_of(runtime)
        self._reconciler = None if found is None else Reconciler(engine, found)

    async def run(self) -> None:
        """Until cancelled. What fails is logged, and tried again with the next round."""
        while True:
            try:
                await asyncio.to_thread(self.once)
            except Exception as e:  # noqa: BLE001 (the next round must come)
                trace = None if isinstance(e, AicrError) else e
                log("error", "a round of the loop failed", error=str(e), trace=trace)
            await asyncio.sleep(SECONDS)

    def once(self) -> None:
        """One round."""
        for digest in recover(self._engine):
            log("warn", "a plan was interrupted", plan=digest)
        self._sweep()
        if self._reconciler is not None:
            self._reconciler.run()
        meta = self._engine.store.read(lambda reader: reader.meta())
        keep_from = meta.revision - EVENTS_KEPT
        if keep_from - meta.compacted > _SLACK:
            self._engine.store.write(lambda tx: tx.compact(keep_from))

    def _sweep(self) -> None:
        """Forget answers of long ago, in every so many rounds."""
        if self._rounds % SWEEP_ROUNDS == 0:
            self._engine.store.write(sweep)
        self._rounds += 1

    def end(self) -> None:
        if self._reconciler is not None:
            self._reconciler.end()
