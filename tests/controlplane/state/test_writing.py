"""When writing fails: nothing partial, in our words, and all is well when the reason is gone."""

from __future__ import annotations

import multiprocessing
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from aicr.errors import Full, Unavailable
from controlplane.state.protocol import Transaction
from controlplane.state.sql import SqlStore
from tests.controlplane.state.conftest import thing
from tests.stores import dump


def limit(store: SqlStore, pages: int) -> None:
    """No file of this store may have more pages from now on."""
    with store._writing.connect() as connection:
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")


def fill(tx: Transaction) -> None:
    for n in range(400):
        tx.put(thing(f"test.things.t{n}", spec={"text": "x" * 500}), ())
    tx.advance()


@pytest.fixture
def sqlite(tmp_path: Path) -> Any:
    store = SqlStore(str(tmp_path / "state.db"))
    yield store
    store.close()


def test_a_full_disk_is_said_and_leaves_nothing(sqlite: SqlStore, tmp_path: Path) -> None:
    sqlite.write(lambda tx: tx.put(thing(), ()))
    before = dump(str(tmp_path / "state.db"))
    limit(sqlite, 1)
    for _ in range(3):
        with pytest.raises(Full, match="nothing was stored") as e:
            sqlite.write(fill)
        assert e.value.http_status == 507
    assert dump(str(tmp_path / "state.db")) == before
    limit(sqlite, 1_000_000)
    sqlite.write(fill)
    assert sqlite.read(lambda r: (len(r.resources()), r.meta().serial)) == (401, 1)
    assert sqlite.check() == []


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ("disk I/O error", Unavailable),
        ("database is locked", Unavailable),
        ("database or disk is full", Full),
        ('could not extend file "x": No space left on device', Full),
    ],
)
@pytest.mark.parametrize("statement", ["INSERT", "DELETE", "UPDATE meta", "SELECT meta", "COMMIT"])
def test_whatever_a_database_says_nothing_is_stored(
    where: str, said: str, error: type[Exception], statement: str
) -> None:
    store = SqlStore(where)
    store.write(lambda tx: tx.put(thing(), ()))
    before, broken = dump(where), [True]

    def fail(*_: Any) -> None:
        if broken[0]:
            raise OperationalError("", {}, sqlite3.OperationalError(said))

    def failing(_c: Any, _u: Any, sql: str, *_: Any) -> None:
        if sql.startswith(statement):
            fail()

    if statement == "COMMIT":
        event.listen(store._writing, "commit", fail)
    else:
        event.listen(store._writing, "before_cursor_execute", failing)
    for _ in range(2):
        with pytest.raises(error) as e:
            store.write(fill)
        assert said in str(e.value)
    assert dump(where) == before
    broken[0] = False
    store.write(fill)
    assert store.read(lambda r: len(r.resources())) == 401
    assert store.check() == []
    store.close()


def _writes(where: str, name: str, count: int) -> None:
    store = SqlStore(where)

    def work(tx: Transaction) -> None:
        known = tx.get("test.things.sum")
        total = 0 if known is None else known.spec["size"]
        tx.put(thing("test.things.sum", spec={"size": total + 1}), ())
        tx.put(thing(f"test.things.{name}-{tx.advance()}"), ())
        tx.event("e", "", {})
        from controlplane.state.protocol import Actor

        tx.record(Actor(name), "did", "", {})

    futures = [store.submit(work) for _ in range(count)]
    for future in futures:
        future.result()
    store.close()


def test_several_processes_write_one_state(where: str) -> None:
    """4 processes × 60 transactions that read before they write: none is lost, none torn."""
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=_writes, args=(where, f"p{n}", 60)) for n in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [p.exitcode for p in processes] == [0] * 4
    store = SqlStore(where)
    meta = store.read(lambda r: r.meta())
    assert (meta.serial, meta.revision, meta.audit_count) == (240, 720, 240)
    assert store.read(lambda r: r.get("test.things.sum")).spec == {"size": 240}
    assert len({e.revision for e in store.read(lambda r: r.events(0, 999))}) == 240
    assert len(store.read(lambda r: r.resources())) == 241
    assert store.check() == []
    store.close()
