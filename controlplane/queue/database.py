"""Where the queue's tables are: in the PostgreSQL of the state, or in a file beside its file."""

from __future__ import annotations

import os
import time
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text

from controlplane.queue.tables import FILE, QUEUE, VERSION
from controlplane.state.sql import is_file, url_of

# Beside the file of a state.
SUFFIX = "-queue"
# Nobody works longer than this with a lock in its hands.
BUSY_SECONDS = 5
# Clocks of hosts that differ less are right: the way to the database takes time, too.
WRONG_SECONDS = 0.1
# What is lost with the power is lost with its connections anyway.
_OPTIONS = (
    f"-c synchronous_commit=off -c lock_timeout={BUSY_SECONDS}s "
    f"-c idle_in_transaction_session_timeout={BUSY_SECONDS}s"
)
# What a file is set to, once for each connection. NORMAL never waits for the disk in a commit, and
# a crash of the machine leaves a whole file.
_PRAGMAS = ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON")


def path_of(where: str) -> str:
    """The queue's file beside the file of a state."""
    return url_of(where).removeprefix("sqlite:///") + SUFFIX


def engine_of(where: str) -> Engine:
    """An engine over the tables that belong to a state, which is there. Each transaction of SQLite
    has its lock from the beginning."""
    if not is_file(where):
        arguments = {"options": _OPTIONS, "connect_timeout": BUSY_SECONDS}
        return create_engine(url_of(where), pool_size=1, connect_args=arguments)
    os.close(os.open(path_of(where), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    arguments = {"timeout": BUSY_SECONDS}
    made = create_engine(f"sqlite:///{path_of(where)}", pool_size=1, connect_args=arguments)

    @event.listens_for(made, "connect")
    def _connected(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(made, "begin")
    def _begun(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return made


def prepare(tx: Connection) -> None:
    """Make the tables of a file that has none, or those of another program."""
    if tx.dialect.name == "postgresql":
        return
    if tx.exec_driver_sql("PRAGMA user_version").scalar() == VERSION:
        return
    for metadata in (FILE, QUEUE):
        metadata.drop_all(tx)
        metadata.create_all(tx)
    tx.exec_driver_sql(f"PRAGMA user_version={VERSION}")


def wrong(tx: Connection) -> float:
    """How many seconds the clock of this host is behind that of the database; 0 for one that is
    right."""
    if tx.dialect.name != "postgresql":
        return 0.0
    there = float(tx.scalar(text("SELECT extract(epoch FROM clock_timestamp())")) or 0.0)
    behind = there - time.time()
    return behind if abs(behind) > WRONG_SECONDS else 0.0


def offset() -> int:
    """What nanoseconds of the monotonic clock lack to be those of Unix time."""
    return min(_apart() for _ in range(5))[1]


def _apart() -> tuple[int, int]:
    """How long it took to look at both clocks, and how far apart they are."""
    before, wall = time.monotonic_ns(), time.time_ns()
    return time.monotonic_ns() - before, wall - before
