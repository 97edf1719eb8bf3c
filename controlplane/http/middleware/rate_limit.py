"""A token bucket per client address: requests a second, and a burst (seed: 100 and 200).

Only for APIs that promise it: what vendors promise of theirs, their services keep by themselves.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from falcon.asgi import Request, Response

from controlplane.http.encoded import add
from controlplane.http.metrics import Metrics
from controlplane.http.middleware import PROBES
from controlplane.http.peers import client
from controlplane.http.prefixes import Prefixes
from controlplane.http.problems import Problem
from controlplane.http.settings import Network

MAX_CLIENTS = 100_000


class RateLimit:
    """Each worker process counts by itself."""

    def __init__(
        self,
        rate: int,
        burst: int,
        proxies: Sequence[Network],
        metrics: Metrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rate, self._burst, self._proxies = rate, burst, tuple(proxies)
        self._metrics, self._clock = metrics, clock
        # Where it does not count.
        self.unlimited = Prefixes()
        self._limit = b"%d" % rate
        # Client -> tokens left and when that was; in the order of last use.
        self._buckets: dict[str, tuple[float, float]] = {}

    async def process_request(self, req: Request, resp: Response) -> None:
        if req.path in PROBES or self.unlimited.has(req.path):
            return
        left = self._take(client(req, self._proxies))
        add(
            req,
            (b"x-ratelimit-limit", self._limit),
            (b"x-ratelimit-remaining", b"%d" % max(left, 0)),
            (b"x-ratelimit-reset", b"%d" % (time.time() + 1)),
        )
        if left < 0:
            self._metrics.rejects.inc()
            details = {"limit": self._rate, "burst": self._burst}
            retry = {"Retry-After": "1"}
            raise Problem(429, "Rate limit exceeded", details=details, headers=retry)

    def _take(self, who: str) -> float:
        """Tokens left after this request; below 0 it has none."""
        now = self._clock()
        tokens, then = self._buckets.pop(who, (float(self._burst), now))
        tokens = min(self._burst, tokens + (now - then) * self._rate)
        left = tokens - 1
        self._buckets[who] = (left if left >= 0 else tokens, now)
        if len(self._buckets) > MAX_CLIENTS:
            del self._buckets[next(iter(self._buckets))]
        return left
