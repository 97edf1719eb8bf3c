"""Answers field by field, in the order of contract 12.2."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from controlplane.access.keys import Key
from controlplane.access.registry import FUNCTIONS, SERVICES
from controlplane.access.tokens import Token
from controlplane.services.keys import answers
from controlplane.state.protocol import Resource
from tests.controlplane.installation import NOON

VALUE = "nvapi-nvcf-stg-" + "x" * 61 + "abc"
SPEC = {
    "service": FUNCTIONS.id,
    "owner": "anna",
    "description": "a key",
    "expiresAt": "2026-03-02T12:00:00Z",
    "authorizations": {"policies": []},
}
STATUS = {
    "id": "K",
    "digest": "d" * 64,
    "masked": "nvapi-nvcf-stg-**********abc",
    "keyStatus": "ACTIVE",
    "createdAt": "2026-03-01T12:00:00Z",
    "authorizationsUpdatedAt": "2026-03-01T12:00:00Z",
}
RESOURCE = Resource(
    "access.keys.K", "K", SPEC, None, STATUS, False, 1, "", "2026-03-01T12:00:00.000000Z"
)
KEY = Key(RESOURCE, SPEC, STATUS)
FIELDS = "id value status owner_type owner_id issuer_service_id audience_service_ids description created_at expires_at authorizations".split()


def test_fields_and_their_order() -> None:
    assert list(answers.key(KEY, NOON)) == FIELDS
    assert list(answers.listed(KEY, NOON)) == FIELDS[:-1]
    assert list(answers.created(KEY, VALUE, NOON)) == FIELDS


def test_only_the_first_answer_has_the_value() -> None:
    assert answers.created(KEY, VALUE, NOON)["value"] == VALUE
    for answer in (answers.key(KEY, NOON), answers.keys([KEY], NOON), answers.introspected(KEY)):
        assert VALUE not in repr(answer)


@pytest.mark.parametrize(
    ("days", "status", "shown"),
    [(0, "ACTIVE", "ACTIVE"), (1, "ACTIVE", "EXPIRED"), (1, "SUSPENDED", "SUSPENDED")],
)
def test_the_status_is_that_of_now(days: int, status: str, shown: str) -> None:
    key = KEY._replace(status={**STATUS, "keyStatus": status})
    assert answers.listed(key, NOON + timedelta(days=days))["status"] == shown


def test_no_digest_leaves() -> None:
    every: list[Any] = [answers.created(KEY, VALUE, NOON), answers.introspected(KEY)]
    assert STATUS["digest"] not in repr(every)


def test_a_user() -> None:
    found = RESOURCE._replace(spec={"owner": "anna", "status": "SUSPENDED"})
    assert answers.user(found) == {
        "owner_type": "USER",
        "owner_id": "anna",
        "status": "SUSPENDED",
        "status_updated_at": "2026-03-01T12:00:00Z",
    }


@pytest.mark.parametrize("service", SERVICES.values(), ids=list(SERVICES))
def test_services(service: Any) -> None:
    assert list(answers.service(service).values()) == [
        service.id, service.name, [service.id], 8, 365, 2048, 3,
    ]  # fmt: skip


def test_a_token() -> None:
    start = int(NOON.timestamp())
    assert answers.minted(Token("a.b.c", "J", start, start + 43_200)) == {
        "id": "J",
        "value": "a.b.c",
        "status": "ACTIVE",
        "description": "Admin token",
        "created_at": "2026-03-01T12:00:00Z",
        "expires_at": "2026-03-02T00:00:00Z",
    }
