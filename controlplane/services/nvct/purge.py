"""Tasks that have ended long ago are forgotten (contract 11.3). Those that a plan manages stay: a
task that is still declared would be made again, and run again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from controlplane.access import times
from controlplane.changes import Changes
from controlplane.engine import Engine
from controlplane.services.nvct.lifecycle import TERMINAL
from controlplane.state.protocol import Actor, Head, Reader
from controlplane.vendor.lookups import TASKS

KEPT = timedelta(days=7)
_ACTOR = Actor("tasks")


def purge(engine: Engine, now: datetime | None = None) -> int:
    """Forget the tasks whose time is over; how many."""
    before = (now or datetime.now(UTC)) - KEPT
    found = engine.store.read(lambda reader: _over(reader, before))
    if found:
        engine.change_now(_ACTOR, lambda changes: _forget(changes, found))
    return len(found)


def _over(reader: Reader, before: datetime) -> list[Head]:
    return [
        Head(r.address, r.revision)
        for r in reader.resources(TASKS)
        if r.applied is None
        and not r.protected
        and r.status.get("status") in TERMINAL
        and times.parse(r.status["lastUpdatedAt"]) <= before
    ]


def _forget(changes: Changes, found: list[Head]) -> None:
    for head in found:
        known = changes.tx.get(head.address)
        if known is not None and known.revision == head.revision:
            changes.delete(known)
