"""A token bucket per client address: requests a second, and a burst (seed: 100 and 200)."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable, Sequence
from functools import lru_cache

from falcon.asgi import Request, Response

from controlplane.http.encoded import add
from controlplane.http.metrics import Metrics
from controlplane.http.middleware import PROBES
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
        self._limit = b"%d" % rate
        # Client -> tokens left and when that was; in the order of last use.
        self._buckets: dict[str, tuple[float, float]] = {}

    async def process_request(self, req: Request, resp: Response) -> None:
        if req.path in PROBES:
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


def client(req: Request, proxies: tuple[Network, ...]) -> str:
    """The address that a request comes from.

    A proxy that is trusted says it in X-Forwarded-For; the last entry that is no trusted proxy
    counts, since everything before it is what the client itself said.
    """
    peer = (req.scope.get("client") or ("",))[0]
    if not proxies or not _is_in(peer, proxies):
        return peer
    for hop in reversed((req.get_header("X-Forwarded-For") or "").split(",")):
        address = _address(hop)
        if address is None:
            break  # from here on it is not what a proxy says
        if not _is_in(str(address), proxies):
            return str(address)
    return peer


@lru_cache(maxsize=4096)
def _is_in(text: str, networks: tuple[Network, ...]) -> bool:
    address = _address(text)
    return address is not None and any(address in network for network in networks)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """An address, with or without a port; IPv4 in IPv6 is the IPv4 address that it is."""
    word = text.strip()
    if word.startswith("["):
        word = word[1:].partition("]")[0]
    elif word.count(":") == 1:
        word = word.partition(":")[0]
    try:
        address = ipaddress.ip_address(word)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
