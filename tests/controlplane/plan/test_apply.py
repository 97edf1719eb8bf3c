"""Applying: in order, each stage with its journal, audit and event; what came of it is written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from aicr.errors import Conflict, InvalidRequest, Unavailable
from controlplane import planner
from controlplane.engine import Engine
from controlplane.plan import apply as applying
from controlplane.plan import recover
from controlplane.plan.apply import TOGETHER, groups
from controlplane.plan.effects import Effects
from controlplane.state.batch import Batch
from controlplane.state.protocol import Actor
from tests.controlplane.engines import ME, apply, opened, plan
from tests.controlplane.some_kinds import KINDS


@pytest.fixture
def engine(where: str) -> Iterator[Engine]:
    with opened(where) as made:
        yield made


def test_every_stage_has_its_lines(engine: Engine) -> None:
    made = plan(engine, {"test.things.a": {"uses": ["b"]}, "test.things.b": {}})
    outcome = apply(engine, made, actor=Actor("ann", "request-7"))
    assert outcome == (made.digest, "applied", 2, 2, 2)
    audit = engine.store.read(lambda r: r.audit(0, 99))
    assert [(e.actor, e.request_id, e.action, e.address) for e in audit] == [
        ("ann", "request-7", "applying", ""),
        ("ann", "request-7", "created", "test.things.b"),
        ("ann", "request-7", "created", "test.things.a"),
        ("ann", "request-7", "applied", ""),
    ]
    events = engine.store.read(lambda r: r.events(0, 99))
    assert [(e.type, e.data) for e in events] == [
        ("applying", {"plan": made.digest}),
        ("created", {"serial": 1}),
        ("created", {"serial": 2}),
        ("applied", {"plan": made.digest, "done": 2}),
    ]
    journal = engine.store.read(lambda r: r.journal(made.digest))
    assert [(s.position, s.address, s.status) for s in journal] == [
        (0, "test.things.b", "done"),
        (1, "test.things.a", "done"),
    ]
    stored = engine.store.read(lambda r: r.plan(made.digest))
    assert (stored.status, stored.document, stored.outcome) == (
        "applied",
        made.text(),
        {"done": 2, "serial": 2},
    )
    meta = engine.store.read(lambda r: r.meta())
    assert (meta.parent, meta.serial) == (made.digest, 2)


def test_intents_are_durable_before_the_first_effect(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    perform = Effects.perform

    def watched(self: Effects, changes: Any, stage: Any) -> None:
        steps = engine.store.read(lambda r: r.journal(made.digest))
        seen.append([s.status for s in steps])
        perform(self, changes, stage)

    monkeypatch.setattr(Effects, "perform", watched)
    made = plan(engine, {"test.things.a": {}, "test.things.b": {}})
    apply(engine, made)
    assert seen == [["intent", "intent"]] * 2


def test_what_comes_after_a_stage_that_fails_is_not_done(engine: Engine) -> None:
    specs: dict[str, Any] = {f"test.things.x{n}": {} for n in range(100)}
    specs["test.things.a"] = {}
    specs["test.tokens.t"] = {"value": "env:T"}
    made = plan(engine, specs, {"env:T": "x"})
    position = [s.address for s in made.stages].index("test.tokens.t")
    with pytest.raises(InvalidRequest, match="env:T is needed"):
        apply(engine, made)
    done = [s.address for s in made.stages[:position]]
    assert sorted(r.address for r in engine.store.read(lambda r: r.resources())) == sorted(done)
    assert {s.address for s in plan(engine, specs, {"env:T": "x"}).stages} == set(specs) - set(done)


def test_dependents_of_a_stage_that_fails_are_not_done(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    perform = Effects.perform

    def failing(self: Effects, changes: Any, stage: Any) -> None:
        if stage.address == "test.things.b":
            raise InvalidRequest("not this one")
        perform(self, changes, stage)

    made = plan(
        engine,
        {"test.things.a": {"uses": ["b"]}, "test.things.b": {"uses": ["c"]}, "test.things.c": {}},
    )
    with monkeypatch.context() as patched:
        patched.setattr(Effects, "perform", failing)
        with pytest.raises(InvalidRequest, match="not this one"):
            apply(engine, made)
    assert [r.address for r in engine.store.read(lambda r: r.resources())] == ["test.things.c"]
    journal = engine.store.read(lambda r: r.journal(made.digest))
    assert [s.status for s in journal] == ["done", "not-done", "not-done"]
    stored = engine.store.read(lambda r: r.plan(made.digest))
    words = "test.things.b: not this one (1 of 3 stages are applied: mend it and plan again)"
    assert (stored.status, stored.outcome) == (
        "failed",
        {"done": 1, "serial": 1, "error": words},
    )


def test_dependents_of_a_stage_that_cannot_be_stored_are_not_done(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ran without an error; what it left was refused when its commit was written."""
    perform = Effects.perform

    def unstorable(self: Effects, changes: Any, stage: Any) -> None:
        perform(self, changes, stage)
        if stage.address == "test.things.b":
            known = changes.tx.get(stage.address)
            changes.put(known._replace(uid="\ud800"), "updated")

    made = plan(
        engine,
        {"test.things.a": {"uses": ["b"]}, "test.things.b": {"uses": ["c"]}, "test.things.c": {}},
    )
    with monkeypatch.context() as patched:
        patched.setattr(Effects, "perform", unstorable)
        with pytest.raises(InvalidRequest, match="cannot hold such a value"):
            apply(engine, made)
    assert [r.address for r in engine.store.read(lambda r: r.resources())] == ["test.things.c"]
    journal = engine.store.read(lambda r: r.journal(made.digest))
    assert [s.status for s in journal] == ["done", "not-done", "not-done"]


