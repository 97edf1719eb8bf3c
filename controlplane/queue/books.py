"""The queue's tables as one owner works with them, on one thread: what is asked together is one
transaction."""

from __future__ import annotations

import secrets
import sqlite3
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from aicr.errors import Unavailable
from controlplane.queue import news
from controlplane.queue.database import BUSY_SECONDS, engine_of, offset, path_of, prepare, wrong
from controlplane.queue.ledger import Held, Ledger, Offer, Take
from controlplane.queue.protocol import Limit
from controlplane.state import leases
from controlplane.state.sql import is_file, unavailable
from controlplane.state.turns import Turns
from controlplane.wire import Json

# An owner that says nothing for so long is dead; one that lives says so this often.
LIFE_SECONDS, BEAT_SECONDS = 10.0, 1.0


class Op(NamedTuple):
    """One thing to do, by its name in the table below."""

    do: str
    facts: Json


class Done(NamedTuple):
    """What came of each thing (an error is a value), and the places of requests of this owner."""

    outcomes: list[Any]
    granted: Mapping[str, list[str]]


class Books:
    """Everything here may wait, and raises Unavailable when the database does not do it. `most` may
    wait at a door."""

    def __init__(self, where: str, most: int) -> None:
        # Whoever is on the same host sees by the name whether the process lives.
        self.owner = f"{leases.holder()}#{secrets.token_hex(8)}"
        self._most = most
        self._engine = engine_of(where)
        self._is_file = is_file(where)
        self._turns = Turns(path_of(where) if self._is_file else "")
        self._wrong = 0.0
        self._connection: Connection | None = None

    def open(self) -> int:
        """What nanoseconds of the monotonic clock lack to be comparable with those of all hosts: so
        requests are in the order in which they came to any of them."""
        # SQLite does not wait for who else turns its log on.
        with self._told(), self._turns.mine(BUSY_SECONDS):
            self._connection = self._engine.connect()
            with self._connection.begin():
                prepare(self._connection)
                self._wrong = wrong(self._connection)
        # On one host the clock itself is comparable; it never jumps.
        return 0 if self._is_file else offset() + int(self._wrong * 1e9)

    def hello(self, held: Sequence[Held], offers: Sequence[Offer], before: str) -> list[Json]:
        """Be an owner, instead of the owner `before`; how things stand, as what is said of them."""
        with self._ledger() as (ledger, now):
            ledger.hello(now + LIFE_SECONDS, held, offers, before)
            crowds = [{"say": "crowded", "door": door} for door in ledger.crowds()]
            counts = ledger.offered().items()
            return crowds + [
                {"say": "offered", "door": d, "instance": "", "count": n} for d, n in counts
            ]

    def beat(self) -> Mapping[str, list[str]]:
        """Live on, and bury the dead; the places that requests of this owner got by that. Raises
        Unavailable for who was declared dead itself."""
        with self._ledger() as (ledger, now):
            if not ledger.beat(now + LIFE_SECONDS):
                raise Unavailable("others took this worker for dead")
            dead = [name for name, expires in ledger.owners().items() if _dead(name, expires, now)]
            ledger.tidy(now)
            news.prune(self._tx, now)
        if not dead:
            return {}
        with self._ledger() as (ledger, _):
            ledger.lock(ledger.doors(dead))
            ledger.forget(dead)
            ledger.serve()
        return ledger.granted

    def work(self, ops: Sequence[Op]) -> Done:
        """All of it in one transaction."""
        outcomes: list[Any] = [None] * len(ops)
        by_name: defaultdict[str, list[int]] = defaultdict(list)
        for at, op in enumerate(ops):
            by_name[op.do].append(at)
        with self._ledger() as (ledger, now):
            ledger.lock(_doors(ops), _limits(ops))
            for name, do in _DO.items():
                found = by_name.get(name, [])
                if found or name == _SERVE:
                    said = do(ledger, [ops[at].facts for at in found], now)
                    for at, outcome in zip(found, said, strict=True):
                        outcomes[at] = outcome
        return Done(outcomes, ledger.granted)

    def bye(self) -> None:
        """Give up everything."""
        with self._ledger() as (ledger, _):
            ledger.lock(ledger.doors([self.owner]))
            ledger.forget([self.owner])
            ledger.serve()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._engine.dispose()
        self._turns.close()

    @property
    def _tx(self) -> Connection:
        if self._connection is None:
            raise Unavailable("the queue is not open")
        return self._connection

    @contextmanager
    def _ledger(self) -> Iterator[tuple[Ledger, float]]:
        """A transaction, with the time."""
        with self._told(), self._turns.mine(), self._tx.begin():
            now = time.time() + self._wrong
            ledger = Ledger(self._tx, self.owner, self._most)
            yield ledger, now
            news.publish(self._tx, ledger.news, now)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as e:
            raise Unavailable(unavailable(e).message) from e
        except sqlite3.Error as e:  # while it is opened
            raise Unavailable(str(e)) from e


