"""Real databases for tests: a SQLite file, or a database of a PostgreSQL that the wheel brings."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from uuid import uuid4

SQLITE, POSTGRESQL = "sqlite", "postgresql"


class Postgres:
    """A server of this test process; every caller gets a database of its own."""

    def __init__(self, uri: str) -> None:
        self._uri = uri

    def database(self) -> str:
        """The URL of a new database."""
        name = f"t{uuid4().hex}"
        self.run(f"CREATE DATABASE {name}")
        return self._uri.replace("/postgres?", f"/{name}?")

    def run(self, statement: str) -> None:
        import psycopg

        with psycopg.connect(self._uri, autocommit=True) as connection:
            connection.execute(statement)


@contextmanager
def postgres_server(*, fsync: bool = False) -> Iterator[Postgres]:
    """A server that is gone afterwards, with its files. It also starts for root, as in containers:
    the wheel then changes to a user of its own, which must be able to reach the directory."""
    place = tempfile.mkdtemp(prefix="aicr-pg-")
    before = os.environ.get("XDG_RUNTIME_DIR")
    try:
        os.environ["XDG_RUNTIME_DIR"] = os.path.join(place, "run")
        os.mkdir(os.environ["XDG_RUNTIME_DIR"], 0o700)
        import pgserver  # looks for its directory of locks when it is imported

        server = pgserver.get_server(os.path.join(place, "data"), cleanup_mode="delete")
        try:
            if not fsync:
                _make_it_cheap(server.get_uri())
            yield Postgres(server.get_uri())
        finally:
            _end(server.get_pid())
            server.cleanup()
    finally:
        os.environ.pop("XDG_RUNTIME_DIR")
        if before is not None:
            os.environ["XDG_RUNTIME_DIR"] = before
        shutil.rmtree(place, ignore_errors=True)


def _end(pid: int) -> None:
    """At once: what it would still write is thrown away anyway."""
    import psutil

    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        process.send_signal(signal.SIGQUIT)
        process.wait(30)


def _make_it_cheap(uri: str) -> None:
    """Nobody pulls the plug of a test machine: processes die here, the kernel does not."""
    import psycopg

    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET fsync = off")
        connection.execute("SELECT pg_reload_conf()")


def raw(where: str, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    """What a statement gives, past everything of ours. `?` stands for a value."""
    if where.startswith("postgresql://"):
        import psycopg

        with psycopg.connect(where, autocommit=True) as connection:
            cursor = connection.execute(statement.replace("?", "%s"), values)
            return cursor.fetchall() if cursor.description else []
    connection = sqlite3.connect(where, isolation_level=None)
    try:
        return connection.execute(statement, values).fetchall()
    finally:
        connection.close()


def dump(where: str) -> dict[str, list[tuple[Any, ...]]]:
    """Everything that a state holds, by table."""
    from controlplane.state.tables import METADATA

    return {t: sorted(raw(where, f"SELECT * FROM {t}"), key=repr) for t in METADATA.tables}
