"""A runtime in which nothing runs: for CI, and for looking at plans without machines."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping

from controlplane.runtime.protocol import FAILED, RUNNING, STARTING, Health, Instance
from controlplane.runtime.workload import Workload


class Simulated:
    """Instances run so many seconds after they were started: at once, or a while later."""

    def __init__(self, seconds: float = 0.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._clock = seconds, clock
        self._started: dict[str, tuple[Instance, float]] = {}
        self._failed: dict[str, str] = {}

    def accepts(self, workload: Workload) -> bool:
        return True

    def start(self, instance: Instance, workload: Workload, secrets: Mapping[str, str]) -> None:
        self._started.setdefault(instance.id, (instance, self._clock()))

    def stop(self, id_: str) -> None:
        self._started.pop(id_, None)
        self._failed.pop(id_, None)

    def fail(self, id_: str, reason: str) -> None:
        """Make an instance fail, as processes do."""
        self._failed[id_] = reason

    def health(self, id_: str) -> Health:
        if id_ in self._failed:
            return Health(FAILED, self._failed[id_])
        if id_ not in self._started:
            return Health(FAILED, "it does not run")
        since = self._clock() - self._started[id_][1]
        return Health(RUNNING if since >= self._seconds else STARTING)

    def list(self) -> list[Instance]:
        return [instance for instance, _ in self._started.values()]

    def logs(self, id_: str) -> Iterator[str]:
        if id_ in self._started:
            yield f"{id_}: simulated, nothing runs"

    async def watch(self, wake: Callable[[], None]) -> None:
        await asyncio.Event().wait()  # time alone changes anything here
