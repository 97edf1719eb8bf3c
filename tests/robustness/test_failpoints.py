"""Every named point × {kill, exception, stall}: nobody has to do anything by hand afterwards."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from controlplane.failpoints import KILL, NAMES, RAISE, STALL
from controlplane.plan import recover
from controlplane.state.protocol import Actor
from tests.controlplane.engines import apply, opened, plan, stages
from tests.robustness import child, sound
from tests.robustness.conftest import FULL

STALL_SECONDS = 2.0 if FULL else 0.1
# Points that are passed by everything are armed at several moments: before a plan is kept, before
# it is applied, and while a stage is performed.
MOMENTS = {"store": ("plan", "apply", "effect"), "migrate": ("open",), "plan": ("plan",)}


def cases() -> list[tuple[str, str, str]]:
    return [
        (point, action, moment)
        for point in NAMES
        for action in (KILL, RAISE, STALL)
        for moment in MOMENTS.get(point.partition(".")[0], ("apply",))
        if FULL or action == KILL or moment in ("apply", "open")
    ]


def run(children: Any, where: str, point: str, action: str, moment: str) -> tuple[int, Any]:
    """The exit code of the process, and what it said: the point was passed, and raised so often."""
    here, there = children.Pipe()
    process = children.Process(
        target=child.once, args=(where, point, action, moment, STALL_SECONDS, there)
    )
    process.start()
    there.close()
    process.join(60)
    said = here.recv() if here.poll() and process.exitcode == 0 else None
    here.close()
    assert process.exitcode is not None
    return process.exitcode, said


def left(where: str) -> list[str]:
    """Which resources are not yet as the plan of these tests wants them, by what they are."""
    with opened(where) as engine:
        there = {r.address: r for r in engine.store.read(lambda r: r.resources())}
    wanted = {**dict.fromkeys(child.BEFORE), **child.AFTER}
    return sorted(a for a, spec in wanted.items() if not _is(there.get(a), spec))


def _is(resource: Any, spec: Any) -> bool:
    if resource is None or spec is None:
        return resource is None and spec is None
    return all(resource.spec.get(k) == v for k, v in spec.items() if k != "value")


@pytest.mark.parametrize(("point", "action", "moment"), cases())
def test_afterwards_the_next_plan_shows_what_is_left_and_converges(
    where: str, point: str, action: str, moment: str, children: Any
) -> None:
    if moment != "open":
        with opened(where) as engine:
            apply(engine, plan(engine, child.BEFORE), actor=Actor("before"))
    if point.startswith("recover"):  # something that there is to recover
        code, _ = run(children, where, "apply.after_intent", KILL, "apply")
        assert code == -signal.SIGKILL
        moment = "plan"
    code, said = run(children, where, point, action, moment)
    if action == KILL:
        assert code == -signal.SIGKILL
    else:
        assert (code, said) == (0, (True, 1 if action == RAISE else 0))
    remaining = left(where)
    if action != KILL:
        assert remaining == []  # the process went on by itself
    with opened(where) as engine:
        recover.recover(engine)
        sound.check(engine)
        sound.settled(engine)
        made = plan(engine, child.AFTER, child.SECRETS)
        assert sorted(address for _, address in stages(made)) == remaining
        apply(engine, made, child.SECRETS, Actor("after"))
        assert plan(engine, child.AFTER, child.SECRETS).is_empty
        sound.check(engine)
        sound.settled(engine)
    assert left(where) == []


def test_there_are_enough_of_them() -> None:
    assert len(NAMES) >= 14
    assert len(cases()) >= 42
