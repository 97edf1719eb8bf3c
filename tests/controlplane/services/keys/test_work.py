"""Changes of keys inside one transaction."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from controlplane.access import keys as stored
from controlplane.access.registry import FUNCTIONS
from controlplane.http.problems import Refused
from controlplane.loop import Loop
from controlplane.services.keys import requests, work
from controlplane.services.keys.requests import Once
from controlplane.vault import Vault, new_key, rotate
from tests.controlplane.installation import NOON, Worker, request

WHO = ("anna", FUNCTIONS)


def create(worker: Worker, **fields: Any) -> dict[str, Any]:
    draft = requests.draft(request(worker.clock, **fields), FUNCTIONS, worker.clock.now)
    mint = worker.credentials.mint
    made: dict[str, Any] = worker.change(lambda c: work.create(c, draft, FUNCTIONS, "anna", mint))
    return made


def test_a_transaction_sees_its_own_keys(worker: Worker) -> None:
    """Eight in one transaction, and none of them when the ninth is refused."""
    draft = requests.draft(request(worker.clock), FUNCTIONS, NOON)

    def many(count: int) -> Any:
        return lambda c: [
            work.create(c, draft, FUNCTIONS, "anna", worker.credentials.mint) for _ in range(count)
        ]

    with pytest.raises(Refused, match="at most 8 keys"):
        worker.change(many(9))
    assert worker.read(lambda r: stored.all_owned(r, "anna")) == []
    assert worker.read(lambda r: stored.user(r, "anna")) is None
    worker.change(many(8))
    assert len(worker.read(lambda r: stored.all_owned(r, "anna"))) == 8


@pytest.mark.parametrize(("millis", "refused"), [(0, True), (2999, True), (3000, False)])
def test_three_seconds(worker: Worker, millis: int, refused: bool) -> None:
    key_id = create(worker)["id"]
    now = NOON + timedelta(milliseconds=millis)

    def change(c: Any) -> Any:
        return work.authorize(c, work.owned(c.tx, *WHO, key_id), {"a": 1}, FUNCTIONS, now)

    if refused:
        with pytest.raises(Refused, match=r"Slow down\."):
            worker.change(change)
    else:
        assert worker.change(change).spec["authorizations"] == {"a": 1}


STATES = ("ACTIVE", "SUSPENDED", "EXPIRED")


@pytest.mark.parametrize("before", STATES)
@pytest.mark.parametrize("wanted", ["ACTIVE", "SUSPENDED"])
def test_transitions(worker: Worker, before: str, wanted: str) -> None:
    key_id = create(worker)["id"]
    now = NOON + timedelta(days=2 if before == "EXPIRED" else 0)
    if before == "SUSPENDED":
        worker.change(lambda c: work.set_status(c, work.owned(c.tx, *WHO, key_id), before, now))

    def change(c: Any) -> Any:
        return work.set_status(c, work.owned(c.tx, *WHO, key_id), wanted, now)

    if (before, wanted) in work.TRANSITIONS:
        assert worker.change(change).state(now) == wanted
    else:
        with pytest.raises(Refused, match="Invalid status transition"):
            worker.change(change)


def test_the_sweep_leaves_what_manifests_manage(worker: Worker) -> None:
    kept, gone = create(worker)["id"], create(worker)["id"]

    def adopt(c: Any) -> None:
        key = work.owned(c.tx, *WHO, kept).resource
        c.put(key._replace(applied=key.spec), "updated")

    worker.change(adopt)
    worker.clock.sleep(3 * 86_400)
    create(worker)
    assert worker.read(lambda r: stored.with_id(r, kept)) is not None
    assert worker.read(lambda r: stored.with_id(r, gone)) is None


def test_what_was_swept_takes_no_place(worker: Worker) -> None:
    """Also when it was suspended, which is what is said of it first."""
    for _ in range(8):
        create(worker)
    worker.change(lambda c: work.suspend_all(c, *WHO, NOON))
    worker.clock.sleep(3 * 86_400)
    assert create(worker)["status"] == "ACTIVE"
    assert len(worker.read(lambda r: stored.all_owned(r, "anna"))) == 1


def remembered(worker: Worker, once: Once) -> Any:
    return worker.engine.store.write(lambda tx: work.recall(tx, worker.engine.vault, once))


ONCE, ANSWER = Once("keys.create:n", "f"), {"z": "ü", "id": "k", "value": "canary", "a": [1.5]}


def remember(worker: Worker, once: Once = ONCE) -> None:
    worker.change(lambda c: work.remember(c, worker.engine.vault, once, ANSWER))


def values(worker: Worker) -> list[Any]:
    return [s for s in worker.read(lambda r: r.secrets()) if s.name.endswith("#answer")]


def test_remembered_and_recalled(worker: Worker) -> None:
    assert remembered(worker, ONCE) is None
    remember(worker)
    found = remembered(worker, ONCE)
    assert (found, list(found)) == (ANSWER, list(ANSWER))
    assert remembered(worker, Once("keys.create:m", "f")) is None
    with pytest.raises(Refused) as caught:
        remembered(worker, Once("keys.create:n", "g"))
    assert caught.value.status == 422


def test_the_value_is_a_secret_of_its_own(worker: Worker) -> None:
    """So that it is encrypted anew when keys are rotated."""
    remember(worker)
    assert "canary" not in worker.read(lambda r: r.remembered(ONCE.name)).body
    (sealed,) = values(worker)
    ring = (new_key(), *worker.engine.vault._reread())
    worker.engine.store.write(lambda tx: rotate(tx, worker.engine.vault, Vault(ring)))
    assert values(worker)[0].key == ring[0].id != sealed.key


def test_it_is_forgotten_after_a_day(worker: Worker) -> None:
    remember(worker)
    worker.clock.sleep(86_399)
    worker.engine.store.write(work.sweep)
    assert remembered(worker, ONCE) == ANSWER
    worker.clock.sleep(1)
    assert remembered(worker, ONCE) is None
    assert len(values(worker)) == 1
    Loop(worker.engine, None).once()
    assert values(worker) == []
    assert worker.read(lambda r: r.remembered(ONCE.name)) is None


def test_what_is_remembered_anew_leaves_no_old_value(worker: Worker) -> None:
    remember(worker)
    worker.clock.sleep(86_400)
    other = {**ANSWER, "id": "l"}
    worker.change(lambda c: work.remember(c, worker.engine.vault, ONCE, other))
    assert [s.name for s in values(worker)] == ["access.keys.l#answer"]
    assert remembered(worker, ONCE) == other
