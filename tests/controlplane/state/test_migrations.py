"""The schema: made once, by one process, as the tables say, and never by an older program."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from aicr.errors import Conflict
from controlplane.queue.tables import QUEUE
from controlplane.state import schema
from controlplane.state.sql import SqlStore, url_of
from controlplane.state.tables import METADATA
from tests.conftest import ROOT
from tests.stores import raw

OPEN = "import sys; from controlplane.state.sql import SqlStore; s = SqlStore(sys.argv[1]); print(s.read(lambda r: r.meta()).lineage); s.close()"


def opened(where: str, **env: str) -> subprocess.Popen[str]:
    """Another process that opens a state and says its lineage."""
    return subprocess.Popen(
        [sys.executable, "-c", OPEN, where],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), **env},
    )


def version(where: str) -> str:
    return str(raw(where, "SELECT version_num FROM alembic_version")[0][0])


def test_migrations_make_the_tables_that_the_statements_know(where: str) -> None:
    SqlStore(where).close()
    engine = create_engine(url_of(where))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        queue = [QUEUE] if connection.dialect.name == "postgresql" else []
        assert compare_metadata(context, [METADATA, *queue]) == []
    engine.dispose()


def test_the_comparison_can_fail(where: str) -> None:
    SqlStore(where).close()
    raw(where, "ALTER TABLE audit ADD COLUMN more TEXT")
    engine = create_engine(url_of(where))
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) != []
    engine.dispose()


def test_text_sorts_by_code_point_in_postgresql(postgres: Any) -> None:
    where = postgres.database()
    SqlStore(where).close()
    found = raw(
        where,
        "SELECT DISTINCT collname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid "
        "JOIN pg_collation o ON o.oid = a.attcollation "
        "WHERE c.relname = ANY(?) AND a.attnum > 0 AND a.atttypid = 'text'::regtype",
        [*METADATA.tables, *QUEUE.tables],
    )
    assert found == [("C",)]


def test_opening_again_changes_nothing(where: str) -> None:
    lineages = []
    for _ in range(2):
        store = SqlStore(where)
        lineages.append(store.read(lambda r: r.meta()))
        store.close()
    assert lineages[0] == lineages[1]
    assert version(where) == schema.HEAD


def test_a_newer_schema_is_refused_and_untouched(where: str) -> None:
    SqlStore(where).close()
    raw(where, "UPDATE alembic_version SET version_num = '9999'")
    raw(where, "DROP TABLE remembered")
    with pytest.raises(Conflict, match=r"newer aicr.*9999.*upgrade aicr"):
        SqlStore(where)
    assert version(where) == "9999"
    with pytest.raises(Exception, match="remembered"):
        raw(where, "SELECT * FROM remembered")


def test_processes_at_once_make_one_state(where: str) -> None:
    processes = [opened(where) for _ in range(4)]
    said = [p.communicate(timeout=60) for p in processes]
    assert [p.returncode for p in processes] == [0, 0, 0, 0], said
    assert len({out for out, _ in said}) == 1


@pytest.mark.parametrize("point", ["migrate.before", "migrate.after", "store.begun"])
def test_a_migration_that_is_killed_leaves_nothing_or_all(where: str, point: str) -> None:
    process = opened(where, AICR_FAILPOINTS=f"{point}=kill")
    process.communicate(timeout=60)
    killed = point.startswith("migrate")
    assert process.returncode == (-signal.SIGKILL if killed else 0)
    store = SqlStore(where)
    assert store.check() == []
    assert store.read(lambda r: r.meta())[1:] == (0, 0, 0, "", "", 0, "")
    store.close()


def test_numbers_have_no_gap_and_end_at_head() -> None:
    place = files("controlplane.state.migrations.versions")
    names = sorted(Path(str(f)).name[:4] for f in place.iterdir() if f.name[:4].isdigit())
    assert names == [f"{n:04}" for n in range(1, len(names) + 1)]
    assert names[-1] == schema.HEAD
