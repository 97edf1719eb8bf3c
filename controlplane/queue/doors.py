"""Who waits at which door, and who holds which place behind it: values in memory, no clock, no I/O.

At a door requests are served in the order of their arrival (`order`), wherever they came in. An
instance has so many places; of several instances the one with the smallest share of its places
taken is next.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

from aicr.errors import RateLimited
from controlplane.queue.protocol import MAX_WAITING, Load, Place, Position

Granted = Callable[[Place], None]
# So many tickets that have gone are in nobody's way.
FEW = 64


@dataclass(slots=True)
class Instance:
    """Something that answers, with `places` of which `taken` are held. `open` ones are granted."""

    id: str
    door: str
    endpoint: str
    places: int
    taken: int = 0
    open: bool = True


@dataclass(slots=True)
class Ticket:
    """A request that waits. `peer` is who holds its connection; `granted` is called once."""

    request: str
    peer: Hashable
    order: int
    granted: Granted


@dataclass(slots=True)
class Door:
    """`line` may have tickets in it that have gone, about as many as wait: `waiting` has those that
    count."""

    name: str
    instances: dict[str, Instance] = field(default_factory=dict)
    waiting: dict[str, Ticket] = field(default_factory=dict)
    line: list[tuple[int, int, Ticket]] = field(default_factory=list)

    def running(self) -> int:
        return sum(i.taken for i in self.instances.values())

    def free(self) -> Instance | None:
        """The instance that should serve next."""
        found = [i for i in self.instances.values() if i.open and i.taken < i.places]
        return min(found, key=lambda i: i.taken / i.places, default=None)

    def shorten(self) -> None:
        """Who has gone stands in line no longer than there are more such than others."""
        if len(self.line) > 2 * len(self.waiting) + FEW:
            self.line = [e for e in self.line if self.waiting.get(e[2].request) is e[2]]
            heapq.heapify(self.line)

    def first(self) -> Ticket | None:
        """Who is next in line."""
        while self.line:
            ticket = self.line[0][2]
            if self.waiting.get(ticket.request) is ticket:
                return ticket
            heapq.heappop(self.line)
        return None

    @property
    def idle(self) -> bool:
        return not (self.instances or self.waiting)


class Doors:
    """`crowded` is called with a door and whether somebody waits there, when that changes. `name`
    begins the names of seats: workers hold those of brokers before this one as well."""

    def __init__(
        self,
        crowded: Callable[[str, bool], None] = lambda _door, _waits: None,
        max_waiting: int = MAX_WAITING,
        name: str = "",
    ) -> None:
        self._doors: dict[str, Door] = {}
        self._instances: dict[str, Instance] = {}
        # Seat -> who holds it, and where.
        self._held: dict[str, tuple[Hashable, str]] = {}
        self._seats: dict[Hashable, set[str]] = {}
        self._asked: dict[str, str] = {}  # request that waits -> its door
        self._crowds: set[str] = set()
        self._crowded, self._max = crowded, max_waiting
        self._name, self._seated = name, 0
        self._count = 0
        # Closed ones grant nothing yet: after a crash nobody knows at first what is taken.
        self.closed = False
        # Is called with a door behind which there may be places for which nobody waits.
        self.vacant: Callable[[str], None] = lambda _door: None

    def offer(self, door: str, instance: str, endpoint: str, places: int) -> None:
        """An instance takes requests, or takes them again; it may have another number of places."""
        known = self._instances.get(instance)
        if known is None:
            known = self._instances[instance] = Instance(instance, door, endpoint, places)
            self._door(door).instances[instance] = known
        known.endpoint, known.places, known.open = endpoint, places, True
        self._serve(door)

    def withdraw(self, instance: str) -> None:
        """An instance takes no more requests; the places that are held stay so."""
        known = self._instances.get(instance)
        if known is not None:
            known.open = False
            self._tidy(known)

    def running(self, instance: str) -> int:
        """How many places of an instance are held."""
        known = self._instances.get(instance)
        return 0 if known is None else known.taken

    def instances(self, door: str) -> int:
        """How many instances take requests behind a door."""
        known = self._doors.get(door)
        return 0 if known is None else sum(i.open for i in known.instances.values())

    def free(self, door: str) -> int:
        """How many places behind a door can be granted now."""
        known = self._doors.get(door)
        if known is None or self.closed:
            return 0
        return sum(max(0, i.places - i.taken) for i in known.instances.values() if i.open)

    def offered(self) -> dict[str, int]:
        """The same of every door that has any."""
        counts = {name: self.instances(name) for name in self._doors}
        return {name: count for name, count in counts.items() if count}

    def offers(self) -> list[tuple[str, str, str, int]]:
        """Door, id, endpoint and places of every instance that takes requests."""
        found = self._instances.values()
        return [(i.door, i.id, i.endpoint, i.places) for i in found if i.open]

    def door_of(self, instance: str) -> str:
        """The door of an instance; nothing when it is not known."""
        known = self._instances.get(instance)
        return "" if known is None else known.door

    def enter(self, door: str, ticket: Ticket) -> None:
        """Wait for a place. A request that waits already goes on waiting, for whoever asks now.

        Raises RateLimited when too many wait already.
        """
        found = self._door(door)
        known = found.waiting.get(ticket.request)
        if known is None and len(found.waiting) >= self._max:
            raise RateLimited(f"{self._max} requests wait already")
        self._count += 1
        found.waiting[ticket.request] = ticket
        heapq.heappush(found.line, (ticket.order, self._count, ticket))
        found.shorten()
        self._asked[ticket.request] = door
        self._serve(door)

    def leave(self, request: str) -> None:
        """Wait no longer. Who does not wait, or was served already, is unknown."""
        door = self._asked.pop(request, None)
        if door is not None:
            found = self._doors[door]
            del found.waiting[request]
            found.shorten()
            self._tell(found)
            self._forget(found)

    def give(self, peer: Hashable, seat: str) -> None:
        """A place is free again. What the peer does not hold is no place."""
        if seat not in self._seats.get(peer, ()):
            return
        self._seats[peer].discard(seat)
        instance = self._instances[self._held.pop(seat)[1]]
        instance.taken -= 1
        self._tidy(instance)
        self._serve(instance.door)

    def hold(self, peer: Hashable, seat: str, door: str, instance: str, endpoint: str) -> None:
        """A peer says what it holds: that of another broker, which is gone. It counts, even if
        the instance is not offered (yet), or has too few places."""
        if seat in self._held:
            return
        known = self._instances.get(instance)
        if known is None:
            known = self._instances[instance] = Instance(instance, door, endpoint, 1, open=False)
            self._door(door).instances[instance] = known
        self._seat(peer, seat, known)

    def gone(self, peer: Hashable) -> None:
        """Whoever held connections is gone, and all that it waited for and held with it."""
        for seat in sorted(self._seats.pop(peer, ())):
            instance = self._instances[self._held.pop(seat)[1]]
            instance.taken -= 1
            self._tidy(instance)
        left = [r for d in self._doors.values() for r, t in d.waiting.items() if t.peer == peer]
        for request in left:
            self.leave(request)
        for door in list(self._doors):
            self._serve(door)

    def open(self) -> None:
        """Grant what can be granted from now on."""
        self.closed = False
        for door in list(self._doors):
            self._serve(door)

    def loads(self) -> dict[str, Load]:
        found = {n: Load(len(d.waiting), d.running()) for n, d in self._doors.items()}
        return {name: load for name, load in found.items() if load != Load()}

    def position(self, request: str) -> Position | None:
        """The place in line; None for a request that does not wait."""
        door = self._asked.get(request)
        if door is None:
            return None
        waiting = self._doors[door].waiting
        mine = waiting[request].order
        before = sum(t.order < mine for t in waiting.values())
        return Position(door, before + 1)

    def _serve(self, door: str) -> None:
        found = self._doors.get(door)
        if found is None:
            return
        while not self.closed:
            ticket, instance = found.first(), found.free()
            if ticket is None or instance is None:
                break
            del found.waiting[ticket.request], self._asked[ticket.request]
            # Not named by its request, which may come twice while its first seat serves others.
            self._seated += 1
            seat = f"{self._name}{self._seated}"
            self._seat(ticket.peer, seat, instance)
            ticket.granted(Place(ticket.request, instance.id, instance.endpoint, door, seat))
        self._tell(found)
        if not found.waiting:
            self.vacant(door)
        self._forget(found)

    def _seat(self, peer: Hashable, seat: str, instance: Instance) -> None:
        instance.taken += 1
        self._held[seat] = (peer, instance.id)
        self._seats.setdefault(peer, set()).add(seat)

    def _tell(self, door: Door) -> None:
        waits = bool(door.waiting)
        if waits != (door.name in self._crowds):
            (self._crowds.add if waits else self._crowds.discard)(door.name)
            self._crowded(door.name, waits)

    def _tidy(self, instance: Instance) -> None:
        """Forget an instance that is not offered and not used any more."""
        if not instance.open and not instance.taken:
            self._instances.pop(instance.id, None)
            door = self._doors[instance.door]
            door.instances.pop(instance.id, None)
            self._forget(door)

    def _door(self, name: str) -> Door:
        return self._doors.setdefault(name, Door(name))

    def _forget(self, door: Door) -> None:
        if door.idle:
            self._doors.pop(door.name, None)
