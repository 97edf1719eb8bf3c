"""API keys in the store: found, judged, and what they allow (contract 12.4)."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from controlplane.access import apikeys, times
from controlplane.access.kinds import (
    ACTIVE,
    EXPIRED,
    KEYS,
    SUSPENDED,
    USERS,
    by_digest,
    by_id,
    by_owner,
    by_owner_and_service,
)
from controlplane.access.registry import Registered
from controlplane.state.protocol import Json, Reader, Resource


class Key(NamedTuple):
    """A key: its resource with the spec that it has."""

    resource: Resource
    spec: Json
    status: Json

    @property
    def id(self) -> str:
        return str(self.status["id"])

    @property
    def owner(self) -> str:
        return str(self.spec["owner"])

    @property
    def service(self) -> str:
        return str(self.spec["service"])

    @property
    def audiences(self) -> list[str]:
        return list(self.spec.get("audiences") or [self.service])

    @property
    def expires(self) -> datetime:
        return times.parse(self.spec["expiresAt"])

    def state(self, now: datetime) -> str:
        """ACTIVE, SUSPENDED or EXPIRED; suspension is said first."""
        if self.status["keyStatus"] == SUSPENDED:
            return SUSPENDED
        return EXPIRED if self.expires <= now else ACTIVE


def of(found: list[Resource]) -> list[Key]:
    """Keys of resources; one that is declared and has no value is none yet."""
    return [Key(r, r.spec, r.status) for r in found if r.spec is not None and r.status]


def owned(reader: Reader, owner: str, service: str) -> list[Key]:
    return of(reader.find(KEYS, by_owner_and_service(owner, service)))


def all_owned(reader: Reader, owner: str) -> list[Key]:
    return of(reader.find(KEYS, by_owner(owner)))


def with_id(reader: Reader, key_id: str) -> Key | None:
    return next(iter(of(reader.find(KEYS, by_id(key_id)))), None)


def with_value(reader: Reader, value: str) -> Key | None:
    """The key of a value."""
    return next(iter(all_with_value(reader, value)), None)


def all_with_value(reader: Reader, value: str) -> list[Key]:
    """Manifests may declare a value more than once, each a key of its own."""
    if not apikeys.is_shaped(value):
        return []
    digest = apikeys.digest(value)
    found = of(reader.find(KEYS, by_digest(digest)))
    return [k for k in found if hmac.compare_digest(k.status["digest"].encode(), digest.encode())]


def users(reader: Reader, owner: str) -> list[Resource]:
    """What is said of an owner. A manifest names its resources as it likes, so that it may say
    something beside what REST made."""
    return reader.find(USERS, by_owner(owner))


def user(reader: Reader, owner: str) -> Resource | None:
    """The owner of keys, once one was made or said something about; of several the one that says
    suspended, since whoever said that means it."""
    found = users(reader, owner)
    return next((one for one in found if is_suspended(one)), next(iter(found), None))


def is_suspended(found: Resource | None) -> bool:
    """Whether none of the keys of a user counts."""
    return found is not None and (found.spec or {}).get("status") == SUSPENDED


def usable(reader: Reader, value: str, now: datetime) -> Key | None:
    """The key of a value, when it is active and its owner is not suspended."""
    return first_usable(reader, all_with_value(reader, value), now)


def first_usable(reader: Reader, found: Iterable[Key], now: datetime) -> Key | None:
    """The first of these keys that is active and whose owner is not suspended."""
    active = (key for key in found if key.state(now) == ACTIVE)
    return next((key for key in active if not is_suspended(user(reader, key.owner))), None)


def policy(key: Key, service: Registered) -> dict[str, Any] | None:
    """What a key allows at a service: the policy whose `aud` it is. `auds` says nothing."""
    given = key.spec["authorizations"]
    policies = given.get("policies") if isinstance(given, dict) else None
    listed = policies if isinstance(policies, list) else []
    return next((p for p in listed if isinstance(p, dict) and p.get("aud") == service.id), None)
