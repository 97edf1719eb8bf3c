"""Rate limits by fixed windows."""

from __future__ import annotations

from controlplane.queue import limits
from controlplane.queue.limits import Windows
from controlplane.queue.protocol import Limit


def test_so_many_come_within_a_window_and_again_in_the_next() -> None:
    now = [100.0]
    windows = Windows(lambda: now[0])
    two = [Limit("f", 2, 10)]
    assert [windows.count(two) for _ in range(3)] == [True, True, False]
    now[0] = 109.9
    assert not windows.count(two)
    now[0] = 110.0
    assert windows.count(two)


def test_what_one_limit_refuses_counts_in_none() -> None:
    windows = Windows(lambda: 0.0)
    both = [Limit("f", 5, 60), Limit("u", 1, 60)]
    assert windows.count(both)
    assert not windows.count(both)
    assert [windows.count([Limit("f", 5, 60)]) for _ in range(5)] == [True] * 4 + [False]


def test_windows_that_ended_are_forgotten(monkeypatch: object) -> None:
    now = [0.0]
    windows = Windows(lambda: now[0])
    for n in range(5):
        windows.count([Limit(f"u{n}", 1, 1)])
    now[0] = 1.0
    before = limits.MAX_NAMES
    limits.MAX_NAMES = 5
    try:
        windows.count([Limit("new", 1, 1)])
    finally:
        limits.MAX_NAMES = before
    assert len(windows._counts) == 1
