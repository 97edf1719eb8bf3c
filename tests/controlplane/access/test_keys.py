"""Keys in the store: found by value, judged by time and owner, read as policies."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from controlplane.access import keys as stored
from controlplane.access.kinds import ACTIVE, EXPIRED, SUSPENDED
from controlplane.access.registry import FUNCTIONS, LEDGER, TASKS
from tests.controlplane.installation import NOON, POLICY, Api, Worker


def value_of(keys: Api, **fields: Any) -> str:
    return str(keys.key(**fields).json["value"])


def test_found_by_value_id_and_owner(keys: Api, worker: Worker) -> None:
    value = value_of(keys)
    key = worker.read(lambda r: stored.with_value(r, value))
    assert (key.owner, key.service, key.audiences) == ("anna", FUNCTIONS.id, [FUNCTIONS.id])
    assert worker.read(lambda r: stored.with_id(r, key.id)) == key
    assert worker.read(lambda r: stored.owned(r, "anna", FUNCTIONS.id)) == [key]
    assert worker.read(lambda r: stored.owned(r, "anna", TASKS.id)) == []
    assert worker.read(lambda r: stored.all_owned(r, "anna")) == [key]
    assert worker.read(lambda r: stored.all_owned(r, "ann")) == []
    assert key.expires == NOON + timedelta(days=1)


@pytest.mark.parametrize("other", ["", "nvapi-", "nvapi-" + "a" * 64, "x" * 64])
def test_other_values_are_nobodys(keys: Api, worker: Worker, other: str) -> None:
    value_of(keys)
    assert worker.read(lambda r: stored.with_value(r, other)) is None


def test_owner_and_service_do_not_run_together(keys: Api, worker: Worker) -> None:
    """An owner whose name holds that of a service is no other owner."""
    keys.key(owner="b", service=FUNCTIONS.id)
    sly = f"{FUNCTIONS.id} b"
    assert worker.read(lambda r: stored.owned(r, sly, FUNCTIONS.id)) == []
    assert worker.read(lambda r: stored.owned(r, "b", f"{FUNCTIONS.id} ")) == []


@pytest.mark.parametrize(
    ("seconds", "status", "state"),
    [
        (-1, ACTIVE, ACTIVE),
        (0, ACTIVE, EXPIRED),
        (1, ACTIVE, EXPIRED),
        (-1, SUSPENDED, SUSPENDED),
        (1, SUSPENDED, SUSPENDED),
    ],
)
def test_states(keys: Api, worker: Worker, seconds: int, status: str, state: str) -> None:
    value = value_of(keys)
    key = worker.read(lambda r: stored.with_value(r, value))
    judged = key._replace(status={**key.status, "keyStatus": status})
    assert judged.state(key.expires + timedelta(seconds=seconds)) == state


def test_usable(keys: Api, worker: Worker) -> None:
    value = value_of(keys)
    end = NOON + timedelta(days=1)

    def usable(now: Any = NOON) -> bool:
        return worker.read(lambda r: stored.usable(r, value, now)) is not None

    assert usable()
    assert usable(end - timedelta(milliseconds=1))
    assert not usable(end)
    keys.ask("PUT", "/v1/admin/users/anna/status", {"status": "SUSPENDED"})
    assert not usable()
    keys.ask("PUT", "/v1/admin/users/anna/status", {"status": "ACTIVE"})
    assert usable()
    keys.ask("PUT", "/v1/service-admin/users/anna/suspend", service=FUNCTIONS.id)
    assert not usable()


OTHER = {**POLICY, "aud": TASKS.id}


@pytest.mark.parametrize(
    ("authorizations", "service", "found"),
    [
        ({"policies": [POLICY]}, FUNCTIONS, POLICY),
        ({"policies": [OTHER, POLICY]}, FUNCTIONS, POLICY),
        ({"policies": [OTHER, POLICY]}, TASKS, OTHER),
        ({"policies": [POLICY]}, TASKS, None),
        ({"policies": [POLICY, {**POLICY, "scopes": []}]}, FUNCTIONS, POLICY),
        # `auds` says nothing.
        ({"policies": [{**OTHER, "auds": [FUNCTIONS.id]}]}, FUNCTIONS, None),
        ({"policies": [{**POLICY, "aud": [FUNCTIONS.id]}]}, FUNCTIONS, None),
        ({"policies": [None, 1, "x", []]}, FUNCTIONS, None),
        ({"policies": POLICY}, FUNCTIONS, None),
        ({"policies": []}, LEDGER, None),
        ({}, FUNCTIONS, None),
        ([POLICY], FUNCTIONS, None),
        ("x", FUNCTIONS, None),
        (False, FUNCTIONS, None),
    ],
)
def test_the_policy_of_a_service(
    keys: Api, worker: Worker, authorizations: Any, service: Any, found: Any
) -> None:
    value = value_of(keys, authorizations=authorizations)
    key = worker.read(lambda r: stored.with_value(r, value))
    assert stored.policy(key, service) == found


def test_a_key_without_a_value_is_none_yet(worker: Worker) -> None:
    spec = {
        "service": FUNCTIONS.id,
        "owner": "a",
        "description": "d",
        "expiresAt": "2027-01-01T00:00:00Z",
        "authorizations": {},
    }
    worker.change(lambda c: c.create("access.keys.later", spec))
    assert worker.read(lambda r: stored.all_owned(r, "a")) == []
