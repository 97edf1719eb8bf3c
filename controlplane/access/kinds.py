"""Accounts, clients, users, keys and secrets as kinds of resources."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from aicr.errors import InvalidRequest
from controlplane.access import apikeys, times
from controlplane.access.models import AccountSpec, ClientSpec, KeySpec, SecretSpec, UserSpec
from controlplane.kinds import Kind, Making, Spec, table
from controlplane.state.protocol import Lookup

ACCOUNTS, CLIENTS, USERS = "access.accounts", "access.clients", "access.users"
KEYS, SECRETS = "access.keys", "access.secrets"
ACTIVE, SUSPENDED, EXPIRED = "ACTIVE", "SUSPENDED", "EXPIRED"


def by_id(key_id: str) -> Lookup:
    return Lookup("id", key_id)


def by_digest(digest: str) -> Lookup:
    return Lookup("digest", digest)


def by_owner(owner: str) -> Lookup:
    return Lookup("owner", owner)


def by_owner_and_service(owner: str, service: str) -> Lookup:
    return Lookup("owner+service", f"{service} {owner}")


def _of_key(spec: Spec, status: Spec) -> Iterable[Lookup]:
    yield by_owner(spec["owner"])
    yield by_owner_and_service(spec["owner"], spec["service"])
    if status:
        yield by_id(status["id"])
        yield by_digest(status["digest"])


def user_name(owner: str) -> str:
    """The name of the resource of an owner, who may be called what no address can hold."""
    return hashlib.sha256(owner.encode("utf-8", "surrogatepass")).hexdigest()


def key_status(key_id: str, value: str, created: str) -> dict[str, Any]:
    """What is known of a key from its value: never the value."""
    return {
        "id": key_id,
        "digest": apikeys.digest(value),
        "masked": apikeys.masked(value),
        "keyStatus": ACTIVE,
        "createdAt": created,
        "authorizationsUpdatedAt": created,
    }


def _of_declared_key(making: Making) -> Spec:
    """A key of a manifest is what its secret says; one that REST made keeps what it is."""
    spec, before = making.spec, making.before
    stamped = times.stamp(times.parse(making.now))
    if "value" not in making.secrets:
        if not before:
            raise InvalidRequest(f"{making.address}: a key that is new needs a value")
        return before
    value = making.secrets["value"]
    if not apikeys.is_shaped(value):
        words = "the value must be nvapi- and 32 to 256 letters, digits, - or _"
        raise InvalidRequest(f"key {spec['description']}: {words}")
    made = key_status(before.get("id") or _declared_id(making, value), value, stamped)
    return {**made, **{name: before[name] for name in _KEPT if name in before}}


_KEPT = ("keyStatus", "createdAt")


def _declared_id(making: Making, value: str) -> str:
    """An id that follows from the key, since a status may not depend on chance; also from its
    address, so that of two with one value each can be named."""
    text = f"{making.address} {making.spec['service']} {making.spec['owner']} {value}"
    digits = hashlib.sha256(text.encode()).hexdigest()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:32]))


KINDS = table(
    Kind(ACCOUNTS, AccountSpec, "Accounts, named by their NCA id."),
    Kind(
        CLIENTS,
        ClientSpec,
        "Clients that tokens are issued to.",
        references={"account": ACCOUNTS},
    ),
    Kind(
        USERS,
        UserSpec,
        "Owners of API keys.",
        immutable=frozenset({"owner"}),
        lookups=lambda spec, _status: (by_owner(spec["owner"]),),
    ),
    Kind(
        KEYS,
        KeySpec,
        "API keys.",
        immutable=frozenset({"service", "owner"}),
        secrets=frozenset({"value"}),
        keeps_secrets=False,
        lookups=_of_key,
        status=_of_declared_key,
    ),
    Kind(SECRETS, SecretSpec, "Secrets that others refer to.", secrets=frozenset({"value"})),
)
