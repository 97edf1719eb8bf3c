"""Waiting longer with every failure."""

from __future__ import annotations

from controlplane.backoff import LONGEST_SECONDS, Backoff


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def waiting(backoff: Backoff, clock: Clock) -> float:
    """For how many seconds `a` waits, to a tenth."""
    start, tenths = clock.now, 0
    while backoff.waits("a"):
        tenths += 1
        clock.now = start + tenths / 10
    clock.now = start
    return tenths / 10


def test_waits_grow_and_end_growing() -> None:
    clock = Clock()
    backoff = Backoff(clock)
    seen = []
    for _ in range(9):
        backoff.failed("a")
        seen.append(waiting(backoff, clock))
    assert seen == [0, 1, 2, 4, 8, 16, 32, LONGEST_SECONDS, LONGEST_SECONDS]
    assert not backoff.waits("b")


def test_who_is_gone_or_has_been_well_for_long_begins_anew() -> None:
    clock = Clock()
    backoff = Backoff(clock)
    for _ in range(3):
        backoff.failed("a")
    backoff.well("a")  # it has only just begun to run
    assert backoff.waits("a")
    clock.now += 2 + LONGEST_SECONDS + 1
    backoff.well("a")
    backoff.failed("a")
    assert not backoff.waits("a")
    backoff.failed("a")
    backoff.keep({"b"})
    assert not backoff.waits("a")
