"""What is counted of each function."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from controlplane.http.metrics import counting, observing

# Seconds. Functions take from a millisecond to an hour.
_BUCKETS = (
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1200, 3600,
)  # fmt: skip
_NAMES = ("function_id", "function_version_id")


class Meters(NamedTuple):
    """Those of one version: `run` counts what is being answered, `observe` how long it took."""

    waiting: Gauge
    run: Callable[[float], None]
    observe: Callable[[float], None]


class FunctionMetrics:
    """`errors` are answers that the plane gave in a function's place, by status; 499 is for clients
    that went away."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "aicr_function_requests_total",
            "Answered invocations, by status.",
            (*_NAMES, "status"),
            registry=registry,
        )
        self._errors = Counter(
            "aicr_function_errors_total",
            "Invocations that no instance answered, by what they were answered instead.",
            (*_NAMES, "status"),
            registry=registry,
        )
        self._seconds = Histogram(
            "aicr_function_request_duration_seconds",
            "Time from a request to the end of its answer.",
            _NAMES,
            buckets=_BUCKETS,
            registry=registry,
        )
        self._waiting = Gauge(
            "aicr_function_queue_depth",
            "Requests that wait for an instance.",
            _NAMES,
            registry=registry,
            multiprocess_mode="livesum",
        )
        self._running = Gauge(
            "aicr_function_requests_in_flight",
            "Requests that instances are answering.",
            _NAMES,
            registry=registry,
            multiprocess_mode="livesum",
        )
        self._instances = Gauge(
            "aicr_function_instances",
            "Instances that take requests.",
            ("deployment",),
            registry=registry,
            multiprocess_mode="livemax",
        )
        self.of = lru_cache(maxsize=4096)(self._of)
        self._answered = lru_cache(maxsize=8192)(self._of_status)

    def _of(self, function: str, version: str) -> Meters:
        labels = function, version
        return Meters(
            self._waiting.labels(*labels),
            counting(self._running.labels(*labels)),
            observing(self._seconds.labels(*labels)),
        )

    def _of_status(self, function: str, version: str, status: int) -> Callable[[float], None]:
        return counting(self._requests.labels(function, version, str(status)))

    def answered(self, function: str, version: str, status: int, seconds: float) -> None:
        self._answered(function, version, status)(1)
        self.of(function, version).observe(seconds)

    def failed(self, function: str, version: str, status: int) -> None:
        self._errors.labels(function, version, str(status)).inc()

    def instances(self, deployment: str, count: int) -> None:
        self._instances.labels(deployment.rpartition(".")[2]).set(count)
