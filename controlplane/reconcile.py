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
from itertools import groupby
from types import MappingProxyType
from typing import Any, NamedTuple

from aicr.errors import NotFound
from controlplane.backoff import Backoff
from controlplane.changes import Changes, observe
from controlplane.engine import Engine
from controlplane.kinds import Admit, Kind, Look, Observation, Waiting
from controlplane.phases import Seen, phase
from controlplane.queue.protocol import Load
from controlplane.runtime.protocol import FAILED, RUNNING, Health, Instance, Runtime
from controlplane.runtime.workload import Workload
from controlplane.state import leases
from controlplane.state.protocol import Actor, Lease, Reader, Resource, Transaction
from controlplane.state.rows import text

LEASE = "reconciler"
LEASE_SECONDS = 10.0
_ACTOR = Actor("reconciler")
# What was once started, by name: such a thing is not started again, whatever became of it.
STARTED = "started"
_LOST = "it was started, and nobody knows what became of it"
Loads = Callable[[], Mapping[str, Load]]
# What instances of resources of a kind say of themselves, by kind: of a resource, what is seen of
# each instance, and its directory, where it has one.
Report = Callable[[Resource, Sequence[Mapping[str, Any]], Sequence[str | None]], Mapping[str, Any]]
Reports = Mapping[str, Report]


class Wanted(NamedTuple):
    """An instance that should run, with what it is started with."""

    instance: Instance
    workload: Workload


