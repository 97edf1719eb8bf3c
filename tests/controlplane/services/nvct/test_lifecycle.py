"""The life of a task, as tables: every state with everything that can happen, and every timeout."""

from __future__ import annotations

from typing import Any

import pytest

from controlplane.access import times
from controlplane.services.nvct import lifecycle as life
from controlplane.services.nvct.lifecycle import after, due, message, moved, next_due

NOW = "2026-01-01T00:00:00Z"
HAPPENINGS = (
    life.PLACED,
    life.BEAT,
    life.DONE,
    life.FAILED,
    life.CANCEL,
    life.OVERRUN,
    life.OVERDUE,
)
# Rows: states; columns: what happens, in the order of HAPPENINGS; "-": nothing changes.
TABLE = """
QUEUED    LAUNCHED -       -         ERRORED CANCELED -                             EXCEEDED_MAX_QUEUED_DURATION
LAUNCHED  -        RUNNING COMPLETED ERRORED CANCELED EXCEEDED_MAX_RUNTIME_DURATION -
RUNNING   -        -       COMPLETED ERRORED CANCELED EXCEEDED_MAX_RUNTIME_DURATION -
COMPLETED - - - - - - -
ERRORED - - - - - - -
CANCELED - - - - - - -
EXCEEDED_MAX_RUNTIME_DURATION - - - - - - -
EXCEEDED_MAX_QUEUED_DURATION - - - - - - -
"""
ROWS = [line.split() for line in TABLE.strip().splitlines()]


@pytest.mark.parametrize(
    ("state", "happening", "then"),
    [
        (s, h, s if t == "-" else t)
        for s, *thens in ROWS
        for h, t in zip(HAPPENINGS, thens, strict=True)
    ],
)
def test_transitions(state: str, happening: str, then: str) -> None:
    assert after(state, happening) == then


def test_the_table_is_whole() -> None:
    assert [row[0] for row in ROWS] == list(life.STATES)
    assert {h for found in life.TRANSITIONS.values() for h in found} == set(HAPPENINGS)


def test_every_change_is_history_in_order() -> None:
    status = {"status": life.QUEUED, "lastUpdatedAt": "before"}
    found = moved(status, [life.PLACED, life.BEAT, life.BEAT, life.DONE, life.FAILED], NOW, "")
    assert [message(change) for change in found["history"]] == [
        "Changing status from 'QUEUED' to 'LAUNCHED'",
        "Changing status from 'LAUNCHED' to 'RUNNING'",
        "Changing status from 'RUNNING' to 'COMPLETED'",
    ]
    assert (found["status"], found["lastUpdatedAt"]) == (life.COMPLETED, NOW)
    assert moved(found, HAPPENINGS, "later") == found
    assert status == {"status": life.QUEUED, "lastUpdatedAt": "before"}


def test_only_a_bad_end_says_why() -> None:
    found = moved({"status": life.LAUNCHED}, [life.BEAT, life.FAILED], NOW, "it broke")
    assert [message(change) for change in found["history"]] == [
        "Changing status from 'LAUNCHED' to 'RUNNING'",
        "Changing status from 'RUNNING' to 'ERRORED' with error 'it broke'",
    ]


SPEC = {"maxQueuedDuration": "PT1H", "maxRuntimeDuration": "PT10M"}
ENDLESS = {"maxQueuedDuration": "PT1H"}


@pytest.mark.parametrize(
    ("state", "field", "seconds", "happening", "spec"),
    [
        (life.QUEUED, "nowhereSince", 120, life.FAILED, SPEC),
        (life.QUEUED, "createdAt", 3600 + 180, life.OVERDUE, SPEC),
        (life.LAUNCHED, "lastUpdatedAt", 300, life.FAILED, SPEC),
        (life.RUNNING, "lastHeartbeatAt", 240, life.FAILED, ENDLESS),
        (life.RUNNING, "progressAt", 300, life.FAILED, ENDLESS),
        (life.RUNNING, "runningSince", 600, life.OVERRUN, SPEC),
    ],
)
def test_timeouts(state: str, field: str, seconds: float, happening: str, spec: Any) -> None:
    """To the second: not before, but then; in no other state, and not without the moment."""
    begin = times.parse(NOW).timestamp()
    status = {"status": state, field: NOW}
    assert due(spec, status, begin + seconds - 0.001) is None
    found = due(spec, status, begin + seconds)
    assert found is not None
    assert found.happening == happening
    assert next_due(spec, status) == begin + seconds
    for other in life.STATES:
        if other != state:
            assert due(spec, {**status, "status": other, field: NOW}, begin + seconds) is None or (
                (other, field) in {(t.state, t.since) for t in life.TIMEOUTS}
            )
    assert due(spec, {"status": state}, begin + 1e9) is None


def test_a_task_without_a_bound_runs_on() -> None:
    status = {"status": life.RUNNING, "runningSince": NOW}
    assert due(ENDLESS, status, 1e12) is None
    assert next_due(ENDLESS, status) == float("inf")
