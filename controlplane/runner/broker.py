"""The doors of one host as they are served to its web workers.

Soft state: everything here is told by those who hold connections or own instances, and told again
after the process that holds it was gone. Workers may keep a seat that they have when its request is
answered, for their next one, as long as nobody waits at the door: they are told when somebody does.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from controlplane.queue.doors import Doors, Ticket
from controlplane.queue.limits import Windows
from controlplane.queue.protocol import MAX_WAITING, Limit, Place
from controlplane.wire import Ear, Json

# For so long a count waits for workers that do not answer.
PATIENCE_SECONDS = 1.0


class Broker:
    """Used on one event loop only."""

    def __init__(self, max_waiting: int = MAX_WAITING, windows: Windows | None = None) -> None:
        self._doors = Doors(self._crowded, max_waiting, f"{secrets.token_hex(8)}.")
        self._windows = windows or Windows()
        self._peers: set[Ear] = set()
        # Who tells other hosts of the instances, and instances that may be busy for those.
        self._relays: set[Ear] = set()
        self._draining: set[str] = set()
        self._pending: dict[tuple[Ear, str], asyncio.Future[list[str] | None]] = {}
        self._crowds: set[str] = set()
        # Whom a count still waits for, and who waits for it.
        self._rounds: dict[int, tuple[set[Ear], asyncio.Future[Any]]] = {}
        self._round = 0

    # What owners of instances say.

    def offer(self, door: str, instance: str, endpoint: str, places: int) -> None:
        """An instance at host:port takes so many requests at a time."""
        self._doors.offer(door, instance, endpoint, places)
        self._draining.discard(instance)
        for relay in self._relays:
            relay.say("open", door=door, instance=instance, endpoint=endpoint, places=places)
        self._all("offered", door=door, instance=instance, count=self._doors.instances(door))

    def withdraw(self, instance: str) -> None:
        """It takes no new ones; those that are answered are not touched."""
        door = self._doors.door_of(instance)
        self._doors.withdraw(instance)
        if door and self._relays:
            self._draining.add(instance)
        for relay in self._relays:
            relay.say("closed", instance=instance)
        if door:
            self._all("withdrawn", door=door, instance=instance, count=self._doors.instances(door))

    def running(self, instance: str) -> int:
        """How many of its places are held; at least one while other hosts may hold any."""
        return self._doors.running(instance) or int(instance in self._draining)

    def close(self) -> None:
        """Grant nothing until `open`: after a crash, so that workers first say what they hold."""
        self._doors.closed = True

    def open(self) -> None:
        self._doors.open()

    # What whoever brings requests from elsewhere asks.

    def free(self, door: str) -> int:
        """How many places behind a door can be granted now."""
        return self._doors.free(door)

    def offered(self) -> list[str]:
        """The doors with instances that take requests."""
        return sorted(self._doors.offered())

    def on_vacant(self, told: Callable[[str], None]) -> None:
        """Tell of doors behind which there may be places for which nobody waits."""
        self._doors.vacant = told

    # What workers say.

    @property
    def commands(self) -> Mapping[str, Callable[[Ear, Json], Any]]:
        return {
            "hello": self._hello,
            "take": self._take,
            "cancel": self._cancel,
            "give": self._give,
            "count": self._count,
            "loads": self._loads,
            "returned": self._returned,
            "position": lambda _peer, message: self._doors.position(message["request"]),
            "settled": self._settled,
            "relay": self._relay,
            "drained": lambda _peer, message: self._draining.discard(message["instance"]),
        }

    def gone(self, peer: Ear) -> None:
        """A connection ended, and with it all that was asked for and held through it."""
        self._peers.discard(peer)
        self._relays.discard(peer)
        if not self._relays:
            self._draining.clear()  # nobody is left who would say so
        for key in [key for key in self._pending if key[0] is peer]:
            self._pending.pop(key).cancel()
        self._doors.gone(peer)
        for number in list(self._rounds):
            self._without(peer, number)

    def _hello(self, peer: Ear, message: Json) -> None:
        """A worker, and the seats that it holds: [[seat, door, instance, endpoint], …]. It is told
        how things stand as if that had just become so."""
        self._peers.add(peer)
        for seat, door, instance, endpoint in message["held"]:
            self._doors.hold(peer, seat, door, instance, endpoint)
        for door in sorted(self._crowds):
            peer.say("crowded", door=door)
        for door, count in self._doors.offered().items():
            peer.say("offered", door=door, instance="", count=count)

    def _relay(self, peer: Ear, _message: Json) -> list[tuple[str, str, str, int]]:
        """Somebody tells other hosts: of these, and of what it hears from now on."""
        self._relays.add(peer)
        return self._doors.offers()

    def _take(self, peer: Ear, message: Json) -> asyncio.Future[list[str] | None]:
        """[seat, instance, endpoint], later; null when it was cancelled."""
        request = message["request"]
        future: asyncio.Future[list[str] | None] = asyncio.get_running_loop().create_future()

        def granted(place: Place) -> None:
            self._pending.pop((peer, request), None)
            future.set_result([place.seat, place.instance, place.endpoint])

        self._pending[peer, request] = future
        try:
            self._doors.enter(message["door"], Ticket(request, peer, message["order"], granted))
        except BaseException:
            del self._pending[peer, request]
            raise
        return future

    def _cancel(self, peer: Ear, message: Json) -> None:
        future = self._pending.pop((peer, message["request"]), None)
        if future is not None:
            self._doors.leave(message["request"])
            future.set_result(None)

    def _give(self, peer: Ear, message: Json) -> None:
        for seat in message["seats"]:
            self._doors.give(peer, seat)

    def _count(self, _peer: Ear, message: Json) -> bool:
        return self._windows.count(Limit(*limit) for limit in message["limits"])

    def _loads(self, _peer: Ear, _message: Json) -> Any:
        """What goes on, without the seats that are kept for a next request: those go back first."""
        loads = self._doors.loads()
        if not self._peers or not any(load.running for load in loads.values()):
            return loads
        loop = asyncio.get_running_loop()
        self._round += 1
        self._rounds[self._round] = ({*self._peers}, loop.create_future())
        self._all("return", round=self._round)
        loop.call_later(PATIENCE_SECONDS, self._count_up, self._round)
        return self._rounds[self._round][1]

    def _returned(self, peer: Ear, message: Json) -> None:
        self._without(peer, message["round"])

    def _without(self, peer: Ear, number: int) -> None:
        """A peer has returned what it does not need, or is gone."""
        asked, _ = self._rounds.get(number, (set(), None))
        asked.discard(peer)
        if not asked:
            self._count_up(number)

    def _count_up(self, number: int) -> None:
        _, answer = self._rounds.pop(number, (None, None))
        if answer is not None and not answer.done():  # else whoever asked is gone
            answer.set_result(self._doors.loads())

    def _settled(self, _peer: Ear, message: Json) -> None:
        """There is a result, or there will be none: those who wait for it look."""
        self._all("settled", request=message["request"])

    def _crowded(self, door: str, waits: bool) -> None:
        (self._crowds.add if waits else self._crowds.discard)(door)
        self._all("crowded" if waits else "quiet", door=door)

    def _all(self, topic: str, **facts: str | int) -> None:
        for peer in self._peers:
            peer.say(topic, **facts)
