"""What the API Keys service changes, each as the work of one transaction.

What depends on the state is checked here, where nobody can change it in between: how many keys
there are, whether the owner is suspended, when authorizations were changed last.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from aicr import jsonio
from controlplane.access import keys, times
from controlplane.access.apikeys import Mint
from controlplane.access.keys import Key
from controlplane.access.kinds import (
    ACTIVE,
    EXPIRED,
    KEYS,
    SUSPENDED,
    USERS,
    key_status,
    user_name,
)
from controlplane.access.registry import Registered
from controlplane.changes import Changes
from controlplane.plan.effects import secret_name
from controlplane.services.keys import answers, errors
from controlplane.services.keys.requests import Draft, Once
from controlplane.state.protocol import Reader, Remembered, Resource, Transaction
from controlplane.vault import Vault

# How long expired keys are still shown.
KEPT = timedelta(days=2)
# How long the same request is answered the same again.
REMEMBERED = timedelta(hours=24)
# From the state that a key is in to the one that it may be given (contract 12).
TRANSITIONS = {(ACTIVE, SUSPENDED), (SUSPENDED, ACTIVE), (EXPIRED, SUSPENDED)}


def shown(found: Iterable[Key], now: datetime) -> list[Key]:
    """Keys that are listed: those that expired long ago are not."""
    return [key for key in found if key.expires > now - KEPT]


def check_owner(reader: Reader, owner: str) -> None:
    """Raises Refused 403 when the owner is suspended."""
    if keys.is_suspended(keys.user(reader, owner)):
        raise errors.owner_suspended()


def owned(reader: Reader, owner: str, service: Registered, key_id: str) -> Key:
    """A key by its id. Raises Refused 404, also for keys of others."""
    key = keys.with_id(reader, key_id)
    if key is None or (key.owner, key.service) != (owner, service.id):
        raise errors.no_key()
    return key


def create(
    changes: Changes, draft: Draft, service: Registered, owner: str, mint: Mint
) -> dict[str, Any]:
    """The answer with the new key. Raises Refused."""
    now = times.parse(changes.tx.now)
    user = keys.user(changes.tx, owner)
    if keys.is_suspended(user):
        raise errors.owner_suspended()
    left = _swept(changes, keys.owned(changes.tx, owner, service.id), now)
    counted = [key for key in left if key.state(now) != EXPIRED]
    if len(counted) >= service.max_keys:
        raise errors.bad(f"an owner has at most {service.max_keys} keys for a service")
    if draft.fault is not None:
        raise draft.fault
    if user is None:
        changes.create(f"{USERS}.{user_name(owner)}", {"owner": owner, "status": ACTIVE})
    key_id, value = str(uuid4()), mint.new()
    spec = {
        "service": service.id,
        "owner": owner,
        "description": draft.description,
        "expiresAt": times.stamp(draft.expires),
        "audiences": draft.audiences,
        "authorizations": draft.authorizations,
    }
    status = key_status(key_id, value, times.stamp(now))
    made = changes.create(f"{KEYS}.{key_id}", spec, status, uid=key_id)
    return answers.created(_key(made), value, now)


def _swept(changes: Changes, found: Iterable[Key], now: datetime) -> list[Key]:
    """Remove keys that expired long ago; those that are left. What manifests declare is for a plan
    to remove."""
    left = []
    for key in found:
        own = key.resource.applied is None and not key.resource.protected
        if own and key.expires <= now - KEPT:
            changes.delete(key.resource)
        else:
            left.append(key)
    return left


def _key(made: Resource) -> Key:
    return keys.of([made])[0]


def delete(changes: Changes, key: Key) -> None:
    changes.delete(key.resource)


def authorize(
    changes: Changes, key: Key, authorizations: Any, service: Registered, now: datetime
) -> Key:
    """A key that allows something else. Raises Refused: 400 when it is not active, 429 when that
    was changed a moment ago."""
    if key.state(now) != ACTIVE:
        raise errors.bad("Key is not active")
    since = now - times.parse(key.status["authorizationsUpdatedAt"])
    if since < timedelta(seconds=service.min_seconds):
        raise errors.too_early(service.min_seconds)
    spec = {**key.spec, "authorizations": authorizations}
    status = {**key.status, "authorizationsUpdatedAt": times.stamp(now)}
    return _key(changes.update(key.resource, spec=spec, status=status))


def set_status(changes: Changes, key: Key, wanted: str, now: datetime) -> Key:
    """A key that is suspended or active again. Raises Refused 400 for other transitions."""
    if (key.state(now), wanted) not in TRANSITIONS:
        raise errors.bad("Invalid status transition")
    return _key(changes.update(key.resource, status={**key.status, "keyStatus": wanted}))


def suspend_all(changes: Changes, owner: str, service: Registered, now: datetime) -> list[Key]:
    """The keys of an owner that were active and are suspended now."""
    found = keys.owned(changes.tx, owner, service.id)
    return [set_status(changes, k, SUSPENDED, now) for k in found if k.state(now) == ACTIVE]


def delete_all(changes: Changes, owner: str) -> None:
    """Delete the keys of an owner for all services. Raises Refused 404."""
    known_user(changes.tx, owner)
    for key in keys.all_owned(changes.tx, owner):
        changes.delete(key.resource)


def known_user(reader: Reader, owner: str) -> Resource:
    """Raises Refused 404."""
    found = keys.user(reader, owner)
    if found is None:
        raise errors.no_owner()
    return found


def set_user_status(changes: Changes, owner: str, wanted: str) -> Resource:
    """Raises Refused 404. Everything that is said of an owner says it then."""
    known_user(changes.tx, owner)
    found = keys.users(changes.tx, owner)
    said = [changes.update(u, spec={**(u.spec or {}), "status": wanted}) for u in found]
    return said[0]


# ---- the same request again


def recall(tx: Transaction, vault: Vault, once: Once) -> dict[str, Any] | None:
    """The answer that a request got before. Raises Refused: 422 when it asked something else, 409
    when the key is gone, since the same request is not to make another one."""
    found = tx.remembered(once.name)
    if found is None or found.created <= _forgotten(tx):
        return None
    if found.fingerprint != once.fingerprint:
        raise errors.another_body()
    answer: dict[str, Any] = jsonio.parse(found.body.encode(), once.name)
    value = _value_of(answer["id"])
    if tx.secret(value) is None:
        raise errors.gone()
    return {**answer, "value": vault.get(tx, value)}


def remember(changes: Changes, vault: Vault, once: Once, answer: dict[str, Any]) -> None:
    """Keep an answer with its effect. The value of the key is a secret of the key meanwhile: it
    goes with it, and is encrypted anew with all others."""
    tx = changes.tx
    sweep(tx)  # what this replaces could not be found any more
    vault.put(tx, _value_of(answer["id"]), answer["value"])
    body = jsonio.compact({**answer, "value": ""})
    tx.remember(Remembered(once.name, once.fingerprint, 200, body, tx.now))


def sweep(tx: Transaction) -> None:
    """Forget answers that were given long ago, and the values in them."""
    for old in tx.forget(_forgotten(tx)):
        tx.drop_secret(_value_of(jsonio.parse(old.body.encode(), old.key)["id"]))


def _forgotten(tx: Transaction) -> str:
    """Of which time answers are no longer known, written as the store writes times."""
    until = times.parse(tx.now) - REMEMBERED
    return f"{until.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def _value_of(key_id: str) -> str:
    return secret_name(f"{KEYS}.{key_id}", "answer")
