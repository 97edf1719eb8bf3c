"""The store over SQLAlchemy Core: SQLite and PostgreSQL, one set of statements.

SQLite: WAL, synchronous=FULL, and every writing transaction begins IMMEDIATE, since one that reads
before it locks fails without waiting. PostgreSQL: a writing transaction first locks the row of
`meta`. Either way transactions that write happen one after the other, in all processes.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, make_url, select
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError

from aicr.errors import AicrError, Full, InvalidRequest, Unavailable
from controlplane.failpoints import hit
from controlplane.state import audit
from controlplane.state.batch import Batch
from controlplane.state.protocol import Reader, Transaction
from controlplane.state.reader import SqlReader
from controlplane.state.schema import upgrade
from controlplane.state.tables import META
from controlplane.state.turns import Turns
from controlplane.state.writer import Failure, Work, Writer

T = TypeVar("T")
BUSY_SECONDS = 30
_POSTGRES = ("postgresql://", "postgres://")
# Since this version several connections may checkpoint a WAL at once (contract runtime, 2).
SAFE_SQLITE = (3, 51, 3)


def url_of(where: str) -> str:
    """The SQLAlchemy URL of a file or of a PostgreSQL database. Raises InvalidRequest."""
    if where.startswith(_POSTGRES):
        return _parsed("postgresql+psycopg://" + where.split("://", 1)[1])
    if "://" in where and not where.startswith("sqlite:///"):
        raise InvalidRequest(f"{shown(where)}: a file, or postgresql://… (--state)")
    return f"sqlite:///{os.path.abspath(where.removeprefix('sqlite:///'))}"


def _parsed(url: str) -> str:
    """A URL that can be read. What is wrong with it is not shown: where a character is not escaped
    a part of the password may stand anywhere."""
    try:
        host = make_url(url).host or ""
    except (ArgumentError, ValueError):
        host = "@"
    if "@" in host or url.partition("?")[0].count("@") > 1:
        form = "postgresql://USER:PASSWORD@HOST:PORT/DATABASE"
        text = f"this is no URL of a database: write {form}, with %40 for @ and %2F for / in a name"
        raise InvalidRequest(f"{text} or password (--state)")
    return url


def shown(where: str) -> str:
    """A file or URL as messages name it: without user, password and parameters."""
    if "://" not in where or where.startswith("sqlite:///"):
        return where
    return _USER.sub("://", where).partition("?")[0]


_USER = re.compile(r"://.*@", re.S)


def is_file(where: str) -> bool:
    return not where.startswith(_POSTGRES)


def warning() -> str:
    """What should be known of the SQLite that this Python has; empty when nothing."""
    if sqlite3.sqlite_version_info >= SAFE_SQLITE:
        return ""
    wanted = ".".join(map(str, SAFE_SQLITE))
    return (
        f"SQLite {sqlite3.sqlite_version} is older than {wanted}: in rare cases several workers "
        "may damage the log of one file"
    )


class SqlStore:
    """The Store protocol over a file, or a PostgreSQL database (`postgresql://…`); made when there
    is none."""

    def __init__(self, where: str) -> None:
        """Raises InvalidRequest, Unavailable, or Conflict when a newer program made it."""
        self._url = url_of(where)
        self.is_sqlite = is_file(where)
        self._reading = _engine(self._url, self.is_sqlite, "BEGIN")
        self._writing = _engine(self._url, self.is_sqlite, "BEGIN IMMEDIATE")
        self._watch: sqlite3.Connection | None = None
        self._turns = Turns(self._url.removeprefix("sqlite:///") if self.is_sqlite else "")
        self._upgrade()
        self._writer = Writer(self._commit)
        self._writer.start()

    def _upgrade(self) -> None:
        try:
            # SQLite does not wait for who else turns the log on, or makes the schema.
            with self._turns.mine(BUSY_SECONDS):
                upgrade(self._writing)
        except BaseException as e:
            self._dispose()
            if isinstance(e, DBAPIError):
                raise unavailable(e) from e
            raise

    def read(self, work: Callable[[Reader], T]) -> T:
        try:
            with self._reading.connect() as connection, connection.begin():
                return work(SqlReader(connection))
        except (DBAPIError, *_UNSTORABLE) as e:
            raise _told(e) from e

    def version(self) -> int | None:
        """A number that is another one after every commit, whoever made it, so that what was read
        since it was this one is still so. None where that cannot be said without asking far away.

        Costs microseconds and never waits: it looks at a counter that SQLite shares.
        """
        if not self.is_sqlite:
            return None
        if self._watch is None:
            path = self._url.removeprefix("sqlite:///")
            self._watch = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        found: int = self._watch.execute("PRAGMA data_version").fetchone()[0]
        return found

    def submit(self, work: Callable[[Transaction], T]) -> Future[T]:
        return self._writer.submit(work)

    def write(self, work: Callable[[Transaction], T]) -> T:
        return self.submit(work).result()

    def check(self) -> list[str]:
        found = self.read(audit.broken)
        if self.is_sqlite:
            with self._reading.connect() as connection:
                said = [row[0] for row in connection.exec_driver_sql("PRAGMA integrity_check")]
            found += [text for text in said if text != "ok"]
        return found

    def close(self) -> None:
        self._writer.end()
        if self._watch is not None:
            self._watch.close()
        self._dispose()

    def _dispose(self) -> None:
        self._turns.close()
        self._reading.dispose()
        self._writing.dispose()

    # ---- on the writer's thread

    def _commit(self, works: list[Work]) -> list[Any]:
        """All works in one database transaction. When one of them cannot be stored, each alone."""
        try:
            return self._together(works)
        except _UNSTORABLE as e:
            if len(works) == 1:
                return [Failure(_told(e))]
            return [outcome for work in works for outcome in self._commit([work])]
        except Exception as e:  # noqa: BLE001 (whatever it is, it is the callers' to see)
            return [Failure(_told(e))] * len(works)

    def _together(self, works: list[Work]) -> list[Any]:
        is_complete = False
        try:
            turn, opened = self._turns.mine(), self._writing.connect()
            with turn, opened as connection, connection.begin():
                _lock(connection)
                hit("store.begun")
                batch = Batch(connection, _now())
                outcomes = [_outcome(batch, work) for work in works]
                batch.flush()
                hit("store.before_commit")
                is_complete = True  # all that is left is the commit, at the end of this block
        except DBAPIError as e:
            if is_complete and e.connection_invalidated:
                raise _unknown(e) from e
            raise
        hit("store.after_commit")
        return outcomes


# What is wrong with one value, and not with the database.
_UNSTORABLE = (DataError, IntegrityError, UnicodeError, OverflowError)


def _outcome(batch: Batch, work: Work) -> Any:
    try:
        return batch.run(work)
    except DBAPIError:
        raise  # the database transaction is gone, and all its units with it
    except BaseException as e:  # noqa: BLE001 (the caller's to see; the writer serves others too)
        return Failure(e)


def _lock(connection: Connection) -> None:
    connection.execute(_LOCK)


_LOCK = select(META.c.id).with_for_update()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _told(error: Exception) -> Exception:
    if isinstance(error, _UNSTORABLE):
        return InvalidRequest(f"the state cannot hold such a value: {type(error).__name__}")
    return unavailable(error) if isinstance(error, DBAPIError) else error


_FULL = ("database or disk is full", "disk is full", "No space left")


def unavailable(error: DBAPIError) -> AicrError:
    """A failure of the database in our words: nothing was stored."""
    said = _said(error)
    if any(words in said for words in _FULL):
        return Full(f"the state store is full, nothing was stored: {said}")
    return Unavailable(f"the state store cannot be used, nothing was stored: {said}")


def _unknown(error: DBAPIError) -> Unavailable:
    """The connection was lost in the commit: the answer that it is stored may have been on its
    way."""
    return Unavailable(
        "the connection to the state store was lost, it is unknown whether this was stored: "
        f"{_said(error)}"
    )


def _said(error: DBAPIError) -> str:
    """What the database said, without user and password of a URL that it may cite."""
    return _USER.sub("://", str(error.orig))


# Nobody waits for ever, neither for the lock of a writer that hangs nor for one that was stopped
# with the lock in its hands: PostgreSQL ends the connection of such a one.
_PATIENCE = (
    f"-c lock_timeout={BUSY_SECONDS}s -c idle_in_transaction_session_timeout={BUSY_SECONDS}s"
)


def _needs_psycopg() -> None:
    try:
        import psycopg  # noqa: F401 (SQLAlchemy's own error does not say what to install)
    except ImportError:
        text = "postgresql:// needs psycopg: pip install 'aicr[postgres]' (--state)"
        raise InvalidRequest(text) from None


def _engine(url: str, sqlite: bool, begin: str) -> Engine:
    if not sqlite:
        _needs_psycopg()
        level = "READ COMMITTED" if "IMMEDIATE" in begin else "REPEATABLE READ"
        return create_engine(
            url,
            isolation_level=level,
            pool_pre_ping=True,
            pool_size=8,
            connect_args={"options": _PATIENCE},
        )
    made = create_engine(url, connect_args={"timeout": BUSY_SECONDS}, pool_size=8)

    @event.listens_for(made, "connect")
    def _connected(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver begins nothing by itself
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(made, "begin")
    def _begun(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return made
