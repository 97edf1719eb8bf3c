"""What should run is started and what should not is stopped, one instance after the other: what is
wrong with one of them stops no other.

What ends by itself is started once: that it will be is durable before it is.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from typing import NamedTuple

from aicr.errors import NotFound, Unavailable
from controlplane.backoff import Backoff
from controlplane.changes import observe
from controlplane.engine import Engine
from controlplane.faults import Faults
from controlplane.kinds import Kind
from controlplane.runtime.protocol import FAILED, STARTING, Health, Instance, Runtime
from controlplane.runtime.workload import Workload
from controlplane.state.protocol import Reader, Resource, Transaction
from controlplane.wire import Lost

# What was once started, by name: such a thing is not started again, whatever became of it.
STARTED = "started"
_LOST = "it was started, and nobody knows what became of it"
_UNSTARTED, _UNSTOPPED = "it was not started", "it was not stopped"


class Wanted(NamedTuple):
    """An instance that should run, with what it is started with."""

    instance: Instance
    workload: Workload


class Wish(NamedTuple):
    """A resource, what should run for it, and whether it has ended and goes. With a fault nobody
    knows what should run: what does is left alone."""

    resource: Resource
    kind: Kind
    instances: list[Wanted]
    over: bool
    fault: Health | None = None


class Starter:
    """`renewed` says in a transaction whether this process may still write."""

    def __init__(
        self,
        engine: Engine,
        runtime: Runtime,
        faults: Faults,
        backoff: Backoff,
        renewed: Callable[[Transaction], bool],
    ) -> None:
        self._engine, self._runtime = engine, runtime
        self._faults, self._backoff, self._renewed = faults, backoff, renewed

    def act(self, wishes: list[Wish]) -> dict[str, Health]:
        """Stop what should not run, then start what should. What is not as the runtime says, by
        id: what had failed, and what could not be started."""
        healths: dict[str, Health] = {}
        should = {w.instance.id for wish in wishes if not wish.over for w in wish.instances}
        left = {wish.resource.address for wish in wishes if wish.fault is not None}
        instances = sorted(self._runtime.list())
        for id_ in [i.id for i in instances if i.id not in should and i.address not in left]:
            self._stop(id_)
        running = {instance.id for instance in instances}
        going = [wish for wish in wishes if not wish.over]
        for w in (w for wish in going for w in wish.instances if not w.workload.get("once")):
            self._keep(w, running, healths)
        self._start_once(going, running, healths)
        self._backoff.keep(should)
        addresses = {wish.resource.address for wish in wishes}
        self._faults.keep({*should, *running, *addresses, *self._engine.kinds})
        return healths

    def _keep(self, w: Wanted, running: set[str], healths: dict[str, Health]) -> None:
        """One instance towards running for ever."""
        id_ = w.instance.id
        if id_ in running:
            health = self._runtime.health(id_)
            if health.state != FAILED:
                self._backoff.well(id_)
                return
            healths[id_] = health
            self._stop(id_)
            self._backoff.failed(id_)
        if not self._backoff.waits(id_):
            error = self._tried(w)
            if error is None:
                return
            self._backoff.failed(id_)
            healths.setdefault(id_, self._unstarted(id_, error))
            if isinstance(error, Unavailable):
                self._runtime.list()  # raises when nothing can be started at all
        elif id_ not in healths:
            again = "it failed again and again, and will be tried once more"
            healths[id_] = self._faults.get(id_) or Health(FAILED, again)

    def _start_once(
        self, wishes: list[Wish], running: set[str], healths: dict[str, Health]
    ) -> None:
        """Start what ends by itself, and never twice: that it will be started is durable before it
        is, and what was to be started and is not there is lost."""
        fresh: list[tuple[Wish, Wanted]] = []
        for wish in wishes:
            for w in wish.instances:
                id_ = w.instance.id
                if not w.workload.get("once") or id_ in running:
                    continue
                if w.instance.name in wish.resource.status.get(STARTED, ()):
                    known = self._faults.get(id_)
                    failed = known is not None and known.state == FAILED
                    healths[id_] = known if known and failed else Health(FAILED, _LOST)
                elif self._backoff.waits(id_):
                    healths[id_] = self._faults.get(id_) or Health(STARTING)
                else:
                    fresh.append((wish, w))
        if fresh:
            self._start_marked(self._engine.store.write(lambda tx: self._mark(tx, fresh)))

    def _start_marked(self, marked: list[Wanted]) -> None:
        """Start what was noted. What certainly was not started is noted no more: it is tried later.
        Raises Unavailable, after that, when nothing can be started at all."""
        refused: list[Wanted] = []
        down: Unavailable | None = None
        for w in marked:
            error = self._tried(w) if down is None else Unavailable(down.message)
            if error is None:
                continue
            if isinstance(error, Unavailable) and down is None:
                down = self._down()
            if self._unstarted(w.instance.id, error).state == STARTING:
                self._backoff.failed(w.instance.id)
                refused.append(w)
        if refused:
            self._engine.store.write(lambda tx: self._unmark(tx, refused))
        if down is not None:
            raise down

    def _down(self) -> Unavailable | None:
        """Why the runtime as a whole cannot be asked anything, if so."""
        try:
            self._runtime.list()
        except Unavailable as e:
            return e
        return None

    def _tried(self, w: Wanted) -> Exception | None:
        """Start an instance; what was wrong."""
        try:
            self._start(w)
        except Exception as e:  # noqa: BLE001 (of one instance; the others must go on)
            return e
        self._faults.over(w.instance.id)
        return None

    def _unstarted(self, id_: str, error: Exception) -> Health:
        """How an instance is that was not started: it still will be when that was refused, and has
        failed when nobody knows, or when it never can."""
        later = isinstance(error, Unavailable) and not isinstance(error, Lost)
        return self._faults.note(id_, _UNSTARTED, error, STARTING if later else FAILED)

    def _stop(self, id_: str) -> None:
        try:
            self._runtime.stop(id_)
        except Exception as e:  # noqa: BLE001 (of one instance; the next pass stops it)
            self._faults.note(id_, _UNSTOPPED, e)
            if isinstance(e, Unavailable):
                self._runtime.list()  # raises when nothing can be stopped at all

    def _mark(self, tx: Transaction, fresh: list[tuple[Wish, Wanted]]) -> list[Wanted]:
        """Note what is going to be started; which still may be."""
        if not self._renewed(tx):
            return []
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

    def _unmark(self, tx: Transaction, refused: list[Wanted]) -> None:
        """Note that these were not started after all."""
        if not self._renewed(tx):
            return
        for address, found in groupby(refused, lambda w: w.instance.address):
            known = tx.get(address)
            uid = "" if known is None else known.uid
            names = {w.instance.name for w in found if w.instance.id.startswith(f"{uid}/")}
            if known is None or names.isdisjoint(known.status.get(STARTED, ())):
                continue
            left = [name for name in known.status[STARTED] if name not in names]
            kept = {k: v for k, v in known.status.items() if k != STARTED}
            observe(tx, self._engine.kinds, known, {**kept, STARTED: left} if left else kept)

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
