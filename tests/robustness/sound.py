"""What is true of a state at any moment, whatever happened to the processes that wrote it."""

from __future__ import annotations

from typing import Any

from controlplane.changes import CREATED, DELETED, UPDATED
from controlplane.engine import Engine
from controlplane.plan.recover import APPLYING, DONE, INTENT, LOCK
from controlplane.state import leases
from controlplane.state.protocol import Reader

CHANGES = (CREATED, UPDATED, DELETED)
ALL = 10**9


def check(engine: Engine) -> None:
    """The store is whole, and so is every change: resource, serial, audit and event."""
    assert engine.store.check() == []
    engine.store.read(_whole)


def settled(engine: Engine) -> None:
    """Nobody applies anything, and nothing says that somebody does."""

    def work(reader: Reader) -> None:
        assert reader.plans(APPLYING) == []
        lease = reader.lease(LOCK)
        assert lease is None or leases.is_free(lease)

    engine.store.read(work)


def _whole(reader: Reader) -> None:
    meta = reader.meta()
    audit = [e for e in reader.audit(0, ALL) if e.action in CHANGES and e.address]
    events = [e for e in reader.events(0, ALL) if e.type in CHANGES and e.address]
    # One audit line and one event for each serial, in the same order.
    assert [e.data["serial"] for e in events] == list(range(1, meta.serial + 1))
    assert [(e.action, e.address) for e in audit] == [(e.type, e.address) for e in events]
    # What the audit tells, played from the beginning, is what there is.
    told: dict[str, Any] = {}
    for entry in audit:
        told[entry.address] = entry.detail.get("spec") if entry.action != DELETED else None
    stored = {r.address: r.spec for r in reader.resources()}
    assert stored == {a: spec for a, spec in told.items() if spec is not None}
    for status in ("applying", "applied", "failed", "interrupted"):
        for plan in reader.plans(status):
            _journal(reader, plan.digest, status, [e for e in audit if e.actor == plan.actor])


def _journal(reader: Reader, digest: str, status: str, audit: list[Any]) -> None:
    """Every stage is there with its line of the journal, or neither is. Every plan of these tests
    has an actor of its own."""
    steps = reader.journal(digest)
    done = sorted(s.address for s in steps if s.status == DONE)
    assert done == sorted(e.address for e in audit)
    if status != APPLYING:
        assert all(s.status != INTENT for s in steps)
