"""What one owner does to the queue's tables in one transaction.

Who changes what happens at a door holds its lock to the end of the transaction, so that places are
granted in the order of arrival, and never more than there are. (To skip rows that others have
locked would be faster and out of order.) SQLite locks its file instead.
"""

from __future__ import annotations

import heapq
import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple
from zlib import crc32

from sqlalchemy import (
    ColumnElement,
    Connection,
    Executable,
    Table,
    and_,
    bindparam,
    delete,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from aicr.errors import RateLimited
from controlplane.queue.protocol import MAX_WAITING, Limit
from controlplane.queue.tables import OFFERS, OWNERS, SEATS, TICKETS, WINDOWS
from controlplane.wire import Json

# Advisory locks of PostgreSQL have two numbers; this one is the queue's.
_LOCK = text("SELECT pg_advisory_xact_lock(7018, key) FROM unnest(CAST(:keys AS int[])) key")


class Take(NamedTuple):
    """A request that wants a place behind a door. `arrived` is when it came, in nanoseconds."""

    request: str
    door: str
    arrived: int


class Offer(NamedTuple):
    """An instance at host:port that takes so many requests at a time."""

    instance: str
    door: str
    endpoint: str
    places: int


class Held(NamedTuple):
    """A seat that is held already."""

    seat: str
    door: str
    instance: str
    endpoint: str


class Behind(NamedTuple):
    """An instance behind a door, with how many of its places are held."""

    instance: str
    endpoint: str
    places: int
    taken: int


class Waiting(NamedTuple):
    """Who waits, and whose request it is."""

    request: str
    owner: str


class Ledger:
    """`granted` has the places of the owner's requests, as [seat, instance, endpoint]; `news` is
    what all owners are to hear when the transaction is committed."""

    def __init__(self, tx: Connection, owner: str, most: int = MAX_WAITING) -> None:
        self._tx, self._owner, self._most = tx, owner, most
        self.granted: dict[str, list[str]] = {}
        self.news: list[Json] = []
        # Doors at which something happened, and whether somebody waited there before it, if known.
        self._touched: dict[str, bool | None] = {}

    def lock(self, doors: Iterable[str], limits: Iterable[Limit] = ()) -> None:
        """Before anything else, and once: whoever locks one after the other waits for ever."""
        names = {*doors, *(f"limit {limit.name}" for limit in limits)}
        if names and self._tx.dialect.name == "postgresql":
            keys = sorted({crc32(name.encode()) - 2**31 for name in names})
            self._tx.execute(_LOCK, {"keys": keys})

    # ------------------------------------------------------------------ owners

    def hello(
        self, expires: float, held: Sequence[Held], offers: Sequence[Offer], before: str
    ) -> None:
        """Be an owner, of what the owner `before` had as well."""
        self.lock({h.door for h in held} | {o.door for o in offers} | self.doors([before]))
        self._tx.execute(insert(OWNERS), {"name": self._owner, "expires": expires})
        if held:
            self._put(SEATS, [{**h._asdict(), "owner": self._owner} for h in held])
        self.forget([before])
        for offer in offers:
            self.offer(offer)
        self.serve()

    def beat(self, expires: float) -> bool:
        """Live on; false when the owner was declared dead."""
        mine = update(OWNERS).where(OWNERS.c.name == self._owner).values(expires=expires)
        return self._tx.execute(mine).rowcount == 1

    def owners(self) -> dict[str, float]:
        """Until when each counts as alive."""
        rows = self._tx.execute(select(OWNERS.c.name, OWNERS.c.expires))
        return {row.name: row.expires for row in rows}

    def doors(self, owners: Collection[str]) -> set[str]:
        """Where owners wait, hold or offer anything."""
        found = (select(t.c.door).where(t.c.owner.in_(owners)) for t in (SEATS, TICKETS, OFFERS))
        return {door for query in found for door in self._tx.scalars(query)}

    def forget(self, owners: Collection[str]) -> None:
        """Owners are gone, with all that is theirs. Their doors are locked already."""
        for door in self.doors(owners):
            self._touch(door)
        instances = self._rows(OFFERS, OFFERS.c.owner.in_(owners))
        self._tx.execute(delete(OWNERS).where(OWNERS.c.name.in_(owners)))
        for instance, door in {(row.instance, row.door) for row in instances}:
            if not self._rows(OFFERS, OFFERS.c.instance == instance):
                self._say("withdrawn", door, instance=instance)

    # ------------------------------------------------------------------ instances

    def offer(self, offer: Offer) -> None:
        self._put(OFFERS, [{**offer._asdict(), "owner": self._owner}])
        self._touch(offer.door)
        self._say("offered", offer.door, instance=offer.instance)

    def withdraw(self, door: str, instance: str) -> None:
        """It takes no more requests, whoever offers it."""
        self._tx.execute(delete(OFFERS).where(OFFERS.c.instance == instance))
        self._say("withdrawn", door, instance=instance)

    def held(self, instance: str) -> int:
        """How many of its places are held."""
        return self._count(SEATS, SEATS.c.instance == instance)

    def _say(self, topic: str, door: str, **facts: str) -> None:
        """That something happened to an instance, with how many there are now behind its door."""
        behind = select(func.count(func.distinct(OFFERS.c.instance))).where(OFFERS.c.door == door)
        count = self._tx.scalar(behind)
        self.news.append({"say": topic, "door": door, "count": count, **facts})

    # ------------------------------------------------------------------ requests

    def take(self, door: str, takes: Sequence[Take]) -> list[RateLimited | None]:
        """Let requests wait at a door; those are refused for which there is no room."""
        waiting = self._count(TICKETS, TICKETS.c.door == door)
        self._touch(door, waiting > 0)
        room = max(0, self._most - waiting)
        if takes[:room]:
            rows = [{**take._asdict(), "owner": self._owner} for take in takes[:room]]
            self._put(TICKETS, rows)
        full = [RateLimited(f"{self._most} requests wait already") for _ in takes[room:]]
        return [*(None for _ in takes[:room]), *full]

    def cancel(self, door: str, requests: Sequence[str]) -> set[str]:
        """Let requests wait no more; which of them did."""
        mine = delete(TICKETS).where(TICKETS.c.request.in_(requests))
        mine = mine.where(TICKETS.c.owner == self._owner, TICKETS.c.door == door)
        gone = set(self._tx.scalars(mine.returning(TICKETS.c.request)))
        self._touch(door, True if gone else None)
        return gone

    def give(self, seats: Mapping[str, str]) -> None:
        """Seats, with their doors, are free again. Those of others stay as they are."""
        mine = delete(SEATS).where(SEATS.c.seat.in_([*seats]), SEATS.c.owner == self._owner)
        self._tx.execute(mine)
        for door in seats.values():
            self._touch(door)

    def serve(self) -> None:
        """Grant what can be granted where something happened; say where somebody begins to wait, or
        nobody does any more."""
        for door, known in sorted(self._touched.items()):
            waits, served = self._serve(door)
            # Who waits and did not come just now has waited before.
            waited = (waits or served) if known is None else known
            if waits != waited:
                self.news.append({"say": "crowded" if waits else "quiet", "door": door})
        self._touched.clear()

    def _serve(self, door: str) -> tuple[bool, bool]:
        """Whether somebody waits still, and whether somebody was served."""
        behind = [Behind(*row) for row in self._tx.execute(_BEHIND, {"door": door})]
        free = sum(max(0, row.places - row.taken) for row in behind)
        first = select(TICKETS.c.request, TICKETS.c.owner).where(TICKETS.c.door == door)
        first = first.order_by(TICKETS.c.arrived, TICKETS.c.request).limit(free + 1)
        waiting = [Waiting(*row) for row in self._tx.execute(first)]
        if waiting and free:
            self._grant(door, behind, waiting[:free])
        return len(waiting) > free, bool(waiting and free)

    def _grant(self, door: str, behind: list[Behind], tickets: list[Waiting]) -> None:
        """Of several instances the one with the smallest share of its places taken is next."""
        shares = [
            (row.taken / row.places, row.instance, row.taken, row)
            for row in behind
            if row.taken < row.places
        ]
        heapq.heapify(shares)
        rows = []
        for request, owner in tickets:
            _, id_, taken, row = heapq.heappop(shares)
            if taken + 1 < row.places:
                heapq.heappush(shares, ((taken + 1) / row.places, id_, taken + 1, row))
            place = [secrets.token_hex(8), id_, row.endpoint]
            rows.append({**Held(place[0], door, *place[1:])._asdict(), "owner": owner})
            if owner == self._owner:
                self.granted[request] = place
            else:
                self.news.append({"to": owner, "request": request, "place": place})
        served = [request for request, _ in tickets]
        self._tx.execute(delete(TICKETS).where(TICKETS.c.request.in_(served)))
        self._tx.execute(insert(SEATS), rows)

    # ------------------------------------------------------------------ what goes on

    def loads(self) -> dict[str, list[int]]:
        """How many wait at each door, and how many places behind it are held."""
        found: dict[str, list[int]] = {}
        for at, table in enumerate((TICKETS, SEATS)):
            counts = select(table.c.door, func.count().label("many")).group_by(table.c.door)
            for row in self._tx.execute(counts):
                found.setdefault(row.door, [0, 0])[at] = row.many
        return found

    def holders(self) -> set[str]:
        """The owners that hold anything."""
        return set(self._tx.scalars(select(SEATS.c.owner).distinct()))

    def crowds(self) -> list[str]:
        """The doors at which somebody waits."""
        return sorted(self._tx.scalars(select(TICKETS.c.door).distinct()))

    def offered(self) -> dict[str, int]:
        """How many instances there are behind each door."""
        behind = func.count(func.distinct(OFFERS.c.instance)).label("behind")
        rows = self._tx.execute(select(OFFERS.c.door, behind).group_by(OFFERS.c.door))
        return {row.door: row.behind for row in rows}

    def position(self, request: str) -> tuple[str, int] | None:
        """The door of a request that waits, and its place in line."""
        mine = select(TICKETS.c.door, TICKETS.c.arrived).where(TICKETS.c.request == request)
        found = self._tx.execute(mine).first()
        if found is None:
            return None
        before = and_(TICKETS.c.door == found.door, TICKETS.c.arrived < found.arrived)
        return found.door, self._count(TICKETS, before) + 1

    def count(self, limits: Sequence[Limit], now: float) -> bool:
        """Whether one more request may come by all of these limits; it counts if so."""
        rows = []
        for limit in limits:
            name, most, seconds = limit
            key = and_(WINDOWS.c.name == name, WINDOWS.c.seconds == seconds)
            number = int(now // seconds)
            known = self._tx.execute(select(WINDOWS).where(key)).first()
            count = known.came if known is not None and known.number == number else 0
            if count >= most:
                return False
            rows.append({"name": name, "seconds": seconds, "number": number, "came": count + 1})
        self._put(WINDOWS, rows)
        return True

    def tidy(self, now: float) -> None:
        """Forget windows that ended."""
        ended = (WINDOWS.c.number + 1) * WINDOWS.c.seconds < now
        self._tx.execute(delete(WINDOWS).where(ended))

    # ------------------------------------------------------------------ rows

    def _touch(self, door: str, waited: bool | None = None) -> None:
        if self._touched.setdefault(door, waited) is None:
            self._touched[door] = waited

    def _rows(self, table: Table, where: ColumnElement[bool]) -> Sequence[Any]:
        return self._tx.execute(select(table).where(where)).all()

    def _count(self, table: Table, where: ColumnElement[bool]) -> int:
        return self._tx.scalar(select(func.count()).select_from(table).where(where)) or 0

    def _put(self, table: Table, rows: Sequence[Json]) -> None:
        """Rows, in place of those of the same keys."""
        if rows:
            self._tx.execute(_puts(table, self._tx.dialect.name), rows)


_TAKEN = select(func.count()).where(SEATS.c.instance == OFFERS.c.instance).scalar_subquery()
_BEHIND = (
    select(
        OFFERS.c.instance,
        func.max(OFFERS.c.endpoint).label("endpoint"),
        func.max(OFFERS.c.places).label("places"),
        _TAKEN.label("taken"),
    )
    .where(OFFERS.c.door == bindparam("door"))
    .group_by(OFFERS.c.instance)
    .order_by(OFFERS.c.instance)
)


@cache
def _puts(table: Table, dialect: str) -> Executable:
    made = (postgresql if dialect == "postgresql" else sqlite).insert(table)
    keys = [column.name for column in table.primary_key]
    others = {c.name: made.excluded[c.name] for c in table.columns if c.name not in keys}
    puts: Executable = made.on_conflict_do_update(index_elements=keys, set_=others)
    return puts
