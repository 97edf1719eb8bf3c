"""A runtime in which nothing runs: for CI, and for looking at plans without machines."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from fnmatch import fnmatchcase

from aicr.errors import NotFound
from controlplane.runtime.protocol import (
    ENDED,
    FAILED,
    RUNNING,
    STARTING,
    Health,
    Instance,
    Line,
    Shown,
)
from controlplane.runtime.workload import Workload

# Images that end by themselves as soon as they run, and with which status.
ENDS = {"samples.aicr.local/true*": 0, "samples.aicr.local/fail*": 1}


class Simulated:
    """Instances run so many seconds after they were started: at once, or a while later. Those of
    sample images that end by themselves end then. `works` are directories of instances, by id."""

    def __init__(self, seconds: float = 0.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._clock = seconds, clock
        self._started: dict[str, tuple[Instance, float]] = {}
        self._over: dict[str, Health] = {}
        self._ends: dict[str, int] = {}
        self.works: dict[str, str] = {}

    def accepts(self, workload: Workload) -> bool:
        return True

    def start(self, instance: Instance, workload: Workload, secrets: Mapping[str, str]) -> None:
        if instance.id in self._started:
            return
        self._started[instance.id] = (instance, self._clock())
        image = workload.get("image", "")
        status = next((ENDS[pattern] for pattern in ENDS if fnmatchcase(image, pattern)), None)
        if status is not None:
            self._ends[instance.id] = status

    def stop(self, id_: str) -> None:
        for known in (self._started, self._over, self._ends):
            known.pop(id_, None)

    def fail(self, id_: str, reason: str) -> None:
        """Make an instance fail, as processes do."""
        self._over[id_] = Health(FAILED, reason)

    def end(self, id_: str, status: int = 0) -> None:
        """Make an instance end by itself, with a status."""
        if status == 0:
            self._over[id_] = Health(ENDED, exit=0)
        else:
            self._over[id_] = Health(FAILED, f"it ended with status {status}", exit=status)

    def health(self, id_: str) -> Health:
        if id_ in self._over:
            return self._over[id_]
        if id_ not in self._started:
            return Health(FAILED, "it does not run")
        if self._clock() - self._started[id_][1] < self._seconds:
            return Health(STARTING)
        if id_ in self._ends:
            self.end(id_, self._ends[id_])
            return self._over[id_]
        return Health(RUNNING)

    def list(self) -> list[Instance]:
        return [instance for instance, _ in self._started.values()]

    def ending(self) -> tuple[Instance, ...]:
        return ()

    def work(self, id_: str) -> str | None:
        return self.works.get(id_)

    def look(self) -> tuple[Shown, ...]:
        return tuple(
            Shown(instance, self.health(instance.id), "simulated") for instance in self.list()
        )

    def logs(self, id_: str, tail: int | None = None) -> Iterator[Line]:
        if id_ not in self._started:
            raise NotFound(f"no instance {id_}")
        return iter((Line("", "stdout", f"{id_}: simulated, nothing runs"),))

    def follow(self, id_: str, tail: int | None = None) -> AsyncGenerator[Line, None]:
        return _followed(self.logs(id_))

    def logged(self, uid: str) -> tuple[str, ...]:
        return tuple(sorted(id_ for id_ in self._started if id_.startswith(f"{uid}/")))

    async def watch(self, wake: Callable[[], None]) -> None:
        await asyncio.Event().wait()  # time alone changes anything here


async def _followed(lines: Iterator[Line]) -> AsyncGenerator[Line, None]:
    for line in lines:
        yield line
