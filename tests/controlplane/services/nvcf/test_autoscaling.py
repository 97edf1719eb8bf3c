"""How many instances: rules, windows, bounds."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.queue.protocol import Load
from controlplane.services.nvcf import autoscaling
from controlplane.services.nvcf.autoscaling import DOWN, UP, Memory, Rule, Sample, decide

GPU: dict[str, Any] = {"minInstances": 1, "maxInstances": 8}
STICKY = {"size": "PT10S", "threshold": "PT4S"}
OWN = {
    **GPU,
    "autoscalingConfiguration": {
        "scaleUpDetails": {"factor": 1.5, "threshold": 50, "stickiness": STICKY},
        "scaleDownDetails": {"factor": 0.25, "threshold": 10, "stickiness": STICKY},
    },
}


def after(gpu: dict[str, Any], target: int, *percents: tuple[float, float]) -> list[int]:
    """Targets after looks at (time, percent)."""
    memory, seen = Memory(target), []
    for at, percent in percents:
        memory = decide(gpu, memory, Sample(at, percent))
        seen.append(memory.target)
    return seen


def test_rules_are_the_stated_ones_or_those_of_the_platform() -> None:
    assert autoscaling.rules(GPU) == (UP, DOWN)
    assert autoscaling.rules(OWN) == (Rule(1.5, 50, 10, 4), Rule(0.25, 10, 10, 4))
    plain = {"autoscalingConfiguration": {"scaleUpDetails": {"factor": 3.0, "threshold": 1}}}
    assert autoscaling.rules(plain) == (UP._replace(factor=3.0, threshold=1), DOWN)


@pytest.mark.parametrize(
    ("load", "places", "percent"),
    [((0, 0), 0, 0), ((1, 0), 0, math.inf), ((0, 1), 2, 50), ((3, 2), 2, 250), ((0, 0), 4, 0)],
)
def test_percent(load: tuple[int, int], places: int, percent: float) -> None:
    assert autoscaling.percent(Load(*load), places) == percent


def test_more_once_it_held_long_enough_and_then_anew() -> None:
    looks = [(t, 60.0) for t in range(10)]
    assert after(OWN, 2, *looks) == [2, 2, 2, 2, 3, 3, 3, 3, 3, 5]


def test_a_moment_below_does_not_end_what_has_held() -> None:
    assert after(OWN, 2, (0, 60), (2, 60), (3, 5), (4, 60), (6, 60))[-1] == 3


def test_what_is_outside_of_the_window_does_not_count() -> None:
    assert after(OWN, 2, (0, 60), (3, 5), (20, 60), (21, 60))[-1] == 2


def test_the_last_look_decides_whether_it_still_holds() -> None:
    assert after(OWN, 2, (0, 60), (2, 60), (5, 20))[-1] == 2


def test_fewer_but_the_last_one_stays_while_it_is_used() -> None:
    free = {**OWN, "minInstances": 0}
    assert after(free, 8, (0, 5), (2, 5), (4, 5))[-1] == 2
    assert after(free, 1, (0, 5), (2, 5), (4, 5))[-1] == 1
    assert after(free, 1, (0, 0), (2, 0), (4, 0))[-1] == 0


def test_bounds_count_at_once() -> None:
    assert after({**GPU, "minInstances": 3}, 1, (0, 0)) == [3]
    assert after({**GPU, "maxInstances": 2}, 5, (0, 100)) == [2]


def test_looks_close_together_are_one_as_bad_as_the_worst() -> None:
    memory = Memory(1)
    for at, percent in ((0.0, 1.0), (1.0, 2.0), (1.1, 90.0), (1.2, 3.0), (1.6, 4.0)):
        memory = decide(GPU, memory, Sample(at, percent))
    assert memory.samples == (Sample(0.0, 1.0), Sample(1.0, 90.0), Sample(1.6, 4.0))


def test_who_gets_the_first_instance() -> None:
    assert autoscaling.first([{}, {"preferredOrder": 1}]) == 0
    assert autoscaling.first([{"preferredOrder": 3}, {"preferredOrder": 2}]) == 1


@given(
    st.integers(0, 5),
    st.integers(0, 10),
    st.integers(0, 20),
    st.lists(st.tuples(st.floats(0.01, 100), st.floats(0, 1000)), max_size=60),
)
def test_never_outside_of_its_bounds(
    minimum: int, more: int, target: int, steps: list[tuple[float, float]]
) -> None:
    gpu = {**OWN, "minInstances": minimum, "maxInstances": minimum + more + 1}
    memory, now = Memory(target), 0.0
    for seconds, percent in steps:
        now += seconds
        memory = decide(gpu, memory, Sample(now, percent))
        assert minimum <= memory.target <= minimum + more + 1
        assert len(memory.samples) <= 10 / autoscaling.SAMPLE_SECONDS + 3


def test_a_factor_beyond_all_numbers() -> None:
    rule = {"factor": 1.7e308, "threshold": 10}
    gpu = {**GPU, "autoscalingConfiguration": {"scaleUpDetails": rule}}
    assert after(gpu, 2, *((float(t), 500.0) for t in range(12)))[-1] == 8
