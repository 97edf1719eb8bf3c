"""The life of an instance, as a table."""

from __future__ import annotations

import pytest

from controlplane.runner.states import (
    BROKE,
    DONE,
    ENDING,
    GONE,
    SICK,
    STOP,
    STOPPING,
    TRANSITIONS,
    WELL,
    after,
)
from controlplane.runtime.protocol import ENDED, FAILED, RUNNING, STARTING

EVENTS = (WELL, SICK, DONE, BROKE, STOP)
TABLE = {
    STARTING: (RUNNING, STARTING, ENDED, FAILED, STOPPING),
    RUNNING: (RUNNING, ENDING, ENDED, FAILED, STOPPING),
    ENDING: (ENDING, ENDING, FAILED, FAILED, STOPPING),
    STOPPING: (STOPPING, STOPPING, GONE, GONE, STOPPING),
    FAILED: (FAILED, FAILED, FAILED, FAILED, GONE),
    ENDED: (ENDED, ENDED, ENDED, ENDED, GONE),
    GONE: (GONE,) * 5,
}


@pytest.mark.parametrize("state", TABLE)
def test_what_happens_in_every_state(state: str) -> None:
    assert tuple(after(state, what) for what in EVENTS) == TABLE[state]


def test_the_table_is_whole() -> None:
    assert set(TRANSITIONS) == set(TABLE)
