"""What owners say to each other: NOTIFY of PostgreSQL, or a table of the file that all look at."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from sqlalchemy import Connection, insert, text

from controlplane.queue.database import path_of
from controlplane.queue.tables import NEWS
from controlplane.state.sql import is_file, url_of
from controlplane.wire import Json, encode

CHANNEL = "aicr_queue"
# The database takes less than 8000 bytes at a time.
_MOST_BYTES = 7000
# Between looks at a file: at its counter of changes, which costs microseconds.
LOOK_SECONDS = 0.003
KEPT_SECONDS = 60.0
_NOTIFY = text(f"SELECT pg_notify('{CHANNEL}', :message)")


def publish(tx: Connection, messages: Sequence[Json], now: float) -> None:
    """Say something to all owners, when this transaction is committed."""
    lines = [encode(message).decode().rstrip() for message in messages]
    if not lines:
        return
    if tx.dialect.name == "postgresql":
        for part in _parts(lines):
            tx.execute(_NOTIFY, {"message": part})
    else:
        tx.execute(insert(NEWS), [{"at": now, "message": line} for line in lines])


def _parts(lines: Sequence[str]) -> Iterator[str]:
    part: list[str] = []
    size = 0
    for line in lines:
        if part and size + len(line) > _MOST_BYTES:
            yield "\n".join(part)
            part, size = [], 0
        part.append(line)
        size += len(line) + 1
    if part:
        yield "\n".join(part)


def prune(tx: Connection, now: float) -> None:
    """Forget what everybody has heard."""
    if tx.dialect.name != "postgresql":
        tx.execute(NEWS.delete().where(NEWS.c.at < now - KEPT_SECONDS))


class Ear(Protocol):
    """Hears what is said from `open` on."""

    def open(self) -> None:
        """On any thread; it may wait. Raises OSError."""

    def follow(self, heard: Callable[[Json], None], lost: Callable[[], None]) -> None:
        """On the loop, on which everything else happens then."""

    def close(self) -> None: ...


def ear_of(where: str) -> Ear:
    return FileEar(path_of(where)) if is_file(where) else PostgresEar(url_of(where))


class PostgresEar:
    def __init__(self, url: str) -> None:
        self._url = url.replace("postgresql+psycopg://", "postgresql://")
        self._connection: Any = None
        self._socket = -1

    def open(self) -> None:
        import psycopg

        try:
            self._connection = psycopg.connect(self._url, autocommit=True, connect_timeout=5)
            self._connection.execute(f"LISTEN {CHANNEL}")
        except psycopg.Error as e:
            raise OSError(str(e)) from e

    def follow(self, heard: Callable[[Json], None], lost: Callable[[], None]) -> None:
        import psycopg

        server = self._connection.pgconn

        def read() -> None:
            try:
                server.consume_input()
                while (news := server.notifies()) is not None:
                    for line in news.extra.decode().split("\n"):
                        heard(json.loads(line))
            except psycopg.Error:
                self.close()
                lost()

        self._socket = server.socket
        asyncio.get_running_loop().add_reader(self._socket, read)
        read()

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            if self._socket >= 0:
                asyncio.get_running_loop().remove_reader(self._socket)
            connection.close()


class FileEar:
    def __init__(self, path: str) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._last, self._version = 0, -1

    def open(self) -> None:
        try:
            self._connection = sqlite3.connect(
                self._path, isolation_level=None, check_same_thread=False
            )
            found = self._connection.execute("SELECT max(id) FROM queue_news").fetchone()
        except sqlite3.Error as e:
            raise OSError(str(e)) from e
        self._last = found[0] or 0

    def follow(self, heard: Callable[[Json], None], lost: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()

        def look() -> None:
            self._timer = loop.call_later(LOOK_SECONDS, look)
            try:
                messages = self._read()
            except sqlite3.Error:
                self.close()
                lost()
                return
            for message in messages:
                heard(message)

        look()

    def _read(self) -> list[Json]:
        assert self._connection is not None  # noqa: S101 (it is open)
        version = self._connection.execute("PRAGMA data_version").fetchone()[0]
        if version == self._version:
            return []
        self._version = version
        query = "SELECT id, message FROM queue_news WHERE id > ? ORDER BY id"
        rows = self._connection.execute(query, (self._last,)).fetchall()
        if rows:
            self._last = rows[-1][0]
        return [json.loads(message) for _, message in rows]

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._connection is not None:
            self._connection.close()
            self._connection = None
