"""Desired and stored state to a plan: every action, drift apart from intent, protection, order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from aicr.errors import Conflict, InvalidRequest
from controlplane import planner
from controlplane.engine import Engine
from controlplane.plan import view
from controlplane.plan.definition import ADOPT, DELETE, PROTECT, UNPROTECT
from tests.controlplane.engines import ME, apply, opened, plan, stages
from tests.stores import dump

A, B, C = "test.things.a", "test.things.b", "test.things.c"


@pytest.fixture
def engine(tmp_path: Any) -> Iterator[Engine]:
    with opened(str(tmp_path / "state.db")) as made:
        yield made


def by_others(engine: Engine, address: str, spec: Any) -> None:
    """A change as a REST call makes it; None deletes."""

    def work(c: Any) -> None:
        known = c.tx.get(address)
        if spec is None:
            c.delete(known)
        elif known is None:
            c.create(address, spec)
        else:
            c.update(known, spec=spec)

    engine.change_now(ME, work)


class TestActions:
    def test_create(self, engine: Engine) -> None:
        made = plan(engine, {A: {"size": 2}})
        (stage,) = made.stages
        assert (stage.action, stage.before, stage.after) == ("create", None, {"size": 2})
        assert [c._asdict() for c in stage.changes] == [
            {
                "path": "size",
                "before": None,
                "after": 2,
                "origin": "all.yaml:12:21",
                "forces": False,
            }
        ]

    def test_update(self, engine: Engine) -> None:
        apply(engine, plan(engine, {A: {"size": 1, "colour": "red"}}))
        (stage,) = plan(engine, {A: {"size": 2}}).stages
        assert (stage.action, stage.before, stage.after) == (
            "update",
            {"size": 1, "colour": "red"},
            {"size": 2},
        )
        assert [(c.path, c.before, c.after) for c in stage.changes] == [
            ("colour", "red", None),
            ("size", 1, 2),
        ]

    def test_replace_says_what_forces_it(self, engine: Engine) -> None:
        apply(engine, plan(engine, {A: {"home": "x", "size": 1}}))
        uid = engine.store.read(lambda r: r.get(A)).uid
        made = plan(engine, {A: {"home": "y", "size": 2}})
        assert stages(made) == [("replace", A)]
        assert {c.path: c.forces for c in made.stages[0].changes} == {"home": True, "size": False}
        apply(engine, made)
        assert engine.store.read(lambda r: r.get(A)).uid != uid

    def test_an_update_keeps_the_uid_and_the_time_of_creation(self, engine: Engine) -> None:
        apply(engine, plan(engine, {A: {"size": 1}}))
        before = engine.store.read(lambda r: r.get(A))
        apply(engine, plan(engine, {A: {"size": 2}}))
        after = engine.store.read(lambda r: r.get(A))
        assert (after.uid, after.created) == (before.uid, before.created)
        assert after.updated > before.updated

    def test_delete(self, engine: Engine) -> None:
        apply(engine, plan(engine, {A: {}}))
        made = plan(engine, {})
        assert stages(made) == [("delete", A)]
        assert (made.stages[0].before, made.stages[0].after) == ({"size": 1}, None)
        apply(engine, made)
        assert engine.store.read(lambda r: r.resources(deleted=True)) == []

    def test_nothing(self, engine: Engine) -> None:
        apply(engine, plan(engine, {A: {}}))
        made = plan(engine, {A: {}})
        assert made.is_empty
        assert made.summary() == {}

    def test_adopt(self, engine: Engine) -> None:
        by_others(engine, A, {"size": 1})
        assert stages(plan(engine, {A: {}})) == [("adopt", A)]
        made = plan(engine, {A: {"size": 2}})
        assert stages(made) == [("adopt", A)]
        apply(engine, made)
        assert plan(engine, {A: {"size": 2}}).is_empty
        assert stages(plan(engine, {})) == [("delete", A)]

    def test_an_adopted_one_that_must_be_replaced_is(self, engine: Engine) -> None:
        by_others(engine, A, {"size": 1, "home": "x"})
        assert stages(plan(engine, {A: {"home": "y"}})) == [("replace", A)]

    def test_unmanaged_ones_are_left_alone_unless_pruned(self, engine: Engine) -> None:
        by_others(engine, A, {"size": 1})
        made = plan(engine, {})
        assert (stages(made), made.unmanaged) == ([], 1)
        assert stages(plan(engine, {}, prune=True)) == [("delete", A)]

    def test_pruning_does_not_touch_what_is_protected(self, engine: Engine) -> None:
        by_others(engine, A, {"size": 1})
        apply(engine, planner.wish(engine, PROTECT, [A]))
        made = plan(engine, {}, prune=True)
        assert (stages(made), made.unmanaged) == ([], 1)

    def test_planning_writes_nothing(self, engine: Engine, tmp_path: Any) -> None:
        by_others(engine, B, {"size": 1})
        before = dump(str(tmp_path / "state.db"))
        for _ in range(3):
            plan(engine, {A: {}}, prune=True)
            planner.wish(engine, ADOPT, [B])
            planner.destroy(engine)
        assert dump(str(tmp_path / "state.db")) == before

    def test_the_same_state_and_wish_are_the_same_plan(self, engine: Engine) -> None:
        assert plan(engine, {A: {}, B: {}}).text() == plan(engine, {A: {}, B: {}}).text()
        assert plan(engine, {A: {}, B: {}}).desired == plan(engine, {B: {}, A: {}}).desired


class TestDrift:
    def test_is_shown_apart_from_intent(self, engine: Engine) -> None:
        apply(engine, plan(engine, {A: {"size": 1}, B: {}}))
        by_others(engine, A, {"size": 5})
        made = plan(engine, {A: {"size": 5, "colour": "red"}, B: {}})
        assert stages(made) == [("update", A)]
        assert [c.path for c in made.stages[0].changes] == ["colour"]
        (drift,) = made.drift
        assert (drift.address, drift.deleted) == (A, False)
        assert [(c.path, c.before, c.after) for c in drift.changes] == [("size", 1, 5)]

    def test_that_is_what_is_wanted_is_adopted(self, engine: Engine) -> None:
        apply(engine, plan(engine, {A: {"size": 1}}))
        by_others(engine, A, {"size": 5})
        made = plan(engine, {A: {"size": 5}})
        assert stages(made) == [("adopt", A)]
        apply(engine, made)
        assert plan(engine, {A: {"size": 5}}).drift == ()

    def test_deleted_by_others_comes_back(self, engine: Engine) -> None:
        apply(engine, plan(engine, {A: {"size": 1}}))
        by_others(engine, A, None)
        made = plan(engine, {A: {"size": 1}})
        assert stages(made) == [("create", A)]
        assert [(d.address, d.deleted) for d in made.drift] == [(A, True)]
        apply(engine, made)
        assert plan(engine, {A: {"size": 1}}).drift == ()

    def test_deleted_by_others_and_no_longer_wanted_is_forgotten(self, engine: Engine) -> None:
        apply(engine, plan(engine, {A: {"size": 1}}))
        by_others(engine, A, None)
        made = plan(engine, {})
        assert stages(made) == [("delete", A)]
        assert "is gone already" in view.text(made)
        apply(engine, made)
        assert engine.store.read(lambda r: r.get(A, deleted=True)) is None

    def test_deleted_and_made_again_by_others_is_managed_still(self, engine: Engine) -> None:
        apply(engine, plan(engine, {A: {"size": 1}}))
        by_others(engine, A, None)
        by_others(engine, A, {"size": 9})
        assert stages(plan(engine, {A: {"size": 1}})) == [("update", A)]


class TestProtection:
    def test_survives_the_removal_of_its_definition(self, engine: Engine) -> None:
        apply(engine, plan(engine, {A: {"$protect": True}}))
        for wanted in ({}, {B: {}}):
            with pytest.raises(Conflict, match=f"{A}: protected.*aicr state unprotect {A}") as e:
                plan(engine, wanted)
            assert e.value.details == {"protected": [A]}

    def test_survives_the_removal_of_the_word(self, engine: Engine) -> None:
        apply(engine, plan(engine, {A: {"$protect": True}}))
        assert plan(engine, {A: {}}).is_empty

    def test_is_lifted_by_a_plan_of_its_own(self, engine: Engine) -> None:
        apply(engine, plan(engine, {A: {"$protect": True}}))
        made = plan(engine, {A: {"$protect": False}})
        assert stages(made) == [("unprotect", A)]
        apply(engine, made)
        assert stages(plan(engine, {})) == [("delete", A)]

    def test_forbids_replacement(self, engine: Engine) -> None:
        apply(engine, plan(engine, {A: {"home": "x", "$protect": True}}))
        for word in (True, False):
            with pytest.raises(Conflict, match="protected"):
                plan(engine, {A: {"home": "y", "$protect": word}})

    def test_forbids_deletion_by_others_and_by_destroy(self, engine: Engine) -> None:
        apply(engine, plan(engine, {A: {"$protect": True}}))
        with pytest.raises(Conflict, match="aicr state unprotect"):
            by_others(engine, A, None)
        with pytest.raises(Conflict, match="protected"):
            planner.destroy(engine)

    def test_allows_updates(self, engine: Engine) -> None:
        apply(engine, plan(engine, {A: {"$protect": True}}))
        apply(engine, plan(engine, {A: {"size": 9}}))
        assert engine.store.read(lambda r: r.get(A)).protected

    @pytest.mark.parametrize("action", [PROTECT, UNPROTECT])
    def test_of_an_unmanaged_one_does_not_make_it_managed(
        self, engine: Engine, action: str
    ) -> None:
        by_others(engine, A, {"size": 1})
        apply(engine, planner.wish(engine, PROTECT, [A]))
        if action == UNPROTECT:
            apply(engine, planner.wish(engine, UNPROTECT, [A]))
        assert engine.store.read(lambda r: r.get(A)).applied is None
        assert plan(engine, {}).is_empty  # and so nothing deletes it

    def test_keeps_drift_visible(self, engine: Engine) -> None:
        apply(engine, plan(engine, {A: {"size": 1}}))
        by_others(engine, A, {"size": 5})
        apply(engine, planner.wish(engine, PROTECT, [A]))
        assert [d.address for d in plan(engine, {A: {"size": 1}}).drift] == [A]


class TestOrder:
    def test_what_is_needed_comes_first_and_goes_last(self, engine: Engine) -> None:
        wanted = {A: {"uses": ["b"]}, B: {"uses": ["c"]}, C: {}}
        made = plan(engine, wanted)
        assert stages(made) == [("create", C), ("create", B), ("create", A)]
        assert [s.depends for s in made.stages] == [(), (C,), (B,)]
        apply(engine, made)
        gone = plan(engine, {})
        assert stages(gone) == [("delete", A), ("delete", B), ("delete", C)]
        assert [s.depends for s in gone.stages] == [(), (A,), (B,)]

    def test_deletions_come_after_changes(self, engine: Engine) -> None:
        apply(engine, plan(engine, {A: {"uses": ["b"]}, B: {}}))
        assert stages(plan(engine, {A: {}})) == [("update", A), ("delete", B)]

    @pytest.mark.parametrize("managed", [True, False])
    def test_what_is_needed_must_stay(self, engine: Engine, managed: bool) -> None:
        if managed:
            apply(engine, plan(engine, {B: {}}))
        else:
            by_others(engine, B, {"size": 1})
        with pytest.raises(
            InvalidRequest, match=rf"all\.yaml:\d+:\d+: {A} needs {B}, which is no longer"
        ):
            plan(engine, {A: {"uses": ["b"]}}, prune=True)
        if not managed:
            assert stages(plan(engine, {A: {"uses": ["b"]}})) == [("create", A)]

    def test_what_is_nowhere_cannot_be_needed(self, engine: Engine) -> None:
        with pytest.raises(InvalidRequest, match=f"{A} needs {B}, which is nowhere"):
            plan(engine, {A: {"uses": ["b"]}})

    def test_what_others_still_need_is_not_deleted(self, engine: Engine) -> None:
        apply(engine, plan(engine, {B: {}}))
        by_others(engine, A, {"size": 1, "uses": ["b"]})
        with pytest.raises(Conflict, match=f"{B} is still needed by {A}, which stays"):
            plan(engine, {})


class TestWishes:
    @pytest.mark.parametrize("action", [ADOPT, PROTECT, UNPROTECT, DELETE])
    def test_of_what_is_not_there(self, engine: Engine, action: str) -> None:
        with pytest.raises(InvalidRequest, match="is not in the state"):
            planner.wish(engine, action, [A])

    def test_that_are_true_already(self, engine: Engine) -> None:
        apply(engine, plan(engine, {A: {}}))
        for action, words in ((ADOPT, "manages it already"), (UNPROTECT, "is not protected")):
            with pytest.raises(InvalidRequest, match=words):
                planner.wish(engine, action, [A])

    @pytest.mark.parametrize("action", [ADOPT, PROTECT, UNPROTECT])
    def test_about_what_was_deleted(self, engine: Engine, action: str) -> None:
        apply(engine, plan(engine, {A: {}}))
        by_others(engine, A, None)
        with pytest.raises(InvalidRequest, match="was deleted"):
            planner.wish(engine, action, [A])

    def test_destroy_deletes_what_is_managed(self, engine: Engine) -> None:
        apply(engine, plan(engine, {A: {"uses": ["b"]}, B: {}}))
        by_others(engine, C, {"size": 1})
        made = planner.destroy(engine)
        assert stages(made) == [("delete", A), ("delete", B)]
        apply(engine, made)
        assert [r.address for r in engine.store.read(lambda r: r.resources(deleted=True))] == [C]


class TestSecrets:
    def test_only_digests_are_compared(self, engine: Engine) -> None:
        wanted = {"test.tokens.t": {"value": "env:T"}}
        apply(engine, plan(engine, wanted, {"env:T": "one"}), {"env:T": "one"})
        assert plan(engine, wanted, {"env:T": "one"}).is_empty
        (stage,) = plan(engine, wanted, {"env:T": "two"}).stages
        assert [c.path for c in stage.changes] == ["value.digest"]

    def test_a_secret_of_the_store_changes_whoever_uses_it(self, engine: Engine) -> None:
        wanted = {"access.secrets.s": {"value": "env:T"}, "test.tokens.t": {"value": "store:s"}}
        apply(engine, plan(engine, wanted, {"env:T": "one"}), {"env:T": "one"})
        made = plan(engine, wanted, {"env:T": "two"})
        assert stages(made) == [("update", "access.secrets.s"), ("update", "test.tokens.t")]
        apply(engine, made, {"env:T": "two"})
        kept = engine.store.read(lambda r: engine.vault.get(r, "test.tokens.t#value"))
        assert kept == "two"

    def test_kinds_that_keep_none(self, engine: Engine) -> None:
        wanted = {"test.digests.d": {"value": "env:T"}}
        apply(engine, plan(engine, wanted, {"env:T": "four"}), {"env:T": "four"})
        assert engine.store.read(lambda r: r.secrets()) == []
        assert engine.store.read(lambda r: r.get("test.digests.d")).status == {
            "length": 4,
            "times": 1,
        }

    def test_a_deleted_resource_takes_its_secrets_along(self, engine: Engine) -> None:
        wanted = {"test.tokens.t": {"value": "env:T"}}
        apply(engine, plan(engine, wanted, {"env:T": "one"}), {"env:T": "one"})
        assert len(engine.store.read(lambda r: r.secrets())) == 1
        by_others(engine, "test.tokens.t", None)
        assert engine.store.read(lambda r: r.secrets()) == []

    def test_protecting_needs_no_values(self, engine: Engine) -> None:
        wanted = {"test.tokens.t": {"value": "env:T"}}
        apply(engine, plan(engine, wanted, {"env:T": "one"}), {"env:T": "one"})
        apply(engine, planner.wish(engine, PROTECT, ["test.tokens.t"]))
        assert engine.store.read(lambda r: engine.vault.get(r, "test.tokens.t#value")) == "one"


@pytest.mark.parametrize("full", [False, True])
def test_what_people_see(engine: Engine, snapshot: Any, full: bool) -> None:
    long = {"text": "word " * 30}
    before = {
        A: {"size": 1},
        B: {"home": "x"},
        C: {"uses": ["a"]},
        "test.things.p": {},
        "test.things.l": {"shape": long},
    }
    apply(engine, plan(engine, before))
    by_others(engine, "test.things.free", {"size": 1})
    by_others(engine, "test.things.other", {"size": 1})
    by_others(engine, A, {"size": 7})
    by_others(engine, "test.things.p", None)
    after = {
        A: {"size": 2, "colour": "red"},
        B: {"home": "y"},
        "test.things.free": {"size": 1},
        "test.things.l": {"$protect": True, "shape": long},
        "test.things.p": {},
        "test.things.new": {"uses": ["a"], "shape": long},
        "test.tokens.t": {"value": "env:T"},
    }
    made = plan(engine, after, {"env:T": "never shown"})
    assert view.text(made, full=full) == snapshot
