"""The table of phases, row by row."""

from __future__ import annotations

import pytest

from controlplane.phases import (
    BROKEN,
    DEGRADED,
    IDLE,
    PENDING,
    READY,
    TRANSITIONS,
    Seen,
    condition,
    phase,
)

CONDITIONS = {
    "nothing wanted": Seen(0, 0, 0),
    "all run": Seen(2, 2, 0),
    "all failed": Seen(2, 0, 2),
    "some run": Seen(2, 1, 1),
    "none runs": Seen(2, 0, 1),
}
PHASES = (None, IDLE, PENDING, READY, DEGRADED, BROKEN, "what another version wrote")
EXPECTED = {
    "nothing wanted": (IDLE,) * 7,
    "all run": (READY,) * 7,
    "all failed": (BROKEN,) * 7,
    "some run": (PENDING, PENDING, PENDING, DEGRADED, DEGRADED, PENDING, PENDING),
    "none runs": (PENDING, PENDING, PENDING, DEGRADED, DEGRADED, PENDING, PENDING),
}


def test_the_table_is_whole() -> None:
    assert set(TRANSITIONS) == set(CONDITIONS) == set(EXPECTED)


@pytest.mark.parametrize("name", CONDITIONS)
def test_conditions(name: str) -> None:
    assert condition(CONDITIONS[name]) == name


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [(n, b, a) for n in EXPECTED for b, a in zip(PHASES, EXPECTED[n], strict=True)],
)
def test_transitions(name: str, before: str | None, after: str) -> None:
    assert phase(before, CONDITIONS[name]) == after


def test_every_seen_has_one_condition() -> None:
    for wanted in range(4):
        for running in range(wanted + 1):
            for failed in range(wanted + 1 - running):
                assert condition(Seen(wanted, running, failed)) in TRANSITIONS
