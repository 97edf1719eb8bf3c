"""What a queue is: requests wait at the door of a deployment for an instance with a free place.

Whoever holds a client's connection takes a place and proxies itself; the queue only says where and
when, in the order of arrival. A door is named by the address of its deployment.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

# Requests that may wait at one door (contract 18).
MAX_WAITING = 100_000
# Where the instances of a host listen, unless their command does otherwise.
HERE = "127.0.0.1"


def advertised(endpoint: str, address: str) -> str:
    """An instance's host:port as other hosts reach it, who reach this one at `address`."""
    host, _, port = endpoint.rpartition(":")
    return f"{address if host == HERE else host}:{port}"


class Place(NamedTuple):
    """A place at an instance that listens at `endpoint` (host:port), held by one request. `seat`
    names it to whoever granted it: requests of one worker may use a seat one after the other."""

    request: str
    instance: str
    endpoint: str
    door: str
    seat: str


class Load(NamedTuple):
    """How many requests wait at a door and how many are being answered behind it."""

    waiting: int = 0
    running: int = 0


class Position(NamedTuple):
    """Where a request is: at which door, and how many stand before it, itself included; 0 when it
    is being answered."""

    door: str
    place: int


class Limit(NamedTuple):
    """How many requests of one name may come within so many seconds (contract 4.2)."""

    name: str
    most: int
    seconds: int


class Queue(Protocol):
    def ready(self, door: str, request: str) -> Place | None:
        """A place that can be had without waiting or asking; None when that is not known."""

    async def take(self, door: str, request: str) -> Place:
        """A place for a request, in its turn. Cancelling gives up the turn.

        Raises RateLimited when too many wait already.
        """

    def give(self, place: Place) -> None:
        """The place is free again."""

    async def count(self, limits: Sequence[Limit]) -> bool:
        """Whether one more request may come by all of these limits; it counts if so."""

    async def loads(self) -> dict[str, Load]:
        """Of every door at which somebody waits or behind which somebody is answered."""

    async def position(self, request: str) -> Position | None:
        """Where a request that waits is; None when it does not. Who is answered is known to whoever
        answers: a seat outlives its request."""
