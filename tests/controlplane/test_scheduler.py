"""Who may start: never more than there is, all nodes or none, by priority, and nobody waits for ever."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.scheduler import Grant, Pool, Request, can_ever, decide, free, in_order

A, B, C = (Pool(name, "H100") for name in "abc")


def asks(id_: str, gpus: int = 1, pools: tuple[Pool, ...] = (A,), **more: Any) -> Request:
    return Request(id_, gpus, pools, **more)


REQUESTS = st.lists(
    st.builds(
        Request,
        st.uuids().map(str),
        st.integers(1, 8),
        st.lists(st.sampled_from([A, B, C]), min_size=0, max_size=3, unique=True).map(tuple),
        st.integers(1, 4),
        st.integers(-3, 3),
        st.floats(0, 1000),
    ),
    max_size=40,
    unique_by=lambda r: r.id,
)
FREE = st.dictionaries(st.sampled_from([A, B, C]), st.integers(-4, 32))


@given(FREE, REQUESTS, st.floats(0, 2000))
def test_it_never_gives_more_than_there_is(
    left: dict[Pool, int], waiting: list[Request], now: float
) -> None:
    grants = decide(left, waiting, now)
    known = {r.id: r for r in waiting}
    assert len({g.id for g in grants}) == len(grants)
    for pool in (A, B, C):
        given_ = sum(known[g.id].size for g in grants if g.pool == pool)
        assert given_ <= max(0, left.get(pool, 0))
    assert all(g.pool in known[g.id].pools for g in grants)


@given(FREE, REQUESTS, st.floats(0, 2000))
def test_who_is_passed_over_did_not_fit_or_lets_a_late_one_go_first(
    left: dict[Pool, int], waiting: list[Request], now: float
) -> None:
    """What is left in the end is of use to nobody, unless someone late waits for it."""
    granted = {g.id: g for g in decide(left, waiting, now, patience=500)}
    known = {r.id: r for r in waiting}
    rest = free(left, [(g.pool, known[g.id].size) for g in granted.values()])
    late = [r for r in waiting if now - r.since >= 500 and r.id not in granted]
    kept = {pool for r in late for pool in r.pools}
    for r in waiting:
        if r.id not in granted:
            assert all(rest.get(pool, 0) < r.size for pool in r.pools if pool not in kept)


@given(FREE, REQUESTS, st.floats(0, 2000), st.randoms())
def test_the_order_of_asking_says_nothing(
    left: dict[Pool, int], waiting: list[Request], now: float, random: Any
) -> None:
    mixed = list(waiting)
    random.shuffle(mixed)
    assert decide(left, mixed, now) == decide(left, waiting, now)


@pytest.mark.parametrize(
    ("left", "waiting", "expected"),
    [
        ({A: 8}, [], []),
        ({}, [asks("1")], []),
        ({A: 1}, [asks("1"), asks("2")], ["1"]),
        ({A: 1}, [asks("1", since=2), asks("2", since=1)], ["2"]),
        ({A: 1}, [asks("1", since=1), asks("2", since=2, priority=1)], ["2"]),
        # Smaller ones fill what a larger one cannot use.
        ({A: 4}, [asks("1", 8), asks("2", 4, since=1)], ["2"]),
        # All nodes together, or none.
        ({A: 7}, [asks("1", 4, nodes=2)], []),
        ({A: 8}, [asks("1", 4, nodes=2)], ["1"]),
        ({A: 4, B: 4}, [asks("1", 4, (A, B), nodes=2)], []),
        # The first pool that fits.
        ({A: 1, B: 8}, [asks("1", 2, (A, B))], ["1"]),
        ({A: -3}, [asks("1")], []),
    ],
)  # fmt: skip
def test_cases(left: dict[Pool, int], waiting: list[Request], expected: list[str]) -> None:
    assert [g.id for g in decide(left, waiting, now=10)] == expected


def test_where_it_starts() -> None:
    assert decide({A: 1, B: 8}, [asks("1", 2, (A, B)), asks("2", 1, (A, B), since=1)], 10) == [
        Grant("1", B),
        Grant("2", A),
    ]


def test_a_late_one_is_first_whatever_its_priority_and_keeps_its_pools() -> None:
    late, eager = asks("late", 8, since=0), asks("eager", 1, since=599, priority=9)
    other = asks("other", 1, (B,), since=599)
    assert [g.id for g in decide({A: 7, B: 1}, [late, eager, other], 599)] == ["eager", "other"]
    assert [g.id for g in decide({A: 7, B: 1}, [late, eager, other], 600)] == ["other"]
    assert [g.id for g in decide({A: 8, B: 1}, [late, eager, other], 600)] == ["late", "other"]
    assert [r.id for r in in_order([eager, other, late], 600)] == ["late", "eager", "other"]


@given(st.integers(1, 8), st.integers(1, 6), st.integers(1, 5))
def test_nobody_waits_for_ever(size: int, seconds: int, rate: int) -> None:
    """However many small and urgent ones come: a large one starts when its patience is over and
    what runs then has ended."""
    patience, capacity = 20, 8
    running: list[tuple[float, int]] = []
    waiting = [asks("large", size, priority=-5, since=-1)]
    for now in range(patience + seconds + 1):
        running = [(end, n) for end, n in running if end > now]
        waiting += [asks(f"{now}.{i}", priority=5, since=now) for i in range(capacity * rate)]
        left = {A: capacity - sum(n for _, n in running)}
        for g in decide(left, waiting, now, patience):
            if g.id == "large":
                return
            running.append((now + seconds, 1))
            waiting = [r for r in waiting if r.id != g.id]
    pytest.fail("it never started")


def test_what_fits_nowhere_is_known() -> None:
    assert can_ever({A: 8}, asks("1", 4, nodes=2))
    assert not can_ever({A: 8, B: 8}, asks("1", 9, (A, B)))
    assert not can_ever({A: 8}, asks("1", 1, (B,)))
