"""Whatever is asked for in whatever order: after an apply the next plan is empty, what is protected
survives, and a small model knows what the store holds."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from aicr.errors import Conflict, InvalidRequest
from controlplane import planner
from controlplane.plan.definition import ADOPT, PROTECT, UNPROTECT, Plan, parse
from controlplane.state.protocol import Actor
from controlplane.vault import rotate
from tests.controlplane.engines import apply, opened, plan
from tests.robustness import sound
from tests.robustness.conftest import Say, size

EXAMPLES, STEPS = size(500, 12), size(50, 40)
NAMES = [f"test.things.{n}" for n in "abcd"] + ["test.tokens.t", "access.secrets.s"]
THINGS = NAMES[:4]
counted = {"steps": 0, "applies": 0, "refused": 0}


@st.composite
def specs(draw: Any) -> dict[str, Any]:
    """Desired state: uses only go backwards, so that there is no cycle."""
    found: dict[str, Any] = {}
    for i, address in enumerate(THINGS):
        if draw(st.booleans()):
            spec: dict[str, Any] = {"size": draw(st.integers(0, 2))}
            if draw(st.booleans()):
                spec["home"] = draw(st.sampled_from(["x", "y"]))
            uses = [a.rpartition(".")[2] for a in THINGS[:i] if a in found and draw(st.booleans())]
            if uses:
                spec["uses"] = uses
            protect = draw(st.sampled_from([None, None, True, False]))
            if protect is not None:
                spec["$protect"] = protect
            found[address] = spec
    if draw(st.booleans()):
        found["access.secrets.s"] = {"value": "env:S"}
        if draw(st.booleans()):
            found["test.tokens.t"] = {"value": "store:s"}
    return found


class Known:
    """What the model knows of one resource; `spec` None: deleted by others."""

    def __init__(self, spec: Any, applied: Any, protected: bool) -> None:
        self.spec, self.applied, self.protected = spec, applied, protected

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Known) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(vars(self))


class Machine(RuleBasedStateMachine):
    where_of: Any

    @initialize()
    def begin(self) -> None:
        self.opening = opened(self.where_of())
        self.engine = self.opening.__enter__()
        self.model: dict[str, Known] = {}
        self.wanted: dict[str, Any] = {}
        self.secret = "first"  # noqa: S105

    def teardown(self) -> None:
        if hasattr(self, "opening"):
            sound.check(self.engine)
            self.opening.__exit__(None, None, None)

    # ---- plans

    def _plan(self, prune: bool = False) -> Plan:
        return plan(self.engine, self.wanted, self._secrets(), prune=prune)

    def _secrets(self) -> dict[str, str]:
        return {"env:S": self.secret}

    @rule(wanted=specs(), prune=st.booleans())
    def wish_and_apply(self, wanted: dict[str, Any], prune: bool) -> None:
        self.wanted = wanted
        self._converge(prune)

    @rule(prune=st.booleans())
    def apply_again(self, prune: bool) -> None:
        self._converge(prune)

    @rule(value=st.sampled_from(["first", "second"]))
    def change_the_secret(self, value: str) -> None:
        self.secret = value
        self._converge(False)

    def _converge(self, prune: bool) -> None:
        before = self.engine.store.read(lambda r: r.meta())
        goes = {a for a, k in self.model.items() if a not in self.wanted and self._goes(k, prune)}
        doomed = {a for a in goes if self.model[a].protected and self.model[a].spec is not None}
        doomed |= {a for a in self.wanted if self._replaced(a) and self.model[a].protected}
        try:
            made = self._plan(prune)
        except Conflict as e:
            assert set(e.details["protected"]) == doomed != set()
            counted["refused"] += 1
            return
        assert doomed == set()
        assert self.engine.store.read(lambda r: r.meta()) == before  # planning writes nothing
        drifted = {
            a for a, k in self.model.items() if k.applied is not None and k.spec != k.applied
        }
        assert {d.address for d in made.drift} == drifted
        outcome = apply(self.engine, parse(made.text().encode(), "plan"), self._secrets())
        assert outcome.done == len(made.stages)
        for address in goes:
            del self.model[address]
        for address in self.wanted:
            self._settle(address)
        counted["applies"] += 1
        again = self._plan(prune)
        assert again.stages == ()
        assert again.drift == ()

    def _goes(self, known: Known, prune: bool) -> bool:
        return known.applied is not None or (prune and not known.protected)

    def _replaced(self, address: str) -> bool:
        known = self.model.get(address)
        if known is None or known.spec is None:
            return False
        return bool(known.spec.get("home") != self._spec(address).get("home"))

    def _settle(self, address: str) -> None:
        known, spec = self.model.get(address), self._spec(address)
        said = self.wanted[address].get("$protect")
        kept = known is not None and known.protected
        self.model[address] = Known(spec, spec, kept if said is None else said)
        if known is not None and known.spec is None and said is False:
            self.model[address].protected = kept

    def _spec(self, address: str) -> dict[str, Any]:
        spec = {k: v for k, v in self.wanted[address].items() if k != "$protect"}
        if "value" in spec:
            digest = self.engine.vault.digest(self.secret)
            spec["value"] = {"secret": spec["value"], "digest": digest}
        elif "size" not in spec:
            spec["size"] = 1
        return spec

    # ---- commands about one resource

    def _wish(self, action: str, address: str, fits: bool) -> bool:
        try:
            made = planner.wish(self.engine, action, [address])
        except InvalidRequest:
            assert not fits
            return False
        assert fits
        assert apply(self.engine, made).done == 1
        return True

    @rule(address=st.sampled_from(NAMES))
    def adopt(self, address: str) -> None:
        known = self.model.get(address)
        if self._wish(ADOPT, address, known is not None and known.applied is None):
            assert known is not None
            known.applied = known.spec

    @rule(address=st.sampled_from(NAMES))
    def protect(self, address: str) -> None:
        known = self.model.get(address)
        fits = known is not None and known.spec is not None and not known.protected
        if self._wish(PROTECT, address, fits):
            self.model[address].protected = True

    @rule(address=st.sampled_from(NAMES))
    def unprotect(self, address: str) -> None:
        known = self.model.get(address)
        fits = known is not None and known.spec is not None and known.protected
        if self._wish(UNPROTECT, address, fits):
            self.model[address].protected = False

    @rule()
    def destroy(self) -> None:
        managed = {a for a, k in self.model.items() if k.applied is not None}
        held = {a for a in managed if self.model[a].protected and self.model[a].spec is not None}
        try:
            made = planner.destroy(self.engine)
        except Conflict:
            assert held
            return
        assert not held
        apply(self.engine, made)
        self.model = {a: k for a, k in self.model.items() if a not in managed}

    # ---- changes by others, as REST calls make them

    @rule(address=st.sampled_from(THINGS), number=st.integers(0, 2))
    def create_by_others(self, address: str, number: int) -> None:
        known = self.model.get(address)
        there = known is not None and known.spec is not None
        try:
            self.engine.change_now(Actor("rest"), lambda c: c.create(address, {"size": number}))
        except Conflict:
            assert there
            return
        assert not there
        if known is None:
            known = self.model[address] = Known(None, None, False)
        known.spec = {"size": number}

    @precondition(lambda self: any(k.spec is not None for k in self.model.values()))
    @rule(data=st.data(), number=st.integers(0, 3))
    def drift(self, data: Any, number: int) -> None:
        there = sorted(a for a in THINGS if a in self.model and self.model[a].spec is not None)
        if not there:
            return
        address = data.draw(st.sampled_from(there))
        spec = {**self.model[address].spec, "size": number}
        self.engine.change_now(Actor("rest"), lambda c: c.update(c.tx.get(address), spec=spec))
        self.model[address].spec = spec

    @rule(address=st.sampled_from(NAMES))
    def delete_by_others(self, address: str) -> None:
        known = self.model.get(address)
        if known is None or known.spec is None:
            return
        try:
            self.engine.change_now(Actor("rest"), lambda c: c.delete(c.tx.get(address)))
        except Conflict:
            assert known.protected
            return
        assert not known.protected
        known.spec = None
        if known.applied is None:
            del self.model[address]

    @rule()
    def rotate_keys(self) -> None:
        vault = self.engine.vault
        count = self.engine.store.write(lambda tx: rotate(tx, vault, vault))
        assert count == self._secrets_expected()

    def _secrets_expected(self) -> int:
        return sum(k.spec is not None and "value" in k.spec for k in self.model.values())

    # ---- always

    @invariant()
    def the_store_is_as_the_model(self) -> None:
        if not hasattr(self, "model"):
            return
        counted["steps"] += 1
        stored = self.engine.store.read(lambda r: r.resources(deleted=True))
        assert {r.address: Known(r.spec, r.applied, r.protected) for r in stored} == self.model
        assert len(self.engine.store.read(lambda r: r.secrets())) == self._secrets_expected()
        sound.settled(self.engine)


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_it_converges(database: str, request: pytest.FixtureRequest, say: Say) -> None:
    counted.update(dict.fromkeys(counted, 0))
    examples = EXAMPLES if database == "sqlite" else max(12, EXAMPLES // 10)
    with tempfile.TemporaryDirectory() as directory:
        numbers = iter(range(10**9))

        def where() -> str:
            if database == "sqlite":
                return str(Path(directory) / f"{next(numbers)}.db")
            return str(request.getfixturevalue("postgres").database())

        Machine.where_of = staticmethod(where)
        run_state_machine_as_test(
            Machine,
            settings=settings(
                settings(),
                max_examples=examples,
                stateful_step_count=STEPS,
                deadline=None,
            ),
        )
    assert counted["applies"] > examples
    assert counted["refused"] > 0
    say(
        f"{database}: {examples} examples × {STEPS} steps: {counted['steps']} states compared, "
        f"{counted['applies']} applies converged, {counted['refused']} refused for protection"
    )
