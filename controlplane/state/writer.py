"""One thread per process writes, and commits for everybody who waits (group commit)."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from aicr.errors import Unavailable

Work = Callable[[Any], Any]
# How many transactions share one commit at most.
MAX_BATCH = 256


class Writer(threading.Thread):
    """Hands everything that waits to `commit`, again and again.

    `commit` gets a list of works and gives for each its result, or the exception it ended with.
    """

    def __init__(self, commit: Callable[[list[Work]], list[Any]]) -> None:
        super().__init__(name="aicr-writer", daemon=True)
        self._commit = commit
        self._waiting: deque[tuple[Work, Future[Any]]] = deque()
        self._wake = threading.Condition()
        self._ending = False

    def submit(self, work: Work) -> Future[Any]:
        future: Future[Any] = Future()
        with self._wake:
            if self._ending:
                raise Unavailable("the state store is closed, nothing was stored")
            self._waiting.append((work, future))
            self._wake.notify()
        return future

    def end(self) -> None:
        """Finish what waits, then stop."""
        with self._wake:
            self._ending = True
            self._wake.notify()
        if self.is_alive():
            self.join()

    def run(self) -> None:
        while (taken := self._take()) is not None:
            asked = [pair for pair in taken if pair[1].set_running_or_notify_cancel()]
            outcomes = self._commit([work for work, _ in asked])
            for (_, future), outcome in zip(asked, outcomes, strict=True):
                if isinstance(outcome, Failure):
                    future.set_exception(outcome.error)
                else:
                    future.set_result(outcome)

    def _take(self) -> list[tuple[Work, Future[Any]]] | None:
        with self._wake:
            while not self._waiting:
                if self._ending:
                    return None
                self._wake.wait()
            count = min(len(self._waiting), MAX_BATCH)
            return [self._waiting.popleft() for _ in range(count)]


class Failure:
    """The outcome of a work that raised."""

    def __init__(self, error: BaseException) -> None:
        self.error = error
