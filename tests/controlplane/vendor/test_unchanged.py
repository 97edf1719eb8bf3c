"""Answers are kept while nothing is committed, by this process or another one."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from controlplane.state.sql import SqlStore
from controlplane.vendor.unchanged import Unchanged
from tests.controlplane.services.nvcf.conftest import Nvcf, at


@pytest.fixture
def store(tmp_path: Path) -> Any:
    made = SqlStore(str(tmp_path / "state.db"))
    yield made
    made.close()


def test_any_commit_ends_what_was_known(store: SqlStore, tmp_path: Path) -> None:
    known = Unchanged(store)
    assert known.get("a") is None
    known.put("a", b"1", known.version)
    assert known.get("a") == b"1"
    store.write(lambda tx: tx.advance())
    assert known.get("a") is None
    known.put("a", b"2", known.version)
    other = sqlite3.connect(tmp_path / "state.db")
    with other:
        other.execute("UPDATE meta SET serial = serial + 1")
    other.close()
    assert known.get("a") is None


def test_what_was_read_before_a_commit_is_not_kept(store: SqlStore) -> None:
    known = Unchanged(store)
    known.get("a")
    version = known.version
    store.write(lambda tx: tx.advance())
    known.get("b")
    known.put("a", b"old", version)
    assert known.get("a") is None


def test_answers_are_those_of_the_moment_and_of_the_caller(nvcf: Nvcf) -> None:
    f = nvcf.create(secrets=[{"name": "A", "value": "v"}])
    short = nvcf.token("list_functions")
    for tags in (["a"], ["b"]):
        nvcf.good("PUT", at(f), {"tags": tags})
        for _ in range(2):
            assert nvcf.get(f)["tags"] == tags
            assert nvcf.get(f)["secrets"] == ["A"]
            assert "secrets" not in nvcf.get(f, bearer=short)
            assert "secrets" not in nvcf.get(f, query_string="includeSecrets=false")
    nvcf.good("DELETE", at(f))
    assert nvcf.ask("GET", at(f)).status_code == 404
