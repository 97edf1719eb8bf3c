"""The metrics of the server, under the names that the seed gives them; safe for several workers."""

from __future__ import annotations

import os
import struct
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

    def inc(self, amount: float) -> None:
        if self._of != _process[0]:
            super().inc(0)  # opens the file of this one
            self._of = _process[0]
        self._value += amount
        file = self._file
        _STORE(file._m, file._positions[self._key], self._value, 0.0)  # noqa: SLF001 (see above)


# A value, and the time of which it is, which no value of ours has.
_STORE = struct.Struct("dd").pack_into
if SHARED_METRICS in os.environ:
    values.ValueClass = _Value

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
        self._child = lru_cache(maxsize=1024)(self._children)

    def begin(self) -> None:
        """One request that is being answered, until it is counted."""
        self._in_flight.inc()

    def _children(self, method: str, path: str, status: int) -> tuple[Counter, Histogram]:
        word = method if method in _METHODS else "other"
        counter = self._requests.labels(word, path, str(status))
        return counter, self._seconds.labels(word, path)

    def count(self, method: str, path: str, status: int, seconds: float) -> None:
        """One request that was answered."""
        counter, histogram = self._child(method, path, status)
        self._in_flight.dec()
        counter.inc()
        histogram.observe(seconds)

    def text(self) -> bytes:
        """The exposition of this worker, or of all that share a directory."""
        if SHARED_METRICS in os.environ:
            registry = CollectorRegistry()
            multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
            return generate_latest(registry)
        return generate_latest(self.registry)
