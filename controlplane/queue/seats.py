"""What one worker has of a queue: requests of its that wait, and places that it holds.

Who grants places is behind a link, which may end and come again: who waits goes on waiting, and
what is held stays held; both are said to the next one. A seat whose request was answered is kept
for a moment, so that the next request of this worker needs not ask; never while anybody waits at
that door.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, Protocol

from aicr.errors import Unavailable
from controlplane.queue.limits import Windows
from controlplane.queue.protocol import Limit, Load, Place, Position
from controlplane.wire import Json

# For so long another thread waits for a count.
_PATIENCE_SECONDS = 5.0
# How long until whoever was not there is looked for again.
AGAIN_SECONDS = 0.1
# Seats that were not needed for so long go back.
KEEP_SECONDS = 0.25
# So many instances are remembered not to be offered any more; of more, those with seats in use.
MAX_WITHDRAWN = 10_000


class Link(Protocol):
    """A connection to whoever grants places; it says unasked what Seats has topics for."""

    def ask(self, do: str, **facts: Any) -> asyncio.Future[Any]:
        """The answer, later. It fails with Unavailable when the connection ends before, and with
        another AicrError when that is the answer."""

    def tell(self, do: str, **facts: Any) -> None:
        """Ask without waiting for the answer."""

    async def close(self) -> None:
        """What is held through it is free again, and who waits at it waits no more."""


# Gets what a link says unasked.
Heard = Callable[[Json], None]
# Is called once when a link ends.
Lost = Callable[[], None]


class Ticket(NamedTuple):
    """A request of this worker that waits since `order`: nanoseconds of a clock that all processes
    of a host share."""

    door: str
    request: str
    order: int
    place: asyncio.Future[Place]


class Seats:
    """The Queue of one worker, over the links that `_dial` makes.

    `settled` gets the requests whose results can be looked for; `offered` gets doors with the
    number of instances behind them; `crowded` gets doors at which somebody begins to wait.
    """

    def __init__(self) -> None:
        self._client: Link | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lost = asyncio.Event()
        self._tickets: dict[str, Ticket] = {}
        self._used: dict[str, Place] = {}
        self._idle: dict[str, deque[Place]] = {}
        # The fewest idle seats of a door since the last look: so many are not needed.
        self._spare: dict[str, int] = {}
        self._crowds: set[str] = set()
        self._withdrawn: dict[str, None] = {}  # the oldest first
        self._windows = Windows()
        self.settled: Callable[[str], None] = lambda _request: None
        self.offered: Callable[[str, int], None] = lambda _door, _count: None
        self.crowded: Callable[[str], None] = lambda _door: None
        self._topics: dict[str, Callable[[Json], None]] = {
            "crowded": self._on_crowded,
            "quiet": self._on_quiet,
            "withdrawn": self._on_withdrawn,
            "offered": self._on_offered,
            "return": self._on_return,
            "settled": lambda message: self.settled(message["request"]),
        }

    async def _dial(self, heard: Heard, lost: Lost) -> Link:
        """A new connection. Raises OSError when nobody is there."""
        raise NotImplementedError

    async def follow(self) -> None:
        """Stay connected, until cancelled."""
        self._loop = asyncio.get_running_loop()
        try:
            while True:
                await self._connected()
                await asyncio.sleep(AGAIN_SECONDS)
        finally:
            if self._client is not None:
                await self._client.close()

    async def _connected(self) -> None:
        """One connection, from its beginning to its end; nothing when nobody is there."""
        self._lost.clear()
        try:
            client = await self._dial(self._heard, self._lost.set)
        except OSError:
            return
        try:
            await self._hello(client)
            while not self._lost.is_set():
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._lost.wait(), KEEP_SECONDS)
                self._return_spare()
        except Unavailable:
            pass
        finally:
            self._client = None
            # The next broker does not know them, and nobody uses them.
            self._idle.clear()
            self._spare.clear()
            self._crowds.clear()
            await client.close()

    async def _hello(self, client: Link) -> None:
        held = [[p.seat, p.door, p.instance, p.endpoint] for p in self._used.values()]
        answer = client.ask("hello", held=held)
        self._client = client
        self._withdrawn.clear()
        for ticket in sorted(self._tickets.values(), key=lambda t: t.order):
            self._ask(ticket)
        await answer

    @property
    def connected(self) -> bool:
        return self._client is not None

    def ready(self, door: str, request: str) -> Place | None:
        seats = self._idle.get(door)
        if not seats:
            return None
        _, instance, endpoint, _, seat = seats.popleft()
        place = Place(request, instance, endpoint, door, seat)
        self._spare[door] = min(self._spare[door], len(seats))
        self._used[place.seat] = place
        return place

    async def take(self, door: str, request: str) -> Place:
        found = self.ready(door, request)
        if found is not None:
            return found
        future: asyncio.Future[Place] = asyncio.get_running_loop().create_future()
        ticket = Ticket(door, request, time.monotonic_ns(), future)
        self._tickets[request] = ticket
        self._ask(ticket)
        try:
            return await future
        except asyncio.CancelledError:
            self._abandon(ticket)
            raise
        finally:
            del self._tickets[request]

    def _abandon(self, ticket: Ticket) -> None:
        """Nobody waits any more; what was granted meanwhile goes back."""
        if ticket.place.done() and not ticket.place.cancelled():
            if ticket.place.exception() is None:
                self._return(ticket.place.result())
            return
        ticket.place.cancel()
        if self._client is not None:
            self._client.tell("cancel", request=ticket.request)

    def _ask(self, ticket: Ticket) -> None:
        if self._client is not None:
            asked = self._client.ask(
                "take", door=ticket.door, request=ticket.request, order=ticket.order
            )
            asked.add_done_callback(lambda answer: self._answered(ticket, answer))

    def _answered(self, ticket: Ticket, answer: asyncio.Future[list[str] | None]) -> None:
        error = answer.exception()
        if isinstance(error, Unavailable):
            return  # the next connection asks again
        if error is not None:
            if not ticket.place.done():
                ticket.place.set_exception(error)
            return
        said = answer.result()
        if said is None:
            return
        seat, instance, endpoint = said
        place = Place(ticket.request, instance, endpoint, ticket.door, seat)
        self._used[seat] = place
        if ticket.place.done():
            self._return(place)
        else:
            ticket.place.set_result(place)

    def give(self, place: Place) -> None:
        if self._used.pop(place.seat, None) is None:
            return
        if self._client is None:
            return  # whoever granted it is gone
        if place.door in self._crowds or place.instance in self._withdrawn:
            self._client.tell("give", seats=[place.seat])
            return
        idle = self._idle.get(place.door)
        if idle is None:
            idle = self._idle[place.door] = deque()
            self._spare[place.door] = 0
        idle.append(place)

    def _return(self, place: Place) -> None:
        """Give a place back at once."""
        self._used.pop(place.seat, None)
        if self._client is not None:
            self._client.tell("give", seats=[place.seat])

    def _return_spare(self) -> None:
        for door, seats in list(self._idle.items()):
            count = min(self._spare.get(door, 0), len(seats))
            self._return_idle([seats.popleft() for _ in range(count)])
            self._spare[door] = len(seats)
            if not seats:
                del self._idle[door], self._spare[door]

    def _return_idle(self, places: Sequence[Place]) -> None:
        if places and self._client is not None:
            self._client.tell("give", seats=[p.seat for p in places])

    async def count(self, limits: Sequence[Limit]) -> bool:
        if self._client is not None:
            try:
                return bool(await self._client.ask("count", limits=list(limits)))
            except Unavailable:
                pass
        return self._windows.count(limits)

    async def loads(self) -> dict[str, Load]:
        if self._client is not None:
            try:
                found = await self._client.ask("loads")
            except Unavailable:
                pass
            else:
                return {door: Load(*load) for door, load in found.items()}
        return self._own()

    def loads_now(self) -> dict[str, Load]:
        """What goes on, for another thread than the loop's."""
        if self._loop is None or not self.connected:
            return {}
        asked = asyncio.run_coroutine_threadsafe(self.loads(), self._loop)
        return asked.result(_PATIENCE_SECONDS)

    def _own(self) -> dict[str, Load]:
        """What this worker knows by itself."""
        waiting = Counter(t.door for t in self._tickets.values())
        running = Counter(p.door for p in self._used.values())
        doors = sorted({*waiting, *running})
        return {door: Load(waiting[door], running[door]) for door in doors}

    async def position(self, request: str) -> Position | None:
        if self._client is not None:
            try:
                found = await self._client.ask("position", request=request)
            except Unavailable:
                return None
            return None if found is None else Position(*found)
        ticket = self._tickets.get(request)
        if ticket is None:
            return None
        before = sum(
            t.order < ticket.order for t in self._tickets.values() if t.door == ticket.door
        )
        return Position(ticket.door, before + 1)

    def settle(self, request: str) -> None:
        """Say that there is a result, or will be none."""
        self.settled(request)
        if self._client is not None:
            self._client.tell("settled", request=request)

    def _heard(self, message: Json) -> None:
        hear = self._topics.get(message["say"])
        if hear is not None:
            hear(message)

    def _on_crowded(self, message: Json) -> None:
        door = message["door"]
        self._crowds.add(door)
        self._return_idle(self._idle.pop(door, ()))
        self._spare.pop(door, None)
        self.crowded(message["door"])

    def _on_return(self, message: Json) -> None:
        for seats in self._idle.values():
            self._return_idle(seats)
        self._idle.clear()
        self._spare.clear()
        if self._client is not None:
            self._client.tell("returned", round=message["round"])

    def _on_quiet(self, message: Json) -> None:
        self._crowds.discard(message["door"])

    def _on_withdrawn(self, message: Json) -> None:
        self._withdrawn[message["instance"]] = None
        self._forget_withdrawn()
        seats = self._idle.get(message["door"], deque())
        gone = [p for p in seats if p.instance == message["instance"]]
        for place in gone:
            seats.remove(place)
        self._return_idle(gone)
        self._on_count(message)

    def _forget_withdrawn(self) -> None:
        """The older half, when there are many: seats at the others may be on their way here."""
        if len(self._withdrawn) <= MAX_WITHDRAWN:
            return
        used = {p.instance for p in self._used.values()}
        for instance in [*self._withdrawn][: MAX_WITHDRAWN // 2]:
            if instance not in used:
                del self._withdrawn[instance]

    def _on_offered(self, message: Json) -> None:
        self._withdrawn.pop(message["instance"], None)
        self._on_count(message)

    def _on_count(self, message: Json) -> None:
        self.offered(message["door"], message["count"])
