"""Plans that may not be applied: refused, nothing changed, no lock left."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aicr.errors import AicrError, Conflict, InvalidRequest
from controlplane.engine import Engine
from controlplane.failpoints import Injected
from controlplane.plan import apply as applying
from controlplane.plan import definition, effects
from controlplane.plan.apply import Outcome, Stale, Used
from controlplane.plan.definition import Tampered
from controlplane.plan.recover import LOCK
from controlplane.state.protocol import Lease
from tests.controlplane.engines import ME, apply, opened, plan
from tests.robustness import sound
from tests.robustness.conftest import Say, size
from tests.stores import dump

ROUNDS = size(100, 10)
FLIPS = size(1000, 250)
THINGS = {"test.things.a": {"size": 1}, "test.things.b": {"uses": ["a"]}}


@pytest.fixture
def engine(where: str) -> Iterator[Engine]:
    with opened(where) as made:
        yield made


def refused(
    engine: Engine, where: str, given: definition.Plan, error: type[AicrError]
) -> AicrError:
    """Apply, which must be refused and change nothing at all."""
    before = dump(where)
    with pytest.raises(error) as e:
        apply(engine, given)
    assert dump(where) == before
    sound.settled(engine)
    return e.value


def touch(engine: Engine, name: str = "other") -> None:
    engine.change_now(ME, lambda c: c.create(f"test.things.{name}", {"size": 1}))


def test_stale(engine: Engine, where: str, say: Say) -> None:
    for n in range(ROUNDS):
        made = plan(engine, {**THINGS, "test.things.n": {"size": n}})
        touch(engine, f"other{n}")
        assert refused(engine, where, made, Stale).code == "STALE_PLAN"
    say(f"{ROUNDS} stale plans refused")


def test_stale_from_an_empty_state(engine: Engine, where: str) -> None:
    made = plan(engine, THINGS)
    touch(engine)
    refused(engine, where, made, Stale)


def test_stale_though_it_would_do_the_same(engine: Engine, where: str) -> None:
    made = plan(engine, THINGS)
    apply(engine, plan(engine, {"test.things.c": {}, **THINGS}))
    apply(engine, plan(engine, {}))
    refused(engine, where, made, Stale)


def test_another_lineage(engine: Engine, where: str, tmp_path: Path) -> None:
    with opened(str(tmp_path / "other.db")) as other:
        made = plan(other, THINGS)
    refused(engine, where, made, Stale)


def test_twice(engine: Engine, where: str) -> None:
    made = plan(engine, THINGS)
    apply(engine, made)
    assert refused(engine, where, made, Used).code == "USED_PLAN"


def test_twice_when_it_changed_nothing(engine: Engine, where: str) -> None:
    made = plan(engine, {})
    apply(engine, made)
    refused(engine, where, made, Used)
    assert apply(engine, plan(engine, {})).status == "applied"


@pytest.mark.parametrize("filled", [False, True])
def test_eight_at_once_exactly_one_wins(engine: Engine, where: str, filled: bool, say: Say) -> None:
    if filled:
        apply(engine, plan(engine, {"test.things.a": {"size": 7}}))
    for n in range(ROUNDS):
        made = plan(engine, {**THINGS, "test.things.n": {"size": n}})
        start = threading.Barrier(8)
        outcomes: list[Any] = []

        def one(made: definition.Plan = made, start: Any = start, to: Any = outcomes) -> None:
            start.wait()
            try:
                to.append(apply(engine, made))
            except AicrError as e:
                to.append(e)

        threads = [threading.Thread(target=one) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [type(o) for o in outcomes].count(Outcome) == 1, outcomes
        assert all(isinstance(o, Outcome | Conflict) for o in outcomes)
        steps = engine.store.read(lambda r, d=made.digest: r.journal(d))
        assert [s.status for s in steps] == ["done"] * len(made.stages)
    sound.settled(engine)
    assert engine.store.check() == []
    say(f"{ROUNDS} plans × 8 at once: each applied exactly once")


def test_two_processes_worth_of_engines(engine: Engine, where: str) -> None:
    with opened(where) as other:
        made = plan(engine, THINGS)
        apply(other, made)
        refused(engine, where, made, Used)


def test_any_changed_byte(engine: Engine, say: Say) -> None:
    apply(engine, plan(engine, {"test.things.a": {"size": 2, "home": "x"}, "test.things.z": {}}))
    secret = {**THINGS, "test.tokens.t": {"value": "env:T"}, "test.things.a": {"home": "y"}}
    data = plan(engine, secret, {"env:T": "s3cret"}).text().encode()
    assert definition.parse(data, "plan.json").text().encode() == data
    chance = random.Random(1)  # noqa: S311
    for _ in range(FLIPS):
        at = chance.randrange(len(data))
        changed = bytes([data[at] ^ (1 << chance.randrange(8))])
        with pytest.raises(Tampered):
            definition.parse(data[:at] + changed + data[at + 1 :], "plan.json")
    for cut in (b"", data[:-1], data[:100], data + b" ", data + data, b"\xef\xbb\xbf" + data):
        with pytest.raises(Tampered):
            definition.parse(cut, "plan.json")
    say(f"{FLIPS} flipped bits of a plan of {len(data)} bytes: all refused")


class TestNoLockIsLeft:
    """Whatever ends an apply, it gives the lock back."""

    def test_a_resource_changed_meanwhile(
        self, engine: Engine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        apply(engine, plan(engine, THINGS))
        made = plan(engine, {**THINGS, "test.things.a": {"size": 2}})

        def meanwhile(name: str) -> None:
            if name == "apply.after_lock":
                engine.change_now(
                    ME, lambda c: c.update(c.tx.get("test.things.a"), spec={"size": 9})
                )

        monkeypatch.setattr(applying, "hit", meanwhile)
        with pytest.raises(Conflict, match="has changed since the plan"):
            apply(engine, made)
        self.failed(engine, made, 0)

    def test_a_secret_that_nobody_brought(self, engine: Engine) -> None:
        made = plan(engine, {**THINGS, "test.tokens.t": {"value": "env:T"}}, {"env:T": "s3cret"})
        with pytest.raises(InvalidRequest, match="the value of env:T is needed"):
            apply(engine, made)
        self.failed(engine, made, 2)
        again = plan(engine, {**THINGS, "test.tokens.t": {"value": "env:T"}}, {"env:T": "s3cret"})
        assert [s.address for s in again.stages] == ["test.tokens.t"]
        assert apply(engine, again, {"env:T": "s3cret"}).status == "applied"

    def test_a_secret_with_another_value(self, engine: Engine) -> None:
        made = plan(engine, {"test.tokens.t": {"value": "env:T"}}, {"env:T": "s3cret"})
        with pytest.raises(Conflict, match="another value than when this was planned") as e:
            apply(engine, made, {"env:T": "0ther"})
        assert "0ther" not in str(e.value)
        self.failed(engine, made, 0)

    @pytest.mark.parametrize(
        "point",
        [
            "apply.after_lock",
            "apply.before_intent",
            "apply.after_intent",
            "apply.after_effect",
            "apply.before_finish",
        ],
    )
    def test_an_unexpected_error(
        self, engine: Engine, monkeypatch: pytest.MonkeyPatch, point: str
    ) -> None:
        def fail(name: str) -> None:
            if name == point:
                raise Injected(name)

        made = plan(engine, THINGS)
        with monkeypatch.context() as patched:
            patched.setattr(applying, "hit", fail)
            with pytest.raises(Injected):
                apply(engine, made)
        from controlplane.plan import recover

        recover.recover(engine)
        sound.settled(engine)
        apply(engine, plan(engine, THINGS))
        assert plan(engine, THINGS).is_empty

    def test_an_effect_that_breaks(self, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
        def broken(*_: Any) -> None:
            raise ZeroDivisionError

        made = plan(engine, THINGS)
        with monkeypatch.context() as patched:
            patched.setattr(effects.Effects, "perform", broken)
            with pytest.raises(ZeroDivisionError):
                apply(engine, made)
        self.failed(engine, made, 0)
        assert (
            engine.store.read(lambda r: r.plan(made.digest)).outcome["error"] == "unexpected error"
        )

    def test_somebody_else_holds_it(self, engine: Engine) -> None:
        lease = Lease(LOCK, "another host/place/1/1", 5, 9e12, "then", "applying sha256:x")
        engine.store.write(lambda tx: tx.put_lease(lease))
        with pytest.raises(Conflict, match="apply is locked by another host"):
            apply(engine, plan(engine, THINGS))
        assert engine.store.read(lambda r: r.lease(LOCK)) == lease
        assert engine.store.read(lambda r: r.meta()).serial == 0

    def failed(self, engine: Engine, made: definition.Plan, done: int) -> None:
        sound.settled(engine)
        stored = engine.store.read(lambda r: r.plan(made.digest))
        assert (stored.status, stored.outcome["done"]) == ("failed", done)
        assert engine.store.read(lambda r: r.lease(LOCK)).holder == ""
