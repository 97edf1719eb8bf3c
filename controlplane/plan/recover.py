"""What became of a plan whose process is gone, found out without anybody's help.

An effect and its outcome are one transaction, so a stage is done when its outcome is there, and has
left nothing when it is not. The plan is then interrupted; the next plan shows what is left.
"""

from __future__ import annotations

from typing import Any

from controlplane.engine import Engine
from controlplane.failpoints import hit
from controlplane.state import leases
from controlplane.state.protocol import Actor, Lease, Reader, Transaction

# What becomes of a plan, and of each of its stages.
PLANNED, APPLYING, APPLIED = "planned", "applying", "applied"
FAILED, INTERRUPTED = "failed", "interrupted"
INTENT, DONE, NOT_DONE = "intent", "done", "not-done"

LOCK = "apply"
RECOVERY = Actor("recovery")

# What this very process applies now: lineages and tokens.
running: set[tuple[str, int]] = set()


def recover(engine: Engine) -> list[str]:
    """Judge every plan that is being applied by nobody; their digests."""
    if not engine.store.read(_abandoned):
        return []
    hit("recover.before")
    found: list[str] = engine.store.write(_recover)
    hit("recover.after")
    return found


def _recover(tx: Transaction) -> list[str]:
    found = _abandoned(tx)
    for digest, lease in found:
        close(tx, digest, INTERRUPTED, "the process that applied it ended", RECOVERY)
        if lease is not None:
            leases.release(tx, lease)
    return [digest for digest, _ in found]


def _abandoned(reader: Reader) -> list[tuple[str, Lease | None]]:
    """Plans that are being applied under a lease that nobody holds any more."""
    lease, lineage = reader.lease(LOCK), reader.meta().lineage
    return [
        (plan.digest, lease if lease is not None and lease.token == plan.token else None)
        for plan in reader.plans(APPLYING)
        if not _held(lease, lineage, plan.token)
    ]


def _held(lease: Lease | None, lineage: str, token: int) -> bool:
    if lease is None or lease.token != token:
        return False
    if lease.holder == leases.holder():
        return (lineage, token) in running
    return not leases.is_free(lease)


def close(tx: Transaction, digest: str, status: str, error: str, actor: Actor) -> None:
    """Write down what became of a plan: which stages are done, and that the others are not.

    It is the parent of whatever comes next, however it ended: a plan of the same work is another
    plan then, and can be applied.
    """
    plan = tx.plan(digest)
    if plan is None or plan.status != APPLYING:
        return
    steps = tx.journal(digest)
    for step in steps:
        if step.status == INTENT:
            tx.put_step(step._replace(status=NOT_DONE))
    done = sum(step.status == DONE for step in steps)
    outcome: dict[str, Any] = {"done": done, "serial": tx.meta().serial}
    facts: dict[str, Any] = {"plan": digest, "done": done}
    if error:
        outcome["error"] = facts["error"] = error
    tx.put_plan(plan._replace(status=status, outcome=outcome))
    tx.put_meta(tx.meta()._replace(parent=digest))
    tx.record(actor, status, "", facts)
    tx.event(status, "", facts)
