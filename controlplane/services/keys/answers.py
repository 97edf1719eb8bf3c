"""Answers of the API Keys service, field by field in the order of contract 12.2."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from controlplane.access import times
from controlplane.access.keys import Key
from controlplane.access.registry import Registered
from controlplane.access.tokens import Token
from controlplane.state.protocol import Resource

OWNER_TYPE = "USER"
Answer = dict[str, Any]


def listed(key: Key, now: datetime) -> Answer:
    """A key in a list: masked, without what it allows."""
    return {
        "id": key.id,
        "value": key.status["masked"],
        "status": key.state(now),
        "owner_type": OWNER_TYPE,
        "owner_id": key.owner,
        "issuer_service_id": key.service,
        "audience_service_ids": key.audiences,
        "description": key.spec["description"],
        "created_at": key.status["createdAt"],
        "expires_at": key.spec["expiresAt"],
    }


def key(of: Key, now: datetime) -> Answer:
    """A key by itself: masked, with what it allows."""
    return {**listed(of, now), "authorizations": of.spec["authorizations"]}


def created(of: Key, value: str, now: datetime) -> Answer:
    """The one answer that holds the value."""
    return {**key(of, now), "value": value}


def keys(found: list[Key], now: datetime) -> Answer:
    return {"keys": [listed(of, now) for of in found]}


def introspected(of: Key) -> Answer:
    return {
        "owner_type": OWNER_TYPE,
        "owner_id": of.owner,
        "key_id": of.id,
        "issuer_service_id": of.service,
        "authorizations": of.spec["authorizations"],
    }


def user(found: Resource) -> Answer:
    spec = found.spec or {}
    return {
        "owner_type": OWNER_TYPE,
        "owner_id": spec["owner"],
        "status": spec["status"],
        "status_updated_at": times.stamp(times.parse(found.updated)),
    }


def service(of: Registered) -> Answer:
    return {
        "service_id": of.id,
        "service_name": of.name,
        "audience_service_ids": list(of.audiences),
        "max_api_keys_per_user": of.max_keys,
        "max_api_key_ttl_days": of.max_days,
        "max_authz_size_chars": of.max_chars,
        "min_authz_update_interval_seconds": of.min_seconds,
    }


def evaluated(namespace: str, rule: str, result: Answer) -> Answer:
    return {"namespace": namespace, "rule_name": rule, "result": result}


def allowed(account: str, owner: str, policy: Answer) -> Answer:
    return {"allowed": True, "ncaId": account, "ownerId": owner, "policy": policy}


def minted(token: Token) -> Answer:
    return {
        "id": token.id,
        "value": token.value,
        "status": "ACTIVE",
        "description": "Admin token",
        "created_at": times.stamp(times.of_seconds(token.issued)),
        "expires_at": times.stamp(times.of_seconds(token.expires)),
    }
