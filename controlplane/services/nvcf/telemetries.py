"""Telemetries: where functions send logs, metrics and traces (contract 17)."""

from __future__ import annotations

from uuid import uuid4

from controlplane.changes import Changes
from controlplane.kinds import Making
from controlplane.services.nvcf import answers, checks, compile, errors  # noqa: A004
from controlplane.services.nvcf.kinds import telemetry_status
from controlplane.services.nvcf.lookups import FUNCTIONS
from controlplane.state.protocol import Reader, Resource
from controlplane.vendor.calls import Answer, Call
from controlplane.vendor.lookups import (
    TASKS,
    TELEMETRIES,
    account_of,
    by_account,
    by_telemetry,
    by_telemetry_id,
)

# How many an account may have where its own bound says nothing.
MAX = 50


def _own(reader: Reader, account: str) -> list[Resource]:
    found = [r for r in reader.find(TELEMETRIES, by_account(account)) if r.spec and r.status]
    return sorted(found, key=lambda r: (r.created, r.address))


def owned(reader: Reader, call: Call) -> Resource:
    """The telemetry of the path. Raises NotFound."""
    id_ = call.ids["telemetryId"]
    for found in reader.find(TELEMETRIES, by_telemetry_id(id_)):
        if account_of(found.spec or {}) == call.account:
            return found
    raise errors.no_telemetry(id_, call.account)


def listed(reader: Reader, call: Call) -> Answer:
    return {"telemetries": [answers.telemetry(r) for r in _own(reader, call.account)]}


def get(reader: Reader, call: Call) -> Answer:
    return {"telemetry": answers.telemetry(owned(reader, call))}


def create(changes: Changes, call: Call) -> Answer:
    tx = changes.tx
    account = checks.account(tx, call.account)
    known = _own(tx, call.account)
    most = (account.spec or {}).get("maxTelemetriesAllowed", MAX)
    if len(known) >= most:
        raise errors.bad(f"Account '{call.account}' has reached its limit of {most} telemetries")
    name = call.body.secret.name
    if any((r.spec or {})["name"] == name for r in known):
        raise errors.bad(f"Telemetry '{name}' already exists")
    spec = compile.telemetry(call.body, call.account, call.vault)
    id_ = str(uuid4())
    address = f"{TELEMETRIES}.{id_}"
    status = telemetry_status(Making(address, id_, spec, {}, {}, tx.now, tx))
    made = changes.create(address, spec, status, uid=id_)
    compile.keep(tx, call.vault, address, {"secret": call.body.secret})
    return {"telemetry": answers.telemetry(made)}


def delete(changes: Changes, call: Call) -> Answer:
    found = owned(changes.tx, call)
    name = found.address.removeprefix(f"{TELEMETRIES}.")
    if any(changes.tx.find(kind, by_telemetry(name)) for kind in (FUNCTIONS, TASKS)):
        raise errors.bad("The telemetry is in use by functions or tasks")
    changes.delete(found)
    return None
