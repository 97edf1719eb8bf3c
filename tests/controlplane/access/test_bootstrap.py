"""The first start makes an account, a client and secrets; later ones change nothing."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from aicr.errors import Conflict
from controlplane.access import bootstrap
from tests.controlplane.installation import TESTER, Clock, Worker

ACCOUNT, CLIENT = "access.accounts.nvcf-default", "access.clients.ncp"


def test_what_is_there_after_the_first_start(worker: Worker) -> None:
    account = worker.read(lambda r: r.get(ACCOUNT))
    client = worker.read(lambda r: r.get(CLIENT))
    assert account.spec == {}
    assert client.spec == {"account": "nvcf-default", "description": "Administration"}
    assert account.protected
    assert client.protected


def test_a_second_start_writes_nothing(worker: Worker) -> None:
    before = worker.counts()
    assert bootstrap.prepare(worker.engine) == worker.roots
    assert worker.counts() == before


def test_every_worker_has_the_same_secrets(workers: Callable[[], Worker]) -> None:
    assert workers().roots == workers().roots


def test_workers_that_start_together_agree(tmp_path: Path, clock: Clock) -> None:
    """The first start of two at once: one makes, the other takes what was made."""
    with ThreadPoolExecutor(2) as pool:
        made = list(pool.map(lambda _: Worker(tmp_path, clock), range(2)))
    assert made[0].roots == made[1].roots
    assert made[0].counts() == made[1].counts()
    for worker in made:
        assert worker.engine.store.check() == []
        worker.engine.store.close()


@pytest.mark.parametrize("address", [ACCOUNT, CLIENT])
def test_what_is_protected_is_not_deleted_by_the_way(worker: Worker, address: str) -> None:
    with pytest.raises(Conflict, match="is protected"):
        worker.change(lambda c: c.delete(c.tx.get(address)))


def test_what_was_deleted_on_purpose_stays_deleted(worker: Worker) -> None:
    """A plan that managed the client and deleted it leaves its mark, and no start undoes that."""

    def gone(changes: Any) -> None:
        known = changes.tx.get(CLIENT)
        changes.delete(known._replace(protected=False, applied=known.spec))

    worker.change(gone)
    bootstrap.prepare(worker.engine)
    assert worker.read(lambda r: r.get(CLIENT)) is None


@pytest.mark.parametrize("address", [CLIENT, ACCOUNT])
def test_what_was_removed_stays_away(worker: Worker, address: str) -> None:
    """Also when nothing is left of it, as after `aicr client remove`."""

    def gone(changes: Any) -> None:
        known = changes.tx.get(address)
        changes.delete(known._replace(protected=False))

    worker.change(gone)
    assert bootstrap.prepare(worker.engine) == worker.roots
    assert worker.read(lambda r: r.get(address, deleted=True)) is None


def test_the_audit_says_who(worker: Worker) -> None:
    first = worker.read(lambda r: r.audit(0, 10))
    assert {entry.actor for entry in first} == {bootstrap.ACTOR.name}
    assert TESTER.name != bootstrap.ACTOR.name
