"""The one loop that moves what runs towards what is wanted.

Level-triggered: every pass compares all of it, whatever happened in between, so that a pass that
was missed or cut off costs nothing but time. One process at a time, by a lease; what it writes it
writes under the lease's token.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from aicr.errors import AicrError, Unavailable
from controlplane.backoff import Backoff
from controlplane.changes import Changes, observe
from controlplane.engine import Engine
from controlplane.faults import Faults
from controlplane.kinds import Admit, Admitted, Kind, Look, Observation, Waiting
from controlplane.phases import BROKEN, Seen, phase
from controlplane.queue.protocol import Load
from controlplane.runtime.protocol import FAILED, RUNNING, Health, Instance, Runtime
from controlplane.runtime.workload import Workload
from controlplane.starting import Starter, Wanted, Wish
from controlplane.state import leases
from controlplane.state.protocol import Actor, Lease, Reader, Resource, Transaction
from controlplane.state.rows import text

LEASE = "reconciler"
LEASE_SECONDS = 10.0
_ACTOR = Actor("reconciler")
# What is wrong with one resource alone; whatever else goes wrong (a lost store) ends the pass.
_FAULTS = (AicrError, ArithmeticError, AssertionError, AttributeError, LookupError, TypeError,
           ValueError)  # fmt: skip
_UNSEEN = "it cannot be seen what should run for it"
_UNJUDGED = "what became of it cannot be seen"
Loads = Callable[[], Mapping[str, Load]]
# What instances of resources of a kind say of themselves, by kind: of a resource, what is seen of
# each instance, and its directory, where it has one.
Report = Callable[[Resource, Sequence[Mapping[str, Any]], Sequence[str | None]], Mapping[str, Any]]
Reports = Mapping[str, Report]


def _instance(resource: Resource, name: str, workload: Workload) -> Instance:
    digest = hashlib.sha256(text(workload).encode()).hexdigest()[:16]
    # With the digest in its id an instance is never updated, only replaced.
    return Instance(f"{resource.uid}/{name}/{digest}", resource.address, name, digest)


class Reconciler:
    """Passes of one process. `loads` says what goes on at the doors of resources, `clock` is Unix
    time."""

    def __init__(
        self,
        engine: Engine,
        runtime: Runtime,
        loads: Loads = dict,
        clock: Callable[[], float] = time.time,
        reports: Reports = MappingProxyType({}),
    ) -> None:
        self._engine, self._runtime, self._loads, self._clock = engine, runtime, loads, clock
        self._lease: Lease | None = None
        # What kinds remember of their resources from one pass to the next, by address.
        self._memories: dict[str, Any] = {}
        self._faults = Faults()
        self._starter = Starter(engine, runtime, self._faults, Backoff(clock), self._renewed)
        self._reports = reports
        # What kinds remember of those that wait, by kind.
        self._queues: dict[str, Any] = {}

    def run(self) -> bool:
        """One pass, when this process may; whether it did."""
        try:
            self._lease = self._held() or self._engine.store.write(self._hold)
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

    def _held(self) -> Lease | None:
        """The lease while it has half of its time left: passes are many, and each would write."""
        known = self._engine.store.read(lambda r: r.lease(LEASE))
        if self._lease is None or known is None or known.token != self._lease.token:
            return None
        return self._lease if known.expires - time.time() > LEASE_SECONDS / 2 else None

    def _hold(self, tx: Transaction) -> Lease:
        if self._lease is not None:
            try:
                leases.renew(tx, self._lease, LEASE_SECONDS)
            except leases.Fenced:
                self._lease = None
            else:
                return self._lease
        return leases.acquire(tx, LEASE, LEASE_SECONDS, "reconciling")

    def _renewed(self, tx: Transaction) -> bool:
        """Whether what is written in this transaction may be: this process holds the lease. Raises
        Fenced when it was lost."""
        if self._lease is None:
            return False
        leases.renew(tx, self._lease, LEASE_SECONDS)
        return True

    def _pass(self) -> None:
        self._admit()
        loads = self._loads()  # outside of the transaction: it asks another process
        wishes = self._engine.store.read(lambda r: self._look(r, loads))
        healths = self._starter.act(wishes)
        changed = [
            (wish, status)
            for wish in wishes
            if (status := self._status(wish, healths)) != wish.resource.status
        ]
        if changed or any(wish.over for wish in wishes):
            over = [wish for wish in wishes if wish.over]
            self._engine.store.write(lambda tx: self._write(tx, changed, over))

    def _admit(self) -> None:
        """Let those go on who wait and may."""
        running = (*self._runtime.list(), *self._runtime.ending())
        for kind in self._engine.kinds.values():
            if kind.admit is not None:
                try:
                    self._let_in(kind.path, kind.admit, running)
                except (Unavailable, leases.Fenced):
                    raise
                except _FAULTS as e:  # those that run need not stop for those that wait
                    self._faults.note(kind.path, "nobody of a kind was let in", e)

    def _let_in(self, kind: str, admit: Admit, running: tuple[Instance, ...]) -> None:
        """Decided by a read first, which costs nobody anything when nothing is to be done, and once
        more where it is written: meanwhile others may have taken what was free."""
        now = self._clock()

        def decided(reader: Reader) -> Admitted:
            found = admit(Waiting(reader, now, running, self._queues.get(kind)))
            self._queues[kind] = found.memory
            return found

        if self._engine.store.read(decided).changes:
            self._engine.store.write(lambda tx: self._observe(tx, decided(tx).changes))

    # ------------------------------------------------------------------ looking

    def _look(self, reader: Reader, loads: Mapping[str, Load]) -> list[Wish]:
        """What should run for every resource for which something may."""
        wishes = [
            self._looked(kind, r, reader, loads.get(r.address, Load()))
            for kind in self._engine.kinds.values()
            if kind.instances is not None
            for r in _live(reader, kind)
        ]
        found = [wish for wish in wishes if self._accepts(wish)]
        known = {wish.resource.address for wish in found}
        self._memories = {a: m for a, m in self._memories.items() if a in known}
        return found

    def _accepts(self, wish: Wish) -> bool:
        """Whether anything of it is for this runtime; what is not is left alone altogether."""
        return not wish.instances or any(self._runtime.accepts(w.workload) for w in wish.instances)

    def _looked(self, kind: Kind, r: Resource, reader: Reader, load: Load) -> Wish:
        try:
            return self._wish(kind, r, reader, load)
        except Unavailable:
            raise
        except _FAULTS as e:
            return Wish(r, kind, [], over=False, fault=self._faults.note(r.address, _UNSEEN, e))

    def _wish(self, kind: Kind, r: Resource, reader: Reader, load: Load) -> Wish:
        memory = self._memories.get(r.address)
        look = Look(r.spec or {}, r.status, load, self._clock(), memory, reader)
        if kind.scale is not None:
            self._memories[r.address] = kind.scale(look)
            look = look._replace(memory=self._memories[r.address])
        named = kind.instances(look) if kind.instances else {}
        wanted = [Wanted(_instance(r, n, w), w) for n, w in named.items()]
        return Wish(r, kind, wanted, kind.over is not None and not r.protected and kind.over(look))

    # ------------------------------------------------------------------ writing

    def _status(self, wish: Wish, healths: Mapping[str, Health]) -> Mapping[str, Any]:
        if wish.over:
            return wish.resource.status
        if wish.fault is not None:
            return self._broken(wish, wish.fault)
        try:
            return self._judged(wish, healths)
        except Exception as e:  # noqa: BLE001 (of one resource; the others must go on)
            return self._broken(wish, self._faults.note(wish.resource.address, _UNJUDGED, e))

    def _broken(self, wish: Wish, fault: Health) -> Mapping[str, Any]:
        """The status of a resource with a fault: as if all that is known of it had failed."""
        shown = tuple(_shown(w.instance, fault) for w in wish.instances) or tuple(
            {"name": i["name"], "id": i["id"], "state": FAILED, "reason": fault.reason}
            for i in wish.resource.status.get("instances", ())
        )
        if wish.kind.observed is None:
            return {**wish.resource.status, "phase": BROKEN, "instances": list(shown)}
        try:
            return self._judgement(wish, shown, {})
        except Exception as e:  # noqa: BLE001 (then nothing can be said of it)
            self._faults.note(wish.resource.address, _UNJUDGED, e)
            return wish.resource.status

    def _judged(self, wish: Wish, healths: Mapping[str, Health]) -> Mapping[str, Any]:
        shown = tuple(
            _shown(w.instance, healths.get(w.instance.id) or self._runtime.health(w.instance.id))
            for w in wish.instances
        )
        return self._judgement(wish, shown, self._report(wish, shown))

    def _judgement(
        self, wish: Wish, shown: tuple[Mapping[str, Any], ...], report: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        resource = wish.resource
        if wish.kind.observed is not None:
            now = datetime.fromtimestamp(self._clock(), UTC).isoformat(timespec="seconds")
            seen = Observation(
                resource.spec or {},
                resource.status,
                shown,
                now.replace("+00:00", "Z"),
                report,
                self._memories.get(resource.address),
            )
            return wish.kind.observed(seen)
        # What failed was started again: as a whole it is seen as it is now.
        states = [self._runtime.health(i["id"]).state for i in shown]
        counts = Seen(len(states), states.count(RUNNING), states.count(FAILED))
        after = phase(resource.status.get("phase"), counts)
        return {**resource.status, "phase": after, "instances": list(shown)}

    def _report(self, wish: Wish, shown: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
        report = self._reports.get(wish.kind.path)
        if report is None or not shown:
            return {}
        places = [self._runtime.work(instance["id"]) for instance in shown]
        return report(wish.resource, shown, places)

    def _observe(self, tx: Transaction, changed: list[tuple[Resource, Mapping[str, Any]]]) -> None:
        if not self._renewed(tx):
            raise leases.Fenced("the reconciler holds no lease")
        for resource, status in changed:
            known = tx.get(resource.address)
            # Changed or gone meanwhile: the next pass sees what it is now.
            if known is not None and known.revision == resource.revision:
                observe(tx, self._engine.kinds, known, status)

    def _write(
        self,
        tx: Transaction,
        changed: list[tuple[Wish, Mapping[str, Any]]],
        over: list[Wish],
    ) -> None:
        kinds = self._engine.kinds
        self._observe(tx, [(wish.resource, status) for wish, status in changed])
        for wish in over:
            known = tx.get(wish.resource.address)
            if known is not None and known.revision == wish.resource.revision:
                Changes(tx, kinds, _ACTOR).delete(known)


def _live(reader: Reader, kind: Kind) -> list[Resource]:
    """The resources of a kind for which something may run."""
    if kind.live is not None:
        return reader.find(kind.path, kind.live)
    return [r for r in reader.resources(kind.path) if r.spec is not None]


def _shown(instance: Instance, health: Health) -> dict[str, Any]:
    body: dict[str, Any] = {"name": instance.name, "id": instance.id, "state": health.state}
    if health.exit is not None:
        body["exit"] = health.exit
    return {**body, "reason": health.reason} if health.reason else body
