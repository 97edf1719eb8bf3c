"""The one loop that moves what runs towards what is wanted.

Level-triggered: every pass compares all of it, whatever happened in between, so that a pass that
was missed or cut off costs nothing but time. One process at a time, by a lease; what it writes it
writes under the lease's token.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from controlplane.changes import observe
from controlplane.engine import Engine
from controlplane.kinds import Kinds, Observation, kind_of
from controlplane.runtime.protocol import FAILED, RUNNING, Health, Instance, Runtime
from controlplane.state import leases
from controlplane.state.protocol import Lease, Reader, Resource, Transaction
from controlplane.state.rows import text

LEASE = "reconciler"
LEASE_SECONDS = 10.0
# Phases of a resource for which something runs.
IDLE, PENDING, READY, DEGRADED, BROKEN = "Idle", "Starting", "Ready", "Degraded", "Failed"


class Seen(NamedTuple):
    """How many instances are wanted, run, and failed."""

    wanted: int
    running: int
    failed: int


def condition(seen: Seen) -> str:
    """What is seen, in the words of the table."""
    if seen.wanted == 0:
        return "nothing wanted"
    if seen.running == seen.wanted:
        return "all run"
    if seen.failed == seen.wanted:
        return "all failed"
    return "some run" if seen.running else "none runs"


# Condition -> phase before -> phase after. A phase that is not there has `None`'s.
TRANSITIONS: Mapping[str, Mapping[str | None, str]] = {
    "nothing wanted": {None: IDLE},
    "all run": {None: READY},
    "all failed": {None: BROKEN},
    "some run": {None: PENDING, READY: DEGRADED, DEGRADED: DEGRADED},
    "none runs": {None: PENDING, READY: DEGRADED, DEGRADED: DEGRADED},
}


def phase(before: str | None, seen: Seen) -> str:
    """The phase after what was seen."""
    after = TRANSITIONS[condition(seen)]
    return after.get(before, after[None])


class Wanted(NamedTuple):
    """An instance that should run, with what it is started with."""

    instance: Instance
    spec: Mapping[str, Any]


def wanted(resources: list[Resource], kinds: Kinds) -> dict[str, list[Wanted]]:
    """What should run, by address; addresses of kinds for which nothing runs are not there."""
    found: dict[str, list[Wanted]] = {}
    for r in resources:
        instances = kind_of(kinds, r.address).instances
        if instances is None or r.spec is None:
            continue
        found[r.address] = [
            Wanted(_instance(r, name, spec), spec)
            for name, spec in instances(r.spec, r.status).items()
        ]
    return found


def _instance(resource: Resource, name: str, spec: Mapping[str, Any]) -> Instance:
    digest = hashlib.sha256(text(spec).encode()).hexdigest()[:16]
    # With the digest in its id an instance is never updated, only replaced.
    return Instance(f"{resource.uid}/{name}/{digest}", resource.address, name, digest)


class Reconciler:
    """Passes of one process."""

    def __init__(self, engine: Engine, runtime: Runtime) -> None:
        self._engine, self._runtime = engine, runtime
        self._lease: Lease | None = None

    def run(self) -> bool:
        """One pass, when this process may; whether it did."""
        try:
            self._lease = self._engine.store.write(self._hold)
        except leases.Locked:
            self._lease = None
        if self._lease is None:
            return False
        self._pass()
        return True

    def end(self) -> None:
        """Let others take over at once."""
        lease, self._lease = self._lease, None
        if lease is not None:
            self._engine.store.write(lambda tx: leases.release(tx, lease))

    def _hold(self, tx: Transaction) -> Lease:
        if self._lease is not None:
            try:
                leases.renew(tx, self._lease, LEASE_SECONDS)
            except leases.Fenced:
                self._lease = None
            else:
                return self._lease
        return leases.acquire(tx, LEASE, LEASE_SECONDS, "reconciling")

    def _pass(self) -> None:
        resources = self._engine.store.read(_resources)
        plans = wanted(resources, self._engine.kinds)
        failed = self._act(plans)
        changed = [
            (r, status)
            for r in resources
            if r.address in plans
            and (status := self._status(r, plans[r.address], failed)) != r.status
        ]
        if changed:
            self._engine.store.write(lambda tx: self._observe(tx, changed))

    def _act(self, plans: Mapping[str, list[Wanted]]) -> dict[str, Health]:
        """Stop what should not run, then start what should. What had failed, by id."""
        failed = {}
        should = {w.instance.id: w for found in plans.values() for w in found}
        running = {instance.id for instance in self._runtime.list()}
        for id_ in sorted(running - set(should)):
            self._runtime.stop(id_)
        for id_, w in should.items():
            if id_ in running and (health := self._runtime.health(id_)).state == FAILED:
                failed[id_] = health
                self._runtime.stop(id_)
                running.discard(id_)
            if id_ not in running:
                self._runtime.start(w.instance, w.spec)
        return failed

    def _status(
        self, resource: Resource, instances: list[Wanted], failed: Mapping[str, Health]
    ) -> Mapping[str, Any]:
        kind = kind_of(self._engine.kinds, resource.address)
        if kind.observed is not None and resource.spec is not None:
            shown = tuple(
                _shown(w.instance, failed.get(w.instance.id) or self._runtime.health(w.instance.id))
                for w in instances
            )
            now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
            return kind.observed(Observation(resource.spec, resource.status, shown, now))
        healths = [(w.instance, self._runtime.health(w.instance.id)) for w in instances]
        seen = Seen(
            len(healths),
            sum(h.state == RUNNING for _, h in healths),
            sum(h.state == FAILED for _, h in healths),
        )
        return {
            **resource.status,
            "phase": phase(resource.status.get("phase"), seen),
            "instances": [_shown(instance, health) for instance, health in healths],
        }

    def _observe(self, tx: Transaction, changed: list[tuple[Resource, Mapping[str, Any]]]) -> None:
        if self._lease is None:
            return
        leases.renew(tx, self._lease, LEASE_SECONDS)
        for resource, status in changed:
            known = tx.get(resource.address)
            # Changed or gone meanwhile: the next pass sees what it is now.
            if known is not None and known.revision == resource.revision:
                observe(tx, self._engine.kinds, known, status)


def _resources(reader: Reader) -> list[Resource]:
    return reader.resources()


def _shown(instance: Instance, health: Health) -> dict[str, Any]:
    body = {"name": instance.name, "id": instance.id, "state": health.state}
    return {**body, "reason": health.reason} if health.reason else body
