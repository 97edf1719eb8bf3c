"""Reading: the Reader protocol over one connection, in whatever transaction it is."""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, Table, bindparam, select

from controlplane.state import rows
from controlplane.state.protocol import (
    Entry,
    Event,
    Head,
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
from controlplane.state.statements import select_rows
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


@cache
def by_key(table: Table) -> Select[Any]:
    """The row of a table by its (single) primary key."""
    (column,) = table.primary_key.columns
    return select(table).where(column == bindparam("key"))


# PostgreSQL's text has none, and an error would end the transaction of others with it.
_NUL = "\0"
_META = select(META)
_FIND = (
    select(RESOURCES)
    .join(LOOKUPS, LOOKUPS.c.address == RESOURCES.c.address)
    .where(
        LOOKUPS.c.kind == bindparam("kind"),
        LOOKUPS.c.field == bindparam("field"),
        LOOKUPS.c.value == bindparam("value"),
    )
    .order_by(RESOURCES.c.address)
)
_HEADS = (
    select(RESOURCES.c.address, RESOURCES.c.revision)
    .join(LOOKUPS, LOOKUPS.c.address == RESOURCES.c.address)
    .where(
        LOOKUPS.c.kind == bindparam("kind"),
        LOOKUPS.c.field == bindparam("field"),
        LOOKUPS.c.value == bindparam("value"),
    )
    .order_by(RESOURCES.c.address)
)
# The index of lookups has the addresses in their order: a page is read from where it begins.
_PAGE = (
    select(RESOURCES)
    .join(LOOKUPS, LOOKUPS.c.address == RESOURCES.c.address)
    .where(
        LOOKUPS.c.kind == bindparam("kind"),
        LOOKUPS.c.field == bindparam("field"),
        LOOKUPS.c.value == bindparam("value"),
        LOOKUPS.c.address > bindparam("after"),
    )
    .order_by(LOOKUPS.c.address)
    .limit(bindparam("limit"))
)
_LINES = (
    select(LINES)
    .where(LINES.c.address == bindparam("address"), LINES.c.position > bindparam("after"))
    .order_by(LINES.c.position)
    .limit(bindparam("limit"))
)
_ALL = select(RESOURCES).order_by(RESOURCES.c.address)
_OF_KIND = _ALL.where(RESOURCES.c.kind == bindparam("kind"))
_EVENTS = (
    select(EVENTS)
    .where(EVENTS.c.revision > bindparam("after"))
    .order_by(EVENTS.c.revision)
    .limit(bindparam("limit"))
)
_AUDIT = (
    select(AUDIT)
    .where(AUDIT.c.sequence > bindparam("after"))
    .order_by(AUDIT.c.sequence)
    .limit(bindparam("limit"))
)
_PLANS = select(PLANS).where(PLANS.c.status == bindparam("status")).order_by(PLANS.c.digest)
_JOURNAL = select(JOURNAL).where(JOURNAL.c.plan == bindparam("plan")).order_by(JOURNAL.c.position)
_STEP = select(JOURNAL).where(
    JOURNAL.c.plan == bindparam("plan"), JOURNAL.c.position == bindparam("position")
)
_SECRETS = select(SECRETS).order_by(SECRETS.c.name)


class SqlReader:
    """Reads what its connection sees."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def meta(self) -> Meta:
        return rows.meta(self._rows(_META)[0])

    def get(self, address: str, *, deleted: bool = False) -> Resource | None:
        row = self._row(RESOURCES, address)
        found = None if row is None else rows.resource(row)
        return found if found is None or found.exists or deleted else None

    def find(self, kind: str, lookup: Lookup) -> list[Resource]:
        if _NUL in lookup.value:
            return []
        found = self._rows(_FIND, kind=kind, field=lookup.field, value=lookup.value)
        return [rows.resource(row) for row in found]

    def heads(self, kind: str, lookup: Lookup) -> list[Head]:
        values = {"kind": kind, "field": lookup.field, "value": lookup.value}
        return [Head(*row) for row in self._connection.execute(_HEADS, values)]

    def page(self, kind: str, lookup: Lookup, after: str, limit: int) -> list[Resource]:
        if _NUL in lookup.value + after:
            return []
        values = {"kind": kind, "field": lookup.field, "value": lookup.value}
        found = self._rows(_PAGE, **values, after=after, limit=limit)
        return [rows.resource(row) for row in found]

    def lines(self, address: str, after: int, limit: int) -> list[Line]:
        found = self._rows(_LINES, address=address, after=after, limit=limit)
        return [rows.line(row) for row in found]

    def resources(self, kind: str = "", *, deleted: bool = False) -> list[Resource]:
        found = self._rows(_OF_KIND, kind=kind) if kind else self._rows(_ALL)
        every = [rows.resource(row) for row in found]
        return every if deleted else [r for r in every if r.exists]

    def events(self, after: int, limit: int) -> list[Event]:
        return [rows.event(row) for row in self._rows(_EVENTS, after=after, limit=limit)]

    def audit(self, after: int, limit: int) -> list[Entry]:
        return [rows.entry(row) for row in self._rows(_AUDIT, after=after, limit=limit)]

    def plan(self, digest: str) -> StoredPlan | None:
        row = self._row(PLANS, digest)
        return None if row is None else rows.stored_plan(row)

    def plans(self, status: str) -> list[StoredPlan]:
        return [rows.stored_plan(row) for row in self._rows(_PLANS, status=status)]

    def journal(self, plan: str) -> list[Step]:
        return [rows.step(row) for row in self._rows(_JOURNAL, plan=plan)]

    def step(self, plan: str, position: int) -> Step | None:
        found = self._rows(_STEP, plan=plan, position=position)
        return rows.step(found[0]) if found else None

    def lease(self, name: str) -> Lease | None:
        row = self._row(LEASES, name)
        return None if row is None else rows.lease(row)

    def secret(self, name: str) -> Secret | None:
        row = self._row(SECRETS, name)
        return None if row is None else rows.secret(row)

    def secrets(self) -> list[Secret]:
        return [rows.secret(row) for row in self._rows(_SECRETS)]

    def remembered(self, key: str) -> Remembered | None:
        row = self._row(REMEMBERED, key)
        return None if row is None else rows.remembered(row)

    def _rows(self, statement: Select[Any], **values: Any) -> list[Any]:
        return select_rows(self._connection, statement, values)

    def _row(self, table: Table, key: Any) -> Any:
        if _NUL in key:
            return None
        return next(iter(self._rows(by_key(table), key=key)), None)