class Wish(NamedTuple):
    """A resource, what should run for it, and whether it has ended and goes."""

    resource: Resource
    kind: Kind
    instances: list[Wanted]
    over: bool


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
        self._backoff = Backoff(clock)
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

    def _pass(self) -> None:
        self._admit()
        wishes = self._engine.store.read(self._look)
        failed = self._act(wishes)
        changed = [
            (wish, status)
            for wish in wishes
            if (status := self._status(wish, failed)) != wish.resource.status
        ]
        if changed or any(wish.over for wish in wishes):
            over = [wish for wish in wishes if wish.over]
            self._engine.store.write(lambda tx: self._write(tx, changed, over))

    def _admit(self) -> None:
        """Let those go on who wait and may."""
        running = (*self._runtime.list(), *self._runtime.ending())
        for kind in self._engine.kinds.values():
            if kind.admit is not None:
                self._let_in(kind.path, kind.admit, running)

    def _let_in(self, kind: str, admit: Admit, running: tuple[Instance, ...]) -> None:
        memory, now = self._queues.get(kind), self._clock()
        found = self._engine.store.read(lambda r: admit(Waiting(r, now, running, memory)))
        self._queues[kind] = found.memory
        if found.changes:
            self._engine.store.write(lambda tx: self._observe(tx, found.changes))

    # ------------------------------------------------------------------ looking

    def _look(self, reader: Reader) -> list[Wish]:
        """What should run for every resource for which something may."""
        loads = self._loads()
        wishes = [
            self._wish(kind, r, reader, loads.get(r.address, Load()))
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

    def _wish(self, kind: Kind, r: Resource, reader: Reader, load: Load) -> Wish:
        memory = self._memories.get(r.address)
        look = Look(r.spec or {}, r.status, load, self._clock(), memory, reader)
        if kind.scale is not None:
            self._memories[r.address] = kind.scale(look)
            look = look._replace(memory=self._memories[r.address])
        named = kind.instances(look) if kind.instances else {}
        wanted = [Wanted(_instance(r, n, w), w) for n, w in named.items()]
        return Wish(r, kind, wanted, kind.over is not None and not r.protected and kind.over(look))

    # ------------------------------------------------------------------ acting

    def _act(self, wishes: list[Wish]) -> dict[str, Health]:
        """Stop what should not run, then start what should. What had failed, by id."""
        failed: dict[str, Health] = {}
        should = {w.instance.id for wish in wishes if not wish.over for w in wish.instances}
        running = {instance.id for instance in self._runtime.list()}
        for id_ in sorted(running - should):
            self._runtime.stop(id_)
        going = [wish for wish in wishes if not wish.over]
        for w in (w for wish in going for w in wish.instances if not w.workload.get("once")):
            self._keep(w, running, failed)
        self._start_once(going, running, failed)
        self._backoff.keep(should)
        return failed

    def _keep(self, w: Wanted, running: set[str], failed: dict[str, Health]) -> None:
        """One instance towards running for ever."""
        id_ = w.instance.id
        if id_ in running:
            health = self._runtime.health(id_)
            if health.state != FAILED:
                self._backoff.well(id_)
                return
            failed[id_] = health
            self._runtime.stop(id_)
            self._backoff.failed(id_)
        if not self._backoff.waits(id_):
            self._start(w)
        elif id_ not in failed:
            failed[id_] = Health(FAILED, "it failed again and again, and will be tried once more")

    def _start_once(self, wishes: list[Wish], running: set[str], failed: dict[str, Health]) -> None:
        """Start what ends by itself, and never twice: that it will be started is durable before it
        is, and what was to be started and is not there is lost."""
        fresh: list[tuple[Wish, Wanted]] = []
        for wish in wishes:
            for w in wish.instances:
                if not w.workload.get("once") or w.instance.id in running:
                    continue
                if w.instance.name in wish.resource.status.get(STARTED, ()):
                    failed[w.instance.id] = Health(FAILED, _LOST)
                else:
                    fresh.append((wish, w))
        if fresh:
            marked = self._engine.store.write(lambda tx: self._mark(tx, fresh))
            for w in marked:
                self._start(w)

    def _mark(self, tx: Transaction, fresh: list[tuple[Wish, Wanted]]) -> list[Wanted]:
        """Note what is going to be started; which still may be."""
        if self._lease is None:
            return []
        leases.renew(tx, self._lease, LEASE_SECONDS)
        marked = []
        for address, found in groupby(fresh, lambda f: f[0].resource.address):
            wanted = list(found)
            known = tx.get(address)
            if known is None or known.revision != wanted[0][0].resource.revision:
                continue
            names = [w.instance.name for _, w in wanted]
            started = [*known.status.get(STARTED, ()), *names]
            observe(tx, self._engine.kinds, known, {**known.status, STARTED: started})
            marked += [w for _, w in wanted]
        return marked

    def _start(self, w: Wanted) -> None:
        names = w.workload.get("secrets") or {}
        if not names:
            self._runtime.start(w.instance, w.workload, {})
            return
        vault = self._engine.vault

        def values(reader: Reader) -> dict[str, str]:
            return {name: vault.get(reader, kept) for name, kept in names.items()}

        try:
            secrets = self._engine.store.read(values)
        except NotFound:
            return  # it is being deleted, and its secrets are gone already
        self._runtime.start(w.instance, w.workload, secrets)

    # ------------------------------------------------------------------ writing

    def _status(self, wish: Wish, failed: Mapping[str, Health]) -> Mapping[str, Any]:
        resource = wish.resource
        if wish.over:
            return resource.status
        healths = [
            (w.instance, failed.get(w.instance.id) or self._runtime.health(w.instance.id))
            for w in wish.instances
        ]
        shown = tuple(_shown(instance, health) for instance, health in healths)
        if wish.kind.observed is not None:
            now = datetime.fromtimestamp(self._clock(), UTC).isoformat(timespec="seconds")
            seen = Observation(
                resource.spec or {},
                resource.status,
                shown,
                now.replace("+00:00", "Z"),
                self._report(wish, shown),
                self._memories.get(resource.address),
            )
            return wish.kind.observed(seen)
        # What failed was started again: as a whole it is seen as it is now.
        states = [self._runtime.health(instance.id).state for instance, _ in healths]
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
        if self._lease is None:
            raise leases.Fenced("the reconciler holds no lease")
        leases.renew(tx, self._lease, LEASE_SECONDS)
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
