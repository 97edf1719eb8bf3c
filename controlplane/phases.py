"""Phases of what something runs for, where its kind has no words of its own: a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

IDLE, PENDING, READY, DEGRADED, BROKEN = "Idle", "Starting", "Ready", "Degraded", "Failed"


class Seen(NamedTuple):
    """How many instances are wanted, run, and failed."""

    wanted: int
    running: int
    failed: int


def condition(seen: Seen) -> str:
    """What is seen, in the words of the table."""
    if seen.wanted == 0:
        return "nothing wanted"
    if seen.running == seen.wanted:
        return "all run"
    if seen.failed == seen.wanted:
        return "all failed"
    return "some run" if seen.running else "none runs"


# Condition -> phase before -> phase after. A phase that is not there has `None`'s.
TRANSITIONS: Mapping[str, Mapping[str | None, str]] = {
    "nothing wanted": {None: IDLE},
    "all run": {None: READY},
    "all failed": {None: BROKEN},
    "some run": {None: PENDING, READY: DEGRADED, DEGRADED: DEGRADED},
    "none runs": {None: PENDING, READY: DEGRADED, DEGRADED: DEGRADED},
}


def phase(before: str | None, seen: Seen) -> str:
    """The phase after what was seen."""
    after = TRANSITIONS[condition(seen)]
    return after.get(before, after[None])
