"""Answers are kept while nothing is committed, by this process or another one."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
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


def in_turns(*steps: Callable[[], Any]) -> None:
    """Each step as a request that comes after the one before: in a task of its own."""

    async def run() -> None:
        for step in steps:
            await asyncio.create_task(_as_request(step))

    asyncio.run(run())


async def _as_request(step: Callable[[], Any]) -> None:
    step()


def expect(known: Unchanged, answer: bytes | None) -> Callable[[], None]:
    def step() -> None:
        assert known.get("a") == answer

    return step


def test_any_commit_ends_what_was_known(store: SqlStore, tmp_path: Path) -> None:
    known = Unchanged(store)

    def from_elsewhere() -> None:
        other = sqlite3.connect(tmp_path / "state.db")
        with other:
            other.execute("UPDATE meta SET serial = serial + 1")
        other.close()

    in_turns(
        expect(known, None),
        lambda: known.put("a", b"1", known.version),
        expect(known, b"1"),
        lambda: store.write(lambda tx: tx.advance()),
        expect(known, None),
        lambda: known.put("a", b"2", known.version),
        expect(known, b"2"),
        from_elsewhere,
        expect(known, None),
    )


def test_what_was_read_before_a_commit_is_not_kept(store: SqlStore) -> None:
    known = Unchanged(store)
    versions: list[int | None] = []
    in_turns(
        expect(known, None),
        lambda: versions.append(known.version),
        lambda: store.write(lambda tx: tx.advance()),
        lambda: known.get("b"),
        lambda: known.put("a", b"old", *versions),
        expect(known, None),
    )


class Versions:
    """A store that says one version after another."""

    def __init__(self) -> None:
        self.count = 0

    def version(self) -> int:
        self.count += 1
        return self.count


def test_requests_of_one_turn_are_one_look() -> None:
    store: Any = Versions()
    known = Unchanged(store)

    async def run() -> list[int]:
        counts = []
        for _ in range(3):
            await asyncio.gather(*(_as_request(lambda: known.get("a")) for _ in range(5)))
            counts.append(store.count)
        return counts

    assert asyncio.run(run()) == [1, 2, 3]


def test_a_request_that_comes_after_a_look_begins_after_the_next() -> None:
    """It is made a task in the very turn of that look, as early as can be."""
    store: Any = Versions()
    known = Unchanged(store)
    seen = []

    async def late() -> None:
        known.get("a")
        seen.append(store.count)

    async def early() -> asyncio.Task[None]:
        known.get("a")
        seen.append(store.count)
        return asyncio.create_task(late())

    async def run() -> None:
        await (await early())

    asyncio.run(run())
    assert seen == [1, 2]


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
