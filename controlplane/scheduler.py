"""Which of those who wait may start now: pure decisions over declared capacity.

    waiting → those who waited too long first, then by priority, then by time → what fits, starts

All nodes of a request start together in one pool, or none does. Nobody waits for ever: one that has
waited longer than `patience` and does not fit keeps what becomes free in its pools for itself, so
that only what was started before it, and those who have waited even longer, come before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

# Seconds after which a request is no longer overtaken.
PATIENCE = 600.0


class Pool(NamedTuple):
    """GPUs of one kind in one cluster: what can be shared out."""

    cluster: str
    gpu: str


class Request(NamedTuple):
    """Someone who waits: for `gpus` on each of so many nodes, in one of `pools` (the first that
    fits is taken). A higher priority comes first; `since` is when the waiting began, in seconds."""

    id: str
    gpus: int
    pools: tuple[Pool, ...]
    nodes: int = 1
    priority: int = 0
    since: float = 0.0

    @property
    def size(self) -> int:
        return self.gpus * self.nodes


class Grant(NamedTuple):
    """A request that starts now, and where."""

    id: str
    pool: Pool


def decide(
    free: Mapping[Pool, int], waiting: Iterable[Request], now: float, patience: float = PATIENCE
) -> list[Grant]:
    """Who starts, in order. `free` are GPUs by pool; less than none is none."""
    left = {pool: count for pool, count in free.items() if count > 0}
    grants: list[Grant] = []
    if not left:  # as most often: then nobody need be put in order
        return grants
    for request in in_order(waiting, now, patience):
        if not left:
            break
        pool = _fitting(left, request)
        if pool is not None:
            grants.append(Grant(request.id, pool))
            _take(left, pool, request.size)
        elif _is_late(request, now, patience):
            for kept in request.pools:
                left.pop(kept, None)
    return grants


def in_order(waiting: Iterable[Request], now: float, patience: float = PATIENCE) -> list[Request]:
    """Those who wait as they are served: who waited too long by time alone."""
    late: list[Request] = []
    others: list[Request] = []
    for request in waiting:
        (late if _is_late(request, now, patience) else others).append(request)
    late.sort(key=lambda r: (r.since, r.id))
    others.sort(key=lambda r: (-r.priority, r.since, r.id))
    return late + others


def can_ever(capacity: Mapping[Pool, int], request: Request) -> bool:
    """Whether a request fits where nothing else runs."""
    return any(capacity.get(pool, 0) >= request.size for pool in request.pools)


def free(capacity: Mapping[Pool, int], used: Iterable[tuple[Pool, int]]) -> dict[Pool, int]:
    """What is left of a capacity; negative where more is used than there is."""
    left = dict(capacity)
    for pool, count in used:
        if pool in left:
            left[pool] -= count
    return left


def _is_late(request: Request, now: float, patience: float) -> bool:
    return now - request.since >= patience


def _fitting(left: Mapping[Pool, int], request: Request) -> Pool | None:
    size = request.gpus * request.nodes
    for pool in request.pools:
        if left.get(pool, 0) >= size:
            return pool
    return None


def _take(left: dict[Pool, int], pool: Pool, size: int) -> None:
    left[pool] -= size
    if not left[pool]:
        del left[pool]