def _dead(name: str, expires: float, now: float) -> bool:
    return expires <= now or leases.is_dead(name.rpartition("#")[0])


def _doors(ops: Sequence[Op]) -> Iterator[str]:
    for _, facts in ops:
        if "door" in facts:
            yield facts["door"]
        yield from facts.get("seats", {}).values()


def _limits(ops: Sequence[Op]) -> Iterator[Limit]:
    for _, facts in ops:
        yield from facts.get("limits", ())


Facts = list[Json]


def _offer(ledger: Ledger, found: Facts, _: float) -> list[None]:
    for facts in found:
        ledger.offer(Offer(**facts))
    return [None] * len(found)


def _withdraw(ledger: Ledger, found: Facts, _: float) -> list[None]:
    for facts in found:
        ledger.withdraw(**facts)
    return [None] * len(found)


def _take(ledger: Ledger, found: Facts, _: float) -> list[Any]:
    at: defaultdict[str, list[int]] = defaultdict(list)
    for number, facts in enumerate(found):
        at[facts["door"]].append(number)
    outcomes: list[Any] = [None] * len(found)
    for door, numbers in at.items():
        said = ledger.take(door, [Take(**found[n]) for n in numbers])
        for number, outcome in zip(numbers, said, strict=True):
            outcomes[number] = outcome
    return outcomes


def _cancel(ledger: Ledger, found: Facts, _: float) -> list[bool]:
    """Whether each did wait."""
    at: defaultdict[str, list[str]] = defaultdict(list)
    for facts in found:
        at[facts["door"]].append(facts["request"])
    gone = {r for door, requests in at.items() for r in ledger.cancel(door, requests)}
    return [facts["request"] in gone for facts in found]


def _give(ledger: Ledger, found: Facts, _: float) -> list[None]:
    ledger.give({seat: door for facts in found for seat, door in facts["seats"].items()})
    return [None] * len(found)


def _serve(ledger: Ledger, _found: Facts, _now: float) -> list[None]:
    ledger.serve()
    return []


def _say(ledger: Ledger, found: Facts, _: float) -> list[None]:
    ledger.news += found
    return [None] * len(found)


def _count(ledger: Ledger, found: Facts, now: float) -> list[bool]:
    return [ledger.count(facts["limits"], now) for facts in found]


def _loads(ledger: Ledger, found: Facts, _: float) -> list[Any]:
    return [(ledger.loads(), ledger.holders())] * len(found)


def _position(ledger: Ledger, found: Facts, _: float) -> list[Any]:
    return [ledger.position(facts["request"]) for facts in found]


def _held(ledger: Ledger, found: Facts, _: float) -> list[int]:
    return [ledger.held(facts["instance"]) for facts in found]


# In this order: who comes and goes at once does not stay, and who asks sees what was done.
_SERVE = "serve"
_DO: Mapping[str, Callable[[Ledger, Facts, float], Sequence[Any]]] = {
    "withdraw": _withdraw,
    "offer": _offer,
    "take": _take,
    "cancel": _cancel,
    "give": _give,
    _SERVE: _serve,
    "say": _say,
    "count": _count,
    "loads": _loads,
    "position": _position,
    "held": _held,
}
