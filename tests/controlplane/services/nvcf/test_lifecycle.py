"""The tables of contract 5.7: gates, transitions, scaling."""

from __future__ import annotations

import pytest

from controlplane.services.nvcf import lifecycle as life
from controlplane.services.nvcf.lifecycle import Seen

ACTIONS = {
    life.CREATE_VERSION: life.STATES,
    life.UPDATE: life.STATES,
    life.DELETE: life.STATES,
    life.DEPLOY: ("INACTIVE",),
    life.CHANGE: ("ACTIVE", "DEPLOYING", "DEGRADED", "DEGRADING"),
    life.UNDEPLOY: life.STATES,
    life.INVOKE: ("ACTIVE", "DEGRADING"),
}


@pytest.mark.parametrize("state", life.STATES)
@pytest.mark.parametrize("action", [a for a in ACTIONS if a != life.INVOKE])
def test_what_may_be_done_in_a_state(action: str, state: str) -> None:
    assert (life.refusal(action, state) == "") is (state in ACTIONS[action])


def test_what_may_be_invoked() -> None:
    assert life.ALLOWED[life.INVOKE] == set(ACTIONS[life.INVOKE])


ONE, NONE = Seen(1, running=1), Seen(1)
STARTING, FAILED, IDLE = Seen(1, starting=1), Seen(1, failed=1), Seen(0)
HALF = Seen(2, running=1, failed=1)


@pytest.mark.parametrize(
    ("before", "seen", "after"),
    [
        ("DEPLOYING", [ONE], "ACTIVE"),
        ("DEPLOYING", [ONE, NONE], "DEPLOYING"),
        ("DEPLOYING", [NONE], "DEPLOYING"),
        ("DEPLOYING", [STARTING], "DEPLOYING"),
        ("DEPLOYING", [FAILED], "ERROR"),
        ("DEPLOYING", [FAILED, STARTING], "DEPLOYING"),
        ("DEPLOYING", [HALF], "DEPLOYING"),
        ("DEPLOYING", [FAILED, IDLE], "ERROR"),
        ("ACTIVE", [ONE], "ACTIVE"),
        ("ACTIVE", [IDLE], "ACTIVE"),
        ("ACTIVE", [NONE], "DEGRADED"),
        ("ACTIVE", [FAILED], "DEGRADED"),
        ("ACTIVE", [STARTING], "ACTIVE"),
        ("ACTIVE", [HALF], "DEGRADING"),
        ("ACTIVE", [ONE, NONE], "DEGRADING"),
        ("DEGRADING", [ONE], "ACTIVE"),
        ("DEGRADING", [NONE], "DEGRADED"),
        ("DEGRADING", [HALF], "DEGRADING"),
        ("DEGRADED", [ONE], "ACTIVE"),
        ("DEGRADED", [HALF], "DEGRADING"),
        ("DEGRADED", [STARTING], "DEGRADED"),
        ("DEGRADED", [IDLE], "ACTIVE"),
        ("INACTIVE", [ONE], "INACTIVE"),
        ("ERROR", [ONE], "ERROR"),
    ],
)
def test_transitions(before: str, seen: list[Seen], after: str) -> None:
    assert life.after(before, seen) == after


@pytest.mark.parametrize(
    ("minimum", "maximum", "running", "starting", "steps"),
    [
        (0, 1, 0, 0, (0, 0)),
        (1, 1, 0, 0, (1, 0)),
        (2, 4, 1, 0, (1, 0)),
        (2, 4, 1, 1, (0, 0)),
        (2, 4, 0, 1, (1, 0)),
        (2, 4, 3, 0, (0, 0)),
        (1, 2, 4, 0, (0, 2)),
        (1, 2, 2, 3, (0, 0)),
        (0, 1, 2, 1, (0, 1)),
        (3, 3, 0, 5, (0, 0)),
    ],
)
def test_scaling(
    minimum: int, maximum: int, running: int, starting: int, steps: tuple[int, int]
) -> None:
    assert life.scaling(minimum, maximum, running, starting) == steps


@pytest.mark.parametrize(
    ("minimums", "state"), [([0], "ACTIVE"), ([0, 0], "ACTIVE"), ([0, 1], "DEPLOYING")]
)
def test_the_first_state(minimums: list[int], state: str) -> None:
    assert life.first(minimums) == state


@pytest.mark.parametrize("state", life.STATES)
def test_only_errors_are_cleaned_and_only_after_a_week(state: str) -> None:
    week = 7 * 86400.0
    assert not life.outlived(state, week)
    assert life.outlived(state, week + 1) is (state == "ERROR")
