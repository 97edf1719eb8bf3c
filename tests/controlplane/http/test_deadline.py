"""Deadlines: they come when they should, and leave nothing behind."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable
from typing import Any

from controlplane.http.deadline import Deadline


class Timer:
    def __init__(self, when: float, call: Callable[[], None]) -> None:
        self.when, self.call, self.cancelled = when, call, False

    def cancel(self) -> None:
        self.cancelled = True


class Clock:
    """A loop whose time is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[Timer] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, call: Callable[[], None]) -> Timer:
        self.timers.append(Timer(when, call))
        return self.timers[-1]

    def go(self, now: float) -> None:
        """Let time pass, and fire what is due on the way."""
        while due := [t for t in self.timers if t.when <= now and not t.cancelled]:
            first = min(due, key=lambda t: t.when)
            self.timers.remove(first)
            self.now = first.when
            first.call()
        self.now = now


def made() -> tuple[Clock, Deadline, list[float]]:
    clock = Clock()
    came: list[float] = []
    loop: Any = clock
    return clock, Deadline(loop, lambda: came.append(clock.now)), came


def test_it_comes_once() -> None:
    clock, deadline, came = made()
    deadline.set(5)
    clock.go(4.9)
    assert deadline.is_set
    assert not came
    clock.go(100)
    assert came == [5]
    assert not deadline.is_set


def test_moving_it_needs_no_timer_of_its_own() -> None:
    clock, deadline, came = made()
    for now in range(50):
        clock.go(now / 10)
        deadline.set(5)
    assert len(clock.timers) == 1
    clock.go(100)
    assert came == [9.9]


def test_an_earlier_one_is_not_waited_past() -> None:
    clock, deadline, came = made()
    deadline.set(60)
    deadline.set(5)
    clock.go(100)
    assert came == [5]


def test_what_was_cleared_does_not_come_and_can_be_set_again() -> None:
    clock, deadline, came = made()
    deadline.set(5)
    deadline.clear()
    clock.go(3)
    deadline.set(5)
    clock.go(7)
    assert not came
    clock.go(20)
    assert came == [8]
    deadline.set(5)
    deadline.clear()
    clock.go(100)
    assert came == [8]
    assert not clock.timers


def test_nothing_of_one_that_ended_stays() -> None:
    async def play() -> weakref.ref[Any]:
        class Owner:
            def __init__(self) -> None:
                self.deadline = Deadline(asyncio.get_running_loop(), self.act)

            def act(self) -> None:
                """Too late."""

        owner = Owner()
        owner.deadline.set(60)
        owner.deadline.end()
        return weakref.ref(owner)

    assert asyncio.run(play())() is None
