"""Accounts and clients, as resources of `access` (contract 17)."""

from __future__ import annotations

import re
from typing import Any

from controlplane.access.kinds import ACCOUNTS, CLIENTS
from controlplane.address import NAME_PATTERN
from controlplane.assets import ASSETS
from controlplane.changes import Changes
from controlplane.registries import CREDENTIALS
from controlplane.services.nvcf import answers, checks, compile, errors  # noqa: A004
from controlplane.services.nvcf.lookups import FUNCTIONS
from controlplane.state.protocol import Reader, Resource
from controlplane.vendor.calls import Answer, Call
from controlplane.vendor.lookups import TASKS, TELEMETRIES, account_of, by_account
from controlplane.vendor.scalars import MAX_INT

_NAME = re.compile(NAME_PATTERN.removesuffix("$"))
# What an account may have where nothing is said (contract 1 and 18).
DEFAULTS = {
    "maxFunctionsAllowed": MAX_INT,
    "maxTasksAllowed": MAX_INT,
    "maxTelemetriesAllowed": 50,
    "maxRegistryCredentialsAllowed": 25,
}


def _answer(r: Resource) -> Answer:
    name = r.address.removeprefix(f"{ACCOUNTS}.")
    return {"account": answers.account(r, name, DEFAULTS)}


def listed(reader: Reader, call: Call) -> Answer:
    found = reader.resources(ACCOUNTS)
    names = [r.address.removeprefix(f"{ACCOUNTS}.") for r in found]
    pairs = zip(found, names, strict=True)
    return {"accounts": [answers.account(r, name, DEFAULTS) for r, name in pairs]}


def get(reader: Reader, call: Call) -> Answer:
    return _answer(checks.account(reader, call.ids["ncaId"]))


def create(changes: Changes, call: Call) -> Answer:
    """Raises Conflict when it is there."""
    name = call.ids["ncaId"]
    if not _NAME.fullmatch(name):
        raise errors.bad("ncaId must be letters, digits, '-', '.', '_', ':' and '@'")
    if changes.tx.get(f"{ACCOUNTS}.{name}") is not None:
        raise errors.taken(f"Account '{name}' already exists")
    return _answer(changes.create(f"{ACCOUNTS}.{name}", compile.canonical(call.body)))


def update(changes: Changes, call: Call) -> Answer:
    found = checks.account(changes.tx, call.ids["ncaId"])
    spec = {**(found.spec or {}), **compile.canonical(call.body)}
    return _answer(changes.update(found, spec=spec))


def delete(changes: Changes, call: Call) -> Answer:
    """Raises InvalidRequest while something belongs to it."""
    name = call.ids["ncaId"]
    found = checks.account(changes.tx, name)
    for kind in (FUNCTIONS, TASKS, TELEMETRIES, CREDENTIALS, ASSETS):
        if changes.tx.find(kind, by_account(name)):
            raise errors.bad(f"Account '{name}' still has {kind}")
    changes.delete(found)
    return None


def associate(changes: Changes, call: Call) -> Answer:
    """Let clients act for the account; one that nobody knows becomes known."""
    found = checks.account(changes.tx, call.ids["ncaId"])
    for name in call.body.clientIds:
        if not _NAME.fullmatch(name):
            raise errors.bad(f"Client id '{name}' is malformed")
        _associate(changes, name, call.ids["ncaId"])
    return _answer(found)


def _associate(changes: Changes, name: str, account: str) -> None:
    known = changes.tx.get(f"{CLIENTS}.{name}")
    if known is None:
        changes.create(f"{CLIENTS}.{name}", {"account": account})
    elif account_of(known.spec or {}) != account:
        raise errors.taken(f"Client id '{name}' belongs to another account")


def disassociate(changes: Changes, call: Call) -> Answer:
    found = checks.account(changes.tx, call.ids["ncaId"])
    for name in call.body.clientIds:
        known = changes.tx.get(f"{CLIENTS}.{name}")
        if known is None or account_of(known.spec or {}) != call.ids["ncaId"]:
            raise errors.no_client(name)
        changes.delete(known)
    return _answer(found)


def client(reader: Reader, call: Call) -> Answer:
    name = call.ids["clientId"]
    found = reader.get(f"{CLIENTS}.{name}")
    if found is None:
        raise errors.no_client(name)
    body: dict[str, Any] = answers.client(found, name)
    return {"client": body}
