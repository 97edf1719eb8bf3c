"""Delays: in their order, not too early, and nothing of those that were called off."""

from __future__ import annotations

import asyncio
import weakref
from typing import Any

import pytest

from controlplane.http.delays import Delays


class Clock:
    """A loop whose time is set by hand, with the timers that were begun."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[tuple[float, Any, Any]] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, call: Any, loop: Any) -> None:
        self.timers.append((when, call, loop))

    def go(self, now: float) -> None:
        """Let time pass, and fire what is due on the way."""
        while self.timers and min(self.timers)[0] <= now:
            first = min(self.timers)
            self.timers.remove(first)
            self.now = first[0]
            first[1](first[2])
        self.now = now


def test_each_is_done_when_it_is_due() -> None:
    clock: Any = Clock()
    delays, done = Delays(10), list[tuple[str, float]]()
    delays.begin(clock, lambda: done.append(("a", clock.now)))
    clock.go(4)
    delays.begin(clock, lambda: done.append(("b", clock.now)))
    assert len(clock.timers) == 1
    clock.go(13)
    assert done == [("a", 10)]
    clock.go(100)
    assert done == [("a", 10), ("b", 14)]
    assert not clock.timers


def test_what_was_called_off_is_not_done_and_nobody_comes_for_it() -> None:
    clock: Any = Clock()
    delays, done = Delays(10), list[str]()
    for now in range(8):
        clock.go(now)
        delays.begin(clock, lambda: done.append("no")).cancel()
    assert len(clock.timers) == 1
    clock.go(8)
    delays.begin(clock, lambda: done.append("yes"))
    clock.go(100)
    assert done == ["yes"]
    assert not clock.timers


def test_one_that_begins_while_another_is_done() -> None:
    clock: Any = Clock()
    delays, done = Delays(10), list[float]()
    delays.begin(clock, lambda: delays.begin(clock, lambda: done.append(clock.now)) and None)
    clock.go(100)
    assert done == [20]
    assert not clock.timers


def test_what_a_loop_left_behind_is_not_done_on_the_next() -> None:
    first: Any = Clock()
    second: Any = Clock()
    delays, done = Delays(10), list[str]()
    delays.begin(first, lambda: done.append("first"))
    delays.begin(second, lambda: done.append("second"))
    first.go(100)
    assert not done
    second.go(100)
    assert done == ["second"]


def test_one_that_fails_takes_no_others_with_it() -> None:
    clock: Any = Clock()
    delays, done = Delays(10), list[str]()

    def fail() -> None:
        raise ValueError("no")

    delays.begin(clock, fail)
    delays.begin(clock, lambda: done.append("other"))
    with pytest.raises(ValueError, match="no"):
        clock.go(100)
    clock.go(100)
    assert done == ["other"]


def test_nothing_is_kept_of_what_was_called_off() -> None:
    class Owner:
        def act(self) -> None:
            """Never."""

    async def play() -> tuple[Delays, weakref.ref[Owner]]:
        owner, delays = Owner(), Delays(60)
        delays.begin(asyncio.get_running_loop(), owner.act).cancel()
        return delays, weakref.ref(owner)

    delays, owner = asyncio.run(play())
    assert delays
    assert owner() is None
