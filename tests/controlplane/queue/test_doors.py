"""Who waits, and who is served."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from aicr.errors import RateLimited
from controlplane.queue.doors import Doors, Ticket
from controlplane.queue.protocol import Load, Place, Position

DOOR = "nvcf.deployments.a"


class At:
    """A door, and what was granted there."""

    def __init__(self, **options: int) -> None:
        self.told: list[tuple[str, bool]] = []
        self.doors = Doors(lambda door, waits: self.told.append((door, waits)), **options)
        self.granted: list[Place] = []
        self.order = 0

    def enter(self, request: str, peer: str = "w1", order: int | None = None) -> None:
        self.order += 1
        ticket = Ticket(request, peer, order or self.order, self.granted.append)
        self.doors.enter(DOOR, ticket)

    def give(self, request: str, peer: str = "w1") -> None:
        """The place that a request got last is free again."""
        seat = next(p.seat for p in reversed(self.granted) if p.request == request)
        self.doors.give(peer, seat)

    @property
    def requests(self) -> list[str]:
        return [p.request for p in self.granted]


def test_a_free_place_is_had_at_once() -> None:
    at = At()
    at.doors.offer(DOOR, "i1", "127.0.0.1:1", 1)
    at.enter("r1")
    assert at.granted == [Place("r1", "i1", "127.0.0.1:1", DOOR, "1")]
    assert at.doors.running("i1") == 1
    assert at.doors.loads() == {DOOR: Load(0, 1)}


def test_the_order_is_that_of_arrival_wherever_they_come_in() -> None:
    at = At()
    at.enter("later", "w1", order=20)
    at.enter("first", "w2", order=10)
    at.doors.offer(DOOR, "i1", "e", 1)
    at.give("first", "w2")
    assert at.requests == ["first", "later"]


def test_the_instance_with_the_smallest_share_taken_is_next() -> None:
    at = At()
    at.doors.offer(DOOR, "small", "e", 2)
    at.doors.offer(DOOR, "large", "e", 4)
    for n in range(6):
        at.enter(f"r{n}")
    assert at.doors.running("small") == 2
    assert at.doors.running("large") == 4
    assert [p.instance for p in at.granted[:3]] == ["small", "large", "large"]


def test_who_leaves_is_not_served_and_counts_no_more() -> None:
    at = At()
    at.enter("r1")
    at.enter("r2")
    at.doors.leave("r1")
    assert at.doors.loads() == {DOOR: Load(1, 0)}
    at.doors.offer(DOOR, "i1", "e", 5)
    assert at.requests == ["r2"]
    at.doors.leave("r1")  # unknown by now


@pytest.mark.parametrize("again", [False, True])
def test_the_line_has_no_more_who_left_than_who_wait(again: bool) -> None:
    at = At()
    at.enter("r0")
    for n in range(1, 2000):
        at.enter("r1" if again else f"r{n}")
        if not again:
            at.doors.leave(f"r{n}")
    for n in range(3000, 3010):
        at.enter(f"r{n}")
    assert len(at.doors._doors[DOOR].line) < 200
    at.doors.offer(DOOR, "i1", "e", 100)
    between = ["r1"] if again else []
    assert at.requests == ["r0", *between, *(f"r{n}" for n in range(3000, 3010))]


def test_too_many_are_refused_and_no_others() -> None:
    at = At(max_waiting=2)
    at.enter("r1")
    at.enter("r2")
    with pytest.raises(RateLimited, match="2 requests wait already"):
        at.enter("r3")
    at.enter("r2")  # who waits already may say so again
    assert at.doors.loads() == {DOOR: Load(2, 0)}
    at.doors.offer(DOOR, "i1", "e", 9)
    assert at.requests == ["r1", "r2"]


def test_a_withdrawn_instance_keeps_what_it_answers() -> None:
    at = At()
    at.doors.offer(DOOR, "i1", "e", 1)
    at.enter("r1")
    at.doors.withdraw("i1")
    at.enter("r2")
    assert at.doors.running("i1") == 1
    at.give("r1")
    assert at.doors.running("i1") == 0
    assert at.requests == ["r1"]
    assert at.doors.loads() == {DOOR: Load(1, 0)}


def test_more_places_are_granted_when_an_instance_gets_them() -> None:
    at = At()
    at.doors.offer(DOOR, "i1", "e", 1)
    at.enter("r1")
    at.enter("r2")
    at.doors.offer(DOOR, "i1", "e", 2)
    assert at.requests == ["r1", "r2"]


def test_what_a_lost_peer_held_and_waited_for_is_free_for_others() -> None:
    at = At()
    at.doors.offer(DOOR, "i1", "e", 1)
    at.enter("held", "dead")
    at.enter("waits", "dead")
    at.enter("mine", "alive")
    at.doors.gone("dead")
    assert at.requests == ["held", "mine"]
    at.give("held", "dead")  # a voice from the past
    assert at.doors.running("i1") == 1


def test_nobody_gives_what_another_holds() -> None:
    at = At()
    at.doors.offer(DOOR, "i1", "e", 1)
    at.enter("r1", "w1")
    at.give("r1", "w2")
    assert at.doors.running("i1") == 1


def test_a_request_that_is_served_twice_has_two_seats() -> None:
    at = At()
    at.doors.offer(DOOR, "i1", "e", 2)
    at.enter("r1")
    at.enter("r1")
    first, second = (p.seat for p in at.granted)
    assert at.doors.running("i1") == 2
    at.doors.give("w1", first)
    assert at.doors.running("i1") == 1
    at.doors.give("w1", second)
    assert at.doors.running("i1") == 0


def test_seats_that_were_granted_before_a_crash_count() -> None:
    at = At()
    at.doors.closed = True
    at.doors.hold("w1", "old", DOOR, "i1", "e")
    at.doors.hold("w1", "old", DOOR, "i1", "e")
    at.doors.offer(DOOR, "i1", "e", 1)
    at.enter("new", "w2")
    assert at.granted == []
    at.doors.open()
    assert at.granted == []
    at.doors.give("w1", "old")
    assert at.requests == ["new"]


def test_positions() -> None:
    at = At()
    at.doors.offer(DOOR, "i1", "e", 1)
    for name in ("r1", "r2", "r3"):
        at.enter(name)
    places = {name: at.doors.position(name) for name in ("r1", "r2", "r3", "r4")}
    assert places == {
        "r1": None,
        "r2": Position(DOOR, 1),
        "r3": Position(DOOR, 2),
        "r4": None,
    }


def test_it_is_told_when_a_door_gets_crowded_and_quiet_again() -> None:
    at = At()
    at.enter("r1")
    at.enter("r2")
    at.doors.offer(DOOR, "i1", "e", 2)
    assert at.told == [(DOOR, True), (DOOR, False)]


def test_nothing_is_kept_of_a_door_that_nobody_uses() -> None:
    at = At()
    at.doors.offer(DOOR, "i1", "e", 1)
    at.enter("r1")
    at.doors.withdraw("i1")
    at.give("r1")
    assert at.doors._doors == {}
    assert at.doors._instances == {}
    assert at.doors._held == {}


class Machine(RuleBasedStateMachine):
    """Never more than places, first come first served, nothing lost, nobody served twice."""

    @initialize()
    def begin(self) -> None:
        self.doors = Doors()
        self.waiting: list[tuple[int, str, str]] = []  # order, request, peer
        self.held: dict[str, tuple[str, str]] = {}  # seat -> peer, instance
        self.places: dict[str, int] = {}
        self.served: set[str] = set()
        self.orders = 0

    def _granted(self, place: Place) -> None:
        assert place.request not in self.served
        self.served.add(place.request)
        order, request, peer = min(self.waiting)
        assert request == place.request
        self.waiting.remove((order, request, peer))
        self.held[place.seat] = (peer, place.instance)
        assert place.instance in self.places
        assert self._taken(place.instance) <= self.places[place.instance]

    def _taken(self, instance: str) -> int:
        return sum(i == instance for _, i in self.held.values())

    @rule(instance=st.sampled_from("abc"), places=st.integers(1, 3))
    def offer(self, instance: str, places: int) -> None:
        self.places[instance] = max(places, self.places.get(instance, 0))
        self.doors.offer(DOOR, instance, "e", self.places[instance])

    @rule(instance=st.sampled_from("abc"))
    def withdraw(self, instance: str) -> None:
        self.places.pop(instance, None)
        self.doors.withdraw(instance)

    @rule(peer=st.sampled_from("xyz"))
    def enter(self, peer: str) -> None:
        self.orders += 1
        request = f"r{self.orders}"
        self.waiting.append((self.orders, request, peer))
        self.doors.enter(DOOR, Ticket(request, peer, self.orders, self._granted))

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        gone = data.draw(st.sampled_from(sorted(self.waiting)))
        self.waiting.remove(gone)
        self.doors.leave(gone[1])

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def give(self, data: st.DataObject) -> None:
        seat = data.draw(st.sampled_from(sorted(self.held)))
        peer, _ = self.held.pop(seat)
        self.doors.give(peer, seat)

    @rule(peer=st.sampled_from("xyz"))
    def lose(self, peer: str) -> None:
        self.waiting = [w for w in self.waiting if w[2] != peer]
        self.held = {r: h for r, h in self.held.items() if h[0] != peer}
        self.doors.gone(peer)

    @invariant()
    def nobody_waits_before_a_free_place(self) -> None:
        if self.waiting:
            assert all(self._taken(i) >= n for i, n in self.places.items())

    @invariant()
    def counts_are_right(self) -> None:
        load = self.doors.loads().get(DOOR, Load())
        assert load == Load(len(self.waiting), len(self.held))
        for i in "abc":
            assert self.doors.running(i) == self._taken(i)

    @invariant()
    def positions_are_those_in_line(self) -> None:
        for n, (_, request, _) in enumerate(sorted(self.waiting), 1):
            assert self.doors.position(request) == Position(DOOR, n)


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
