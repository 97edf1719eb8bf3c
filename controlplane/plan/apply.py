"""Applying a plan: lock → verify → intents → effects with outcome, audit and event → done.

Every stage is one transaction: effect, outcome, audit and event are all there or none is. They
are done in order, many of them in one commit, and once one cannot be done none after it is: each
looks in the store whether the one before it is done, since only that knows what was stored. A crash
leaves intents without outcome, which `controlplane.plan.recover` judges when somebody next looks;
nobody edits state by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import NamedTuple

from aicr.errors import AicrError, Conflict
from controlplane.changes import Changes
from controlplane.engine import Engine
from controlplane.failpoints import hit
from controlplane.plan import recover
from controlplane.plan.definition import Plan, Stage
from controlplane.plan.effects import Effects
from controlplane.plan.recover import APPLIED, APPLYING, DONE, FAILED, INTENT, LOCK, PLANNED
from controlplane.state import leases
from controlplane.state.protocol import (
    Actor,
    Lease,
    Meta,
    Step,
    StoredPlan,
    Transaction,
)

# Stages whose effects wait for one commit together.
TOGETHER = 64


class Stale(Conflict):
    """The state has moved on since the plan was made."""

    code = "STALE_PLAN"


class Used(Conflict):
    """A plan is applied once."""

    code = "USED_PLAN"


class Outcome(NamedTuple):
    """What became of a plan: how many of its stages are done."""

    digest: str
    status: str
    done: int
    total: int
    serial: int


def apply(engine: Engine, plan: Plan, actor: Actor, secrets: Mapping[str, str]) -> Outcome:
    """Apply a plan; returns when everything is durable.

    Raises Stale, Used or Conflict when it cannot be applied (then nothing happened), and what a
    stage raised when that could not be done (then the stages before it are, and the next plan shows
    what is left).
    """
    recover.recover(engine)
    hit("apply.before_lock")
    digest = plan.digest
    stored = StoredPlan(digest, APPLYING, plan.text(), "", actor.name, {}, 0)
    mine: set[tuple[str, int]] = set()

    def begin(tx: Transaction) -> Lease:
        lease = _begin(tx, plan, stored, actor, engine.lock_seconds)
        # Before anybody can see it: who looks in between would think that nobody applies this.
        mine.add((plan.lineage, lease.token))
        recover.running.update(mine)
        return lease

    try:
        lease: Lease = engine.store.write(begin)
        hit("apply.after_lock")
        effects = Effects(engine.vault, secrets, engine.registry_check)
        return _Run(engine, plan, digest, actor, effects, lease).all()
    finally:
        recover.running.difference_update(mine)


def check(meta: Meta, plan: Plan) -> None:
    """Raises Stale when a plan was made for another state than this."""
    if plan.lineage != meta.lineage:
        raise Stale(
            f"the plan was made for another state (lineage {plan.lineage}, this is {meta.lineage})"
        )
    if plan.serial != meta.serial or plan.parent != meta.parent:
        raise Stale(
            f"the plan is stale: the state has changed since (serial {plan.serial}, now "
            f"{meta.serial}): plan again"
        )


def _begin(tx: Transaction, plan: Plan, stored: StoredPlan, actor: Actor, seconds: float) -> Lease:
    """Lock and verify in one transaction: what is refused leaves no lock behind."""
    digest = stored.digest
    known = tx.plan(digest)
    if known is not None and known.status != PLANNED:
        raise Used(f"the plan {digest} is {known.status} already: plan again")
    check(tx.meta(), plan)
    lease = leases.acquire(tx, LOCK, seconds, f"applying {digest}")
    created = tx.now if known is None else known.created
    tx.put_plan(stored._replace(created=created, token=lease.token))
    tx.record(actor, APPLYING, "", {"plan": digest, "summary": plan.summary()})
    tx.event(APPLYING, "", {"plan": digest})
    return lease


class _Run(NamedTuple):
    """A plan that is being applied, by whom, and under which lease."""

    engine: Engine
    plan: Plan
    digest: str
    actor: Actor
    effects: Effects
    lease: Lease

    def all(self) -> Outcome:
        try:
            for position, group in groups(self.plan.stages):
                self._one(position, group)
            hit("apply.before_finish")
            serial = self.engine.store.write(self._finish)
        except Exception as e:
            self._fail(e)
            raise
        hit("apply.after_finish")
        total = len(self.plan.stages)
        return Outcome(self.digest, APPLIED, total, total, serial)

    def _one(self, position: int, group: tuple[Stage, ...]) -> None:
        hit("apply.before_intent")
        self.engine.store.write(lambda tx: self._intend(tx, position, group))
        hit("apply.after_intent")
        store = self.engine.store
        effects = [store.submit(self._effect(i, stage)) for i, stage in enumerate(group, position)]
        for effect in effects:
            effect.result()
        hit("apply.after_effect")

    def _intend(self, tx: Transaction, position: int, group: tuple[Stage, ...]) -> None:
        leases.renew(tx, self.lease, self.engine.lock_seconds)
        for i, stage in enumerate(group, position):
            tx.put_step(Step(self.digest, i, stage.address, stage.action, INTENT))

    def _effect(self, position: int, stage: Stage) -> Callable[[Transaction], None]:
        return lambda tx: self._perform(tx, position, stage)

    def _perform(self, tx: Transaction, position: int, stage: Stage) -> None:
        if position and not self._is_done(tx, position - 1):
            raise Conflict(f"{stage.address}: a stage before it could not be done")
        leases.renew(tx, self.lease, self.engine.lock_seconds)
        try:
            self.effects.perform(Changes(tx, self.engine.kinds, self.actor), stage)
        except AicrError as e:
            raise self._refused(position, stage, e) from e
        hit("apply.in_effect")
        tx.put_step(Step(self.digest, position, stage.address, stage.action, DONE))

    def _refused(self, position: int, stage: Stage, error: AicrError) -> AicrError:
        """The same error, which also says where, and what is done already."""
        where = "" if error.message.startswith(stage.address) else f"{stage.address}: "
        done = f"{position} of {len(self.plan.stages)} stages are applied" if position else ""
        after = f" ({done}: mend it and plan again)" if done else ""
        return type(error)(f"{where}{error.message}{after}", details=error.details)

    def _is_done(self, tx: Transaction, position: int) -> bool:
        """Asked of the store: a stage that ran may yet fail when its commit does."""
        step = tx.step(self.digest, position)
        return step is not None and step.status == DONE

    def _finish(self, tx: Transaction) -> int:
        """The serial afterwards."""
        leases.renew(tx, self.lease, self.engine.lock_seconds)
        recover.close(tx, self.digest, APPLIED, "", self.actor)
        leases.release(tx, self.lease)
        return tx.meta().serial

    def _fail(self, error: Exception) -> None:
        """Say what came of it and give the lock back. When not even that can be written, whoever
        looks next does: this process says that it no longer applies."""
        recover.running.discard((self.plan.lineage, self.lease.token))
        words = error.message if isinstance(error, AicrError) else "unexpected error"

        def work(tx: Transaction) -> None:
            recover.close(tx, self.digest, FAILED, words, self.actor)
            leases.release(tx, self.lease)

        with suppress(AicrError):
            self.engine.store.write(work)


def groups(stages: tuple[Stage, ...]) -> Iterator[tuple[int, tuple[Stage, ...]]]:
    """Stages that share commits, with the position of the first."""
    for start in range(0, len(stages), TOGETHER):
        yield start, stages[start : start + TOGETHER]
