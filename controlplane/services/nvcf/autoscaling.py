"""How many instances a deployment should have now: between its minimum and its maximum, as many as
the load at its door asks for (contract 5.2).

A rule holds when the load has been past its threshold for long enough within its window; then the
number is multiplied by its factor, and the window begins anew. The rules of the platform, for
those who state none, are ours: the contract names fields, not defaults.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from controlplane import durations
from controlplane.kinds import Spec
from controlplane.queue.protocol import Load

_SECOND = 1e9
# Closer looks than this tell nothing new.
SAMPLE_SECONDS = 0.5


class Rule(NamedTuple):
    """Past `threshold` percent for `held` of the last `window` seconds: times `factor`."""

    factor: float
    threshold: float
    window: float
    held: float


UP = Rule(2.0, 80, 30, 10)
DOWN = Rule(0.5, 30, 300, 240)


class Sample(NamedTuple):
    """How many percent of all places were asked for, at a time in Unix seconds."""

    at: float
    percent: float


class Memory(NamedTuple):
    """What is remembered of one GPU specification: how many instances it should have, and the load
    since that changed."""

    target: int
    samples: tuple[Sample, ...] = ()


def rules(gpu: Spec) -> tuple[Rule, Rule]:
    """The rules of a GPU specification for more and for fewer instances."""
    given = gpu.get("autoscalingConfiguration") or {}
    return (
        _rule(given.get("scaleUpDetails"), UP),
        _rule(given.get("scaleDownDetails"), DOWN),
    )


def _rule(given: Spec | None, platform: Rule) -> Rule:
    if given is None:
        return platform
    sticky = given.get("stickiness")
    if sticky is None:
        return platform._replace(factor=given["factor"], threshold=given["threshold"])
    window, held = (durations.parse(sticky[name]) / _SECOND for name in ("size", "threshold"))
    return Rule(given["factor"], given["threshold"], window, held)


def percent(load: Load, places: int) -> float:
    """How much of all places is asked for; of no places all that is asked for is too much."""
    asked = load.waiting + load.running
    return 100 * asked / places if places else (math.inf if asked else 0.0)


def decide(gpu: Spec, memory: Memory, sample: Sample) -> Memory:
    """How many instances of a GPU specification there should be after another look."""
    up, down = rules(gpu)
    samples = _seen(memory.samples, sample, max(up.window, down.window))
    # Any factor is allowed, also one that leads beyond all numbers.
    wanted = min(float(gpu["maxInstances"]), _wanted(memory.target, up, down, samples))
    target = max(gpu["minInstances"], math.ceil(wanted))
    return Memory(target, () if target != memory.target else samples)


def _wanted(target: int, up: Rule, down: Rule, samples: Sequence[Sample]) -> float:
    if _held(samples, up, over=True):
        return max(target, 1) * up.factor
    idle = samples[-1].percent == 0
    if _held(samples, down, over=False) and (target > 1 or idle):
        return target * down.factor // 1
    return target


def _seen(samples: tuple[Sample, ...], new: Sample, window: float) -> tuple[Sample, ...]:
    """The samples of a window. Those too close together are one, as bad as the worst of them."""
    kept = tuple(s for s in samples if s.at >= new.at - window)
    if kept and new.at - kept[-1].at < SAMPLE_SECONDS:
        worst = max(kept[-1].percent, new.percent)
        return (*kept[:-1], kept[-1]._replace(percent=worst))
    return (*kept, new)


def _held(samples: Sequence[Sample], rule: Rule, *, over: bool) -> bool:
    """Whether the load was past the threshold for long enough."""
    start = samples[-1].at - rule.window
    past = 0.0
    for one, following in pairwise(samples):
        if one.at >= start and (one.percent >= rule.threshold) == over:
            past += following.at - one.at
    still = (samples[-1].percent >= rule.threshold) == over
    return still and past >= rule.held


def first(gpus: Sequence[Spec]) -> int:
    """Which GPU specification gets the first instance when nothing runs and somebody waits."""
    return min(range(len(gpus)), key=lambda i: (gpus[i].get("preferredOrder", 1), i))
