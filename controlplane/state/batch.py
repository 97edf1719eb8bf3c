"""A batch of transactions that commit together, each whole or not at all.

Nothing is written while units run: every unit keeps its rows aside, its reads look there first,
then at what earlier units of the batch have left, then at the database. A unit that raises leaves
nothing, without savepoints; the others are flushed with a handful of statements.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy import Connection, Table, and_, bindparam, delete, insert, select

from controlplane.failpoints import hit
from controlplane.state import rows
from controlplane.state.protocol import (
    Actor,
    Entry,
    Event,
    Head,
    Json,
    Lease,
    Line,
    Lookup,
    Meta,
    Remembered,
    Resource,
    Secret,
    Step,
    StoredPlan,
)
from controlplane.state.reader import SqlReader
from controlplane.state.statements import execute, execute_many
from controlplane.state.tables import (
    AUDIT,
    EVENTS,
    JOURNAL,
    LEASES,
    LINES,
    LOOKUPS,
    META,
    PLANS,
    REMEMBERED,
    RESOURCES,
    SECRETS,
)

Rows = dict[Any, dict[str, Any] | None]
# Tables whose rows are replaced by key, in the order in which they are flushed.
_KEYED = (RESOURCES, PLANS, JOURNAL, LEASES, SECRETS, REMEMBERED, LINES)


class Overlay:
    """Rows by table and key (None: deleted) over those of a layer below."""

    def __init__(self) -> None:
        self.rows: dict[str, Rows] = {table.name: {} for table in _KEYED}
        self.lookups: dict[str, tuple[Lookup, ...]] = {}
        # Addresses that were ever stored with a lookup here; whether they still have it is said
        # by `lookups`.
        self.found: dict[Lookup, list[str]] = {}
        # Addresses whose lines of before are gone.
        self.purged: set[str] = set()
        self.events: list[Event] = []
        self.audit: list[Entry] = []
        self.compacted = 0
        self.meta: Meta | None = None

    def absorb(self, above: Overlay) -> None:
        for address in above.purged:
            self.purge(address)
        for name, changed in above.rows.items():
            self.rows[name].update(changed)
        self.lookups.update(above.lookups)
        for lookup, addresses in above.found.items():
            self.found.setdefault(lookup, []).extend(addresses)
        self.events += above.events
        self.audit += above.audit
        self.compacted = max(self.compacted, above.compacted)
        self.meta = above.meta

    def purge(self, address: str) -> None:
        """Lines of an address, as they were until now, are gone."""
        self.purged.add(address)
        lines = self.rows[LINES.name]
        for key in [key for key in lines if key[0] == address]:
            del lines[key]


class Unit(SqlReader):
    """One transaction of a batch: the Transaction protocol."""

    def __init__(self, connection: Connection, below: Overlay, now: str) -> None:
        super().__init__(connection)
        self._below = below
        self.mine = Overlay()
        self.mine.meta = below.meta
        self.now = now

    # ---- reading what was written here or before in this batch

    def _row(self, table: Table, key: Any) -> Any:
        for layer in (self.mine, self._below):
            if key in layer.rows[table.name]:
                return layer.rows[table.name][key]
        return super()._row(table, key)

    def meta(self) -> Meta:
        assert self.mine.meta is not None  # noqa: S101 (a batch reads it first)
        return self.mine.meta

    def find(self, kind: str, lookup: Lookup) -> list[Resource]:
        changed = (self.mine.rows[RESOURCES.name], self._below.rows[RESOURCES.name])
        found = {
            r.address: r
            for r in super().find(kind, lookup)
            if not any(r.address in layer for layer in changed)
        }
        for address in (*self._below.found.get(lookup, ()), *self.mine.found.get(lookup, ())):
            row = self._row(RESOURCES, address)
            if row is not None and row["kind"] == kind and lookup in self._lookups(address):
                found[address] = rows.resource(row)
        return [found[address] for address in sorted(found)]

    def heads(self, kind: str, lookup: Lookup) -> list[Head]:
        return [Head(r.address, r.revision) for r in self.find(kind, lookup)]

    def page(self, kind: str, lookup: Lookup, after: str, limit: int) -> list[Resource]:
        return [r for r in self.find(kind, lookup) if r.address > after][:limit]

    def lines(self, address: str, after: int, limit: int) -> list[Line]:
        layers = [self.mine] if address in self.mine.purged else [self._below, self.mine]
        stored = not any(address in layer.purged for layer in (self._below, self.mine))
        found = {n.position: n for n in super().lines(address, after, limit)} if stored else {}
        for layer in layers:
            for (of, position), row in layer.rows[LINES.name].items():
                if of == address and position > after and row is not None:
                    found[position] = rows.line(row)
        return [found[position] for position in sorted(found)][:limit]

    def resources(self, kind: str = "", *, deleted: bool = False) -> list[Resource]:
        found = {r.address: r for r in super().resources(kind, deleted=True)}
        for address, row in self._changed(RESOURCES).items():
            found.pop(address, None)
            if row is not None and kind in ("", row["kind"]):
                found[address] = rows.resource(row)
        return [found[a] for a in sorted(found) if deleted or found[a].exists]

    def plans(self, status: str) -> list[StoredPlan]:
        found = {p.digest: p for p in super().plans(status)}
        for digest, row in self._changed(PLANS).items():
            found.pop(digest, None)
            if row is not None and row["status"] == status:
                found[digest] = rows.stored_plan(row)
        return [found[digest] for digest in sorted(found)]

    def journal(self, plan: str) -> list[Step]:
        found = {s.position: s for s in super().journal(plan)}
        for (of, position), row in self._changed(JOURNAL).items():
            if of == plan and row is not None:
                found[position] = rows.step(row)
        return [found[position] for position in sorted(found)]

    def step(self, plan: str, position: int) -> Step | None:
        row = self._changed_row(JOURNAL, (plan, position))
        return super().step(plan, position) if row is None else rows.step(row)

    def secrets(self) -> list[Secret]:
        found = {s.name: s for s in super().secrets()}
        for name, row in self._changed(SECRETS).items():
            found.pop(name, None)
            if row is not None:
                found[name] = rows.secret(row)
        return [found[name] for name in sorted(found)]

    def events(self, after: int, limit: int) -> list[Event]:
        gone = max(after, self._below.compacted, self.mine.compacted)
        new = [e for e in (*self._below.events, *self.mine.events) if e.revision > gone]
        return [*super().events(gone, limit), *new][:limit]

    def audit(self, after: int, limit: int) -> list[Entry]:
        new = [e for e in (*self._below.audit, *self.mine.audit) if e.sequence > after]
        return [*super().audit(after, limit), *new][:limit]

    def _changed_row(self, table: Table, key: Any) -> Any:
        """A row that was written here or before in this batch; None when it was not."""
        mine, below = self.mine.rows[table.name], self._below.rows[table.name]
        return mine.get(key) or below.get(key)

    def _changed(self, table: Table) -> Rows:
        return {**self._below.rows[table.name], **self.mine.rows[table.name]}

    def _lookups(self, address: str) -> tuple[Lookup, ...]:
        mine = self.mine.lookups
        return mine[address] if address in mine else self._below.lookups.get(address, ())

    # ---- writing

    def put(self, resource: Resource, lookups: Iterable[Lookup]) -> Resource:
        stored = resource._replace(revision=self._next_revision())
        self.mine.rows[RESOURCES.name][stored.address] = rows.resource_row(stored)
        self.mine.lookups[stored.address] = found = tuple(lookups)
        for lookup in found:
            self.mine.found.setdefault(lookup, []).append(stored.address)
        return stored

    def purge(self, address: str) -> None:
        self.mine.rows[RESOURCES.name][address] = None
        self.mine.lookups[address] = ()
        self.mine.purge(address)
        for name in self._names_of_secrets(address):
            self.drop_secret(name)

    def _names_of_secrets(self, address: str) -> list[str]:
        # "$" comes after "#", and names sort by code point in every database: the key's own range.
        stored = self._rows(_NAMES, first=f"{address}#", end=f"{address}$")
        changed = [n for n in self._changed(SECRETS) if n.startswith(f"{address}#")]
        return [*(row["name"] for row in stored), *changed]

    def put_line(self, line: Line) -> None:
        self.mine.rows[LINES.name][line.address, line.position] = rows.line_row(line)

    def event(self, type_: str, address: str, data: Json) -> None:
        self.mine.events.append(Event(self._next_revision(), type_, address, self.now, data))

    def record(self, actor: Actor, action: str, address: str, detail: Json) -> None:
        meta = self.meta()
        previous, count = meta.audit_head, meta.audit_count + 1
        facts = (count, self.now, *actor, action, address, detail, previous)
        entry = Entry(*facts, digest=digest_of(facts))
        self.mine.audit.append(entry)
        self.mine.meta = meta._replace(audit_head=entry.digest, audit_count=count)

    def advance(self) -> int:
        meta = self.meta()
        self.mine.meta = meta._replace(serial=meta.serial + 1)
        return meta.serial + 1

    def put_meta(self, meta: Meta) -> None:
        self.mine.meta = meta

    def put_plan(self, plan: StoredPlan) -> None:
        self.mine.rows[PLANS.name][plan.digest] = rows.plan_row(plan)

    def put_step(self, step: Step) -> None:
        self.mine.rows[JOURNAL.name][step.plan, step.position] = step._asdict()

    def put_lease(self, lease: Lease) -> None:
        self.mine.rows[LEASES.name][lease.name] = lease._asdict()

    def put_secret(self, secret: Secret) -> None:
        self.mine.rows[SECRETS.name][secret.name] = secret._asdict()

    def drop_secret(self, name: str) -> None:
        self.mine.rows[SECRETS.name][name] = None

    def remember(self, answer: Remembered) -> None:
        self.mine.rows[REMEMBERED.name][answer.key] = answer._asdict()

    def forget(self, until: str) -> list[Remembered]:
        stored = self._rows(_OLD_ANSWERS, until=until)
        found = {row["key"]: rows.remembered(row) for row in stored}
        for key, row in self._changed(REMEMBERED).items():
            found.pop(key, None)
            if row is not None and row["created"] <= until:
                found[key] = rows.remembered(row)
        self.mine.rows[REMEMBERED.name].update(dict.fromkeys(found))
        return [found[key] for key in sorted(found)]

    def compact(self, before: int) -> None:
        meta = self.meta()
        upto = min(before, meta.revision)
        self.mine.compacted = upto
        self.mine.meta = meta._replace(compacted=max(meta.compacted, upto))

    def _next_revision(self) -> int:
        meta = self.meta()
        self.mine.meta = meta._replace(revision=meta.revision + 1)
        return meta.revision + 1


class Batch:
    """Runs units over one open database transaction, and flushes what they leave."""

    def __init__(self, connection: Connection, now: str) -> None:
        self._connection, self._now = connection, now
        self._overlay = Overlay()
        self._overlay.meta = self._first = SqlReader(connection).meta()

    def run(self, work: Callable[[Unit], Any]) -> Any:
        """The result of a unit. What it raises it raises here, and has left nothing."""
        unit = Unit(self._connection, self._overlay, self._now)
        result = work(unit)
        self._overlay.absorb(unit.mine)
        return result

    def flush(self) -> None:
        """Write everything; the database transaction then only needs its commit."""
        hit("store.before_flush")
        purged = [{"key": address} for address in sorted(self._overlay.purged)]
        execute_many(self._connection, _OLD_LINES, purged)
        for table in _KEYED:
            self._replace(table, self._overlay.rows[table.name])
        self._replace_lookups()
        hit("store.mid_flush")
        self._append(
            EVENTS, [{**e._asdict(), "data": rows.text(e.data)} for e in self._overlay.events]
        )
        self._append(
            AUDIT, [{**e._asdict(), "detail": rows.text(e.detail)} for e in self._overlay.audit]
        )
        if self._overlay.compacted:
            execute(self._connection, _OLD_EVENTS, {"upto": self._overlay.compacted})
        meta = self._overlay.meta
        if meta is not None and meta != self._first:
            execute(self._connection, _UPDATE_META, meta._asdict())

    def _replace(self, table: Table, changed: Rows) -> None:
        if not changed:
            return
        names = [column.name for column in table.primary_key.columns]
        keys = [key if isinstance(key, tuple) else (key,) for key in changed]
        old = [{f"key_{n}": v for n, v in zip(names, key, strict=True)} for key in keys]
        execute_many(self._connection, _DELETE[table.name], old)
        self._append(table, [row for row in changed.values() if row is not None])

    def _replace_lookups(self) -> None:
        changed = self._overlay.lookups
        if not changed:
            return
        execute_many(self._connection, _OLD_LOOKUPS, [{"key": address} for address in changed])
        kinds = self._overlay.rows[RESOURCES.name]
        found = [
            {"address": a, "kind": (kinds[a] or {})["kind"], "field": k.field, "value": k.value}
            for a, lookups in changed.items()
            for k in dict.fromkeys(lookups)
        ]
        self._append(LOOKUPS, found)

    def _append(self, table: Table, values: list[dict[str, Any]]) -> None:
        execute_many(self._connection, _INSERT[table.name], values)


_NAMES = select(SECRETS.c.name).where(
    SECRETS.c.name >= bindparam("first"), SECRETS.c.name < bindparam("end")
)
_OLD_ANSWERS = select(REMEMBERED).where(REMEMBERED.c.created <= bindparam("until"))
_OLD_EVENTS = delete(EVENTS).where(EVENTS.c.revision <= bindparam("upto"))
_UPDATE_META = META.update()
_OLD_LINES = delete(LINES).where(LINES.c.address == bindparam("key"))
_OLD_LOOKUPS = delete(LOOKUPS).where(LOOKUPS.c.address == bindparam("key"))
_INSERT = {table.name: insert(table) for table in (*_KEYED, LOOKUPS, EVENTS, AUDIT)}
_DELETE = {
    table.name: delete(table).where(
        and_(*(column == bindparam(f"key_{column.name}") for column in table.primary_key.columns))
    )
    for table in _KEYED
}


def digest_of(facts: tuple[Any, ...]) -> str:
    """The digest of an audit entry: of everything it says and of the entry before it."""
    return hashlib.sha256(rows.text(list(facts)).encode()).hexdigest()