def test_dependents_in_a_later_batch_than_a_lost_one_are_not_done(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commit of the first effect is lost, and those behind it wait for the next one."""
    store: Any = engine.store
    made = plan(engine, {"test.things.a": {"uses": ["b"]}, "test.things.b": {}})
    submit, flush, lost = store.submit, Batch.flush, []

    def one_by_one(work: Any) -> Any:
        future = submit(work)
        future.exception()  # whatever came of it: the next one is of another batch
        return future

    def losing(self: Batch) -> None:
        flush(self)
        if self._overlay.rows["resources"] and not lost:
            lost.append(True)
            raise OperationalError("COMMIT", None, Exception("disk I/O error"))

    with monkeypatch.context() as patched:
        patched.setattr(store, "submit", one_by_one)
        patched.setattr(Batch, "flush", losing)
        with pytest.raises(Unavailable):
            apply(engine, made)
    assert engine.store.read(lambda r: r.resources()) == []


def test_stages_share_commits(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    from controlplane.state import sql

    hits: list[str] = []
    made = plan(
        engine, {f"test.things.t{n}": {"uses": [f"t{n - 1}"] if n else []} for n in range(100)}
    )
    monkeypatch.setattr(sql, "hit", hits.append)
    apply(engine, made)
    # Begin, two groups of intents and effects (which may be taken in pieces), and the end.
    assert hits.count("store.after_commit") < 50
    assert [len(g) for _, g in groups(made.stages)] == [TOGETHER, 100 - TOGETHER]


def test_a_plan_of_a_process_that_is_gone_is_judged_by_the_next(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Gone(BaseException):
        """As if the process ended."""

    def leave(name: str) -> None:
        if name == "apply.after_intent":
            raise Gone

    made = plan(engine, {"test.things.a": {}})
    with monkeypatch.context() as patched:
        patched.setattr(applying, "hit", leave)
        with pytest.raises(Gone):
            apply(engine, made)
    assert engine.store.read(lambda r: r.plan(made.digest)).status == "applying"
    assert recover.recover(engine) == [made.digest]
    assert recover.recover(engine) == []
    stored = engine.store.read(lambda r: r.plan(made.digest))
    assert stored.status == "interrupted"
    assert [s.status for s in engine.store.read(lambda r: r.journal(made.digest))] == ["not-done"]
    assert engine.store.read(lambda r: r.audit(0, 99))[-1].actor == "recovery"


def test_the_same_work_can_be_planned_again_after_an_interruption(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing changed, so the serial is the same: only the parent tells the plans apart."""

    def leave(name: str) -> None:
        if name == "apply.after_lock":
            raise KeyboardInterrupt

    made = plan(engine, {"test.things.a": {}})
    with monkeypatch.context() as patched:
        patched.setattr(applying, "hit", leave)
        with pytest.raises(KeyboardInterrupt):
            apply(engine, made)
    recover.recover(engine)
    again = plan(engine, {"test.things.a": {}})
    assert (again.stages, again.serial) == (made.stages, made.serial)
    assert apply(engine, again).done == 1


def test_who_looks_while_a_plan_begins_does_not_take_it_for_abandoned(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[Any] = []

    def look(name: str) -> None:
        if name == "apply.after_lock":
            looked.append(recover.recover(engine))

    monkeypatch.setattr(applying, "hit", look)
    assert apply(engine, plan(engine, {"test.things.a": {}})).status == "applied"
    assert looked == [[]]
    assert recover.running == set()


def test_a_kind_that_a_newer_program_made_is_named(where: str) -> None:
    with opened(where) as engine:
        apply(
            engine, plan(engine, {"test.things.a": {}, "test.tokens.t": {"value": "env:T"}}, T), T
        )
    older = {path: kind for path, kind in KINDS.items() if path != "test.tokens"}
    with opened(where, older) as engine:
        for work in (
            lambda: plan(engine, {"test.things.a": {}}),
            lambda: planner.destroy(engine),
            lambda: engine.change_now(ME, lambda c: c.delete(c.tx.get("test.tokens.t"))),
        ):
            with pytest.raises(Conflict, match=r"test\.tokens\.t: this aicr knows no kind"):
                work()


T = {"env:T": "x"}
