"""What registry credentials may become, given the state. REST and plans come through here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from controlplane import registries
from controlplane.access import times
from controlplane.access.kinds import ACCOUNTS
from controlplane.kinds import Spec
from controlplane.services.registries import errors, rules
from controlplane.services.registries.requests import SYSTEM, USER
from controlplane.state.protocol import Reader, Resource

MAX_CREDENTIALS = 25
Status = dict[str, Any]


def check(reader: Reader, spec: Spec, *, own: str = "") -> None:
    """Whether a credential may be as its spec says; `own` is the id of one that is there already.

    Raises Refused: 400 for what is not recognised or too much, 409 for what is taken.
    """
    recognized(reader, spec["artifactTypes"], spec["registryHostname"])
    account = spec["ncaId"]
    others = [
        r
        for r in registries.credentials(reader, account)
        if r.status["registryCredentialId"] != own
    ]
    limit = _limit(reader, account)
    if not own and len(others) >= limit:
        raise errors.too_many(limit)
    host, name = spec["registryHostname"], spec["secret"]["name"]
    for other in others:
        theirs = other.spec or {}
        if (theirs["registryHostname"], theirs["secret"]["name"]) == (host, name):
            raise errors.taken(host, name)


def recognized(reader: Reader, types: Iterable[str], host: str) -> None:
    """Raises Refused 400."""
    for type_ in types:
        if registries.find(reader, type_, host) is None:
            raise errors.unrecognized(type_, host)


def _limit(reader: Reader, account: str) -> int:
    found = reader.get(f"{ACCOUNTS}.{account}")
    spec: Spec = (found.spec if found else None) or {}
    return int(spec.get("maxRegistryCredentialsAllowed") or MAX_CREDENTIALS)


def new_status(spec: Spec, value: str, credential_id: str, now: str) -> Status:
    moment = times.stamp(times.parse(now))
    status: Status = {
        "registryCredentialId": credential_id,
        "provisionedBy": USER,
        "createdAt": moment,
        "lastUpdatedAt": moment,
    }
    return with_key_type(status, spec, value)


def with_key_type(status: Status, spec: Spec, value: str) -> Status:
    """A status that says of what type the key is, where there are several."""
    found = rules.key_type(spec["registryHostname"], value)
    rest = {k: v for k, v in status.items() if k != "keyType"}
    return rest if found is None else {**rest, "keyType": found}


def owned(reader: Reader, account: str, credential_id: str) -> Resource:
    """Raises Refused 404, also for those of other accounts."""
    found = reader.find(registries.CREDENTIALS, registries.by_id(credential_id))
    if not found or found[0].spec is None or found[0].spec["ncaId"] != account:
        raise errors.no_credential(credential_id, account)
    return found[0]


def check_removal(reader: Reader, credential: Resource) -> None:
    """Raises Refused 400 for what the system provisioned, and for what is needed."""
    if credential.status["provisionedBy"] == SYSTEM:
        raise errors.system()
    spec = credential.spec or {}
    host, account = spec["registryHostname"], spec["ncaId"]
    users = registries.users(reader, account, spec["artifactTypes"], host)
    if users:
        raise errors.in_use(users)


def check_account(reader: Reader, account: str) -> None:
    """Raises Refused 404 for an account that is not there."""
    if reader.get(f"{ACCOUNTS}.{account}") is None:
        raise errors.no_account(account)
