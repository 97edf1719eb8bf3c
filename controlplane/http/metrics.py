"""The metrics of the server, under the names that the seed gives them; safe for several workers."""

from __future__ import annotations

import os
import struct
from bisect import bisect_left
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
    multiprocess,
    values,
)

from controlplane.http.settings import SHARED_METRICS

# Every value that is counted asks whose it is, which is a call to the system each time; it is
# another process only after a fork.
_process = [os.getpid()]
os.register_at_fork(after_in_child=lambda: _process.__setitem__(0, os.getpid()))
_Shared: Any = values.MultiProcessValue(lambda: _process[0])  # type: ignore[no-untyped-call]


class _Value(_Shared):  # type: ignore[misc]
    """The library's, which takes a lock and looks up and packs what is one store: ten of them were
    an eighth of an invocation. Nothing comes between its two lines: threads take turns at calls."""

    _of = 0  # the process in whose file it is
    _at = 0  # where in that file

    def inc(self, amount: float) -> None:
        if self._of != _process[0]:
            super().inc(0)  # opens the file of this one
            self._of, self._at = _process[0], self._file._positions[self._key]  # noqa: SLF001
        self._value += amount
        _STORE(self._file._m, self._at, self._value, 0.0)  # noqa: SLF001 (see above)


# A value, and the time of which it is, which no value of ours has.
_STORE = struct.Struct("dd").pack_into
if SHARED_METRICS in os.environ:
    values.ValueClass = _Value


def counting(child: Counter | Gauge) -> Callable[[float], None]:
    """What adds to a metric that has its labels: the library asks at each count whether it has."""
    inc: Callable[[float], None] = child._value.inc  # noqa: SLF001 (see above)
    return inc


def observing(child: Histogram) -> Callable[[float], None]:
    """The same for what is observed: the library tries one bucket after the other."""
    add: Callable[[float], None] = child._sum.inc  # noqa: SLF001 (see above)
    bounds: list[float] = child._upper_bounds  # noqa: SLF001
    buckets: list[Callable[[float], None]] = [b.inc for b in child._buckets]  # noqa: SLF001

    def observe(amount: float) -> None:
        add(amount)
        buckets[bisect_left(bounds, amount)](1)

    return observe


CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))


class Metrics:
    """The metrics of one worker."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        if SHARED_METRICS not in os.environ:
            ProcessCollector(registry=registry)
        self._requests = Counter(
            "aicr_http_requests_total",
            "HTTP requests.",
            ("method", "path", "status"),
            registry=registry,
        )
        self._seconds = Histogram(
            "aicr_http_request_duration_seconds",
            "Latency of HTTP requests.",
            ("method", "path"),
            registry=registry,
        )
        self._in_flight = Gauge(
            "aicr_http_requests_in_flight",
            "Requests being answered.",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.rejects = Counter(
            "aicr_rate_limit_rejects_total",
            "Requests over the rate limit.",
            registry=registry,
        )
        self.failures = Counter(
            "aicr_panic_recoveries_total", "Unexpected errors.", registry=registry
        )
        self.misses = Counter(
            "aicr_recipe_cache_misses_total", "Recipes that had to be compiled.", registry=registry
        )
        self.builds = Histogram(
            "aicr_recipe_build_duration_seconds", "Time to compile a recipe.", registry=registry
        )
        self._add_in_flight = counting(self._in_flight)
        self._child = lru_cache(maxsize=1024)(self._children)

    def begin(self) -> None:
        """One request that is being answered, until it is counted."""
        self._add_in_flight(1)

    def _children(
        self, method: str, path: str, status: int
    ) -> tuple[Callable[[float], None], Callable[[float], None]]:
        word = method if method in _METHODS else "other"
        counter = self._requests.labels(word, path, str(status))
        return counting(counter), observing(self._seconds.labels(word, path))

    def count(self, method: str, path: str, status: int, seconds: float) -> None:
        """One request that was answered."""
        add, observe = self._child(method, path, status)
        self._add_in_flight(-1)
        add(1)
        observe(seconds)

    def text(self) -> bytes:
        """The exposition of this worker, or of all that share a directory."""
        if SHARED_METRICS in os.environ:
            registry = CollectorRegistry()
            multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
            return generate_latest(registry)
        return generate_latest(self.registry)
