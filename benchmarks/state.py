"""Durable acknowledged writes of the engine, as ratios to raw drivers that do the same rows.

    python benchmarks/state.py [seconds of each measurement]

Every client waits for its write before it makes the next. SQLite (WAL, synchronous=FULL): 32
threads, against a sqlite3 writer thread that commits for everybody who waits. PostgreSQL (of the pgserver
wheel, as it comes): 32 threads against psycopg on 8 connections, a transaction for each write, which
nothing puts in order. The bounds of issue 5: 0.15 and 0.25.
"""

from __future__ import annotations

import os
import queue
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any
from uuid import uuid4

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from controlplane.engine import Engine
from controlplane.state.protocol import Actor
from controlplane.state.sql import SqlStore
from controlplane.vault import Vault, new_key
from tests.controlplane.some_kinds import KINDS
from tests.stores import postgres_server

CLIENTS, CONNECTIONS = 32, 8
BOUNDS = {"SQLite": 0.15, "PostgreSQL": 0.25}
RESOURCE = "INSERT INTO resources VALUES (?, 'test.things', ?, '{\"size\":1}', NULL, '{}', FALSE, ?, 'then', 'then')"
EVENT = "INSERT INTO events VALUES (?, 'created', ?, 'then', '{\"serial\":1}')"
AUDIT = (
    "INSERT INTO audit VALUES (?, 'then', 'me', '', 'created', ?, '{\"spec\":{\"size\":1}}', ?, ?)"
)
META = "UPDATE meta SET serial = serial + 1, revision = revision + 2, audit_count = audit_count + 1"


def rate(clients: int, seconds: float, client: Callable[[str], Callable[[], None]]) -> float:
    """Writes a second of so many clients, each a function that makes one durable write."""
    counts, ready = [0] * clients, threading.Barrier(clients + 1)
    end = [0.0]

    def run(number: int) -> None:
        write = client(uuid4().hex)
        write()
        ready.wait()
        while time.perf_counter() < end[0]:
            write()
            counts[number] += 1

    threads = [threading.Thread(target=run, args=(n,)) for n in range(clients)]
    for thread in threads:
        thread.start()
    end[0] = time.perf_counter() + seconds + 60
    ready.wait()
    started = time.perf_counter()
    end[0] = started + seconds
    for thread in threads:
        thread.join()
    return sum(counts) / (time.perf_counter() - started)


def engine_writes(where: str, seconds: float) -> float:
    store = SqlStore(where)
    engine = Engine(store, KINDS, Vault((new_key(),)))

    def client(name: str) -> Callable[[], None]:
        numbers = iter(range(10**9))

        def write() -> None:
            address = f"test.things.{name}-{next(numbers)}"
            engine.change_now(Actor("me"), lambda c: c.create(address, {"size": 1}))

        return write

    found = rate(CLIENTS, seconds, client)
    if problems := store.check():
        sys.exit(f"the store is damaged: {problems}")
    store.close()
    return found


def rows(number: int, address: str) -> list[tuple[str, tuple[Any, ...]]]:
    digest = f"{number:064}"
    return [
        (RESOURCE, (address, digest[:36], number * 2)),
        (EVENT, (number * 2 + 1, address)),
        (AUDIT, (number, address, digest, digest)),
        (META, ()),
    ]


def raw_sqlite(where: str, seconds: float) -> float:
    """The same rows by a writer thread with group commit, and nothing else."""
    SqlStore(where).close()
    waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def writer() -> None:
        connection = sqlite3.connect(where, isolation_level=None)
        connection.execute("PRAGMA synchronous=FULL")
        number = 0
        while (taken := waiting.get()) is not None:
            batch = [taken]
            while not waiting.empty() and len(batch) < 256:
                batch.append(waiting.get())
            connection.execute("BEGIN IMMEDIATE")
            for address, _ in batch:
                number += 1
                for statement, values in rows(number, address):
                    connection.execute(statement, values)
            connection.execute("COMMIT")
            for _, future in batch:
                future.set_result(None)
        connection.close()

    def client(name: str) -> Callable[[], None]:
        numbers = iter(range(10**9))

        def write() -> None:
            future: Future[None] = Future()
            waiting.put((f"test.things.{name}-{next(numbers)}", future))
            future.result()

        return write

    thread = threading.Thread(target=writer)
    thread.start()
    found = rate(CLIENTS, seconds, client)
    waiting.put(None)
    thread.join()
    return found


def raw_postgres(where: str, seconds: float) -> float:
    """The same rows but that of meta, which would put them in order: a transaction for each."""
    import psycopg

    SqlStore(where).close()
    numbers = iter(range(1, 10**9))

    def client(name: str) -> Callable[[], None]:
        connection = psycopg.connect(where)

        def write() -> None:
            number = next(numbers)
            with connection.transaction():
                for statement, values in rows(number, f"test.things.{name}-{number}")[:-1]:
                    connection.execute(statement.replace("?", "%s"), values)

        return write

    return rate(CONNECTIONS, seconds, client)


def report(name: str, ours: float, raw: float) -> bool:
    ratio = ours / raw
    print(
        f"{name}: engine {ours:,.0f}/s, raw {raw:,.0f}/s, ratio {ratio:.2f} (bound {BOUNDS[name]})"
    )
    return ratio >= BOUNDS[name]


def main() -> int:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 5.0
    with tempfile.TemporaryDirectory() as directory:
        ours = engine_writes(os.path.join(directory, "ours.db"), seconds)
        raw = raw_sqlite(os.path.join(directory, "raw.db"), seconds)
        good = report("SQLite", ours, raw)
    with postgres_server(fsync=True) as server:
        ours = engine_writes(server.database(), seconds)
        raw = raw_postgres(server.database(), seconds)
        good &= report("PostgreSQL", ours, raw)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
