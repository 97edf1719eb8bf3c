"""The runtime in which nothing runs behaves like one in which something does."""

from __future__ import annotations

from typing import Any

import pytest

from aicr.errors import NotFound
from controlplane.runtime.protocol import FAILED, RUNNING, STARTING, Health, Instance, Shown
from controlplane.runtime.simulated import Simulated

ONE = Instance("uid/stack/1", "aicr.clusters.a", "stack", "1")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_at_once(clock: Any) -> None:
    runtime = Simulated(clock=clock)
    runtime.start(ONE, {}, {})
    assert runtime.health(ONE.id) == Health(RUNNING)
    assert runtime.list() == [ONE]
    assert [line.text for line in runtime.logs(ONE.id)] == ["uid/stack/1: simulated, nothing runs"]
    assert runtime.look() == (Shown(ONE, Health(RUNNING), "simulated"),)
    assert runtime.logged("uid") == (ONE.id,)
    assert runtime.logged("ui") == ()


def test_a_while_later(clock: Any) -> None:
    runtime = Simulated(5.0, clock)
    seen = []
    runtime.start(ONE, {}, {})
    for clock.now in (0.0, 4.9, 5.0):
        seen.append(runtime.health(ONE.id).state)
        runtime.start(ONE, {}, {})  # once more, which does nothing
    assert seen == [STARTING, STARTING, RUNNING]


def test_what_is_not_there(clock: Any) -> None:
    runtime = Simulated(clock=clock)
    assert runtime.health("x") == Health(FAILED, "it does not run")
    assert runtime.list() == []
    with pytest.raises(NotFound):
        list(runtime.logs("x"))
    runtime.stop("x")


def test_failing_and_starting_again(clock: Any) -> None:
    runtime = Simulated(5.0, clock)
    runtime.start(ONE, {}, {})
    clock.now = 9.0
    runtime.fail(ONE.id, "out of memory")
    assert runtime.health(ONE.id) == Health(FAILED, "out of memory")
    runtime.stop(ONE.id)
    assert runtime.list() == []
    runtime.start(ONE, {}, {})
    assert runtime.health(ONE.id) == Health(STARTING)
