"""Which functions an account sees, and which of them a caller may touch (contract 2.4, 4.7)."""

from __future__ import annotations

from collections.abc import Iterable

from controlplane.access import guard
from controlplane.access.credentials import Caller
from controlplane.access.policy import Target, permits
from controlplane.access.policy import version as target_of
from controlplane.services.nvcf import errors
from controlplane.services.nvcf.lookups import (
    DEPLOYMENTS,
    EVERYBODY,
    FUNCTIONS,
    by_function,
    by_name,
    by_party,
    by_version,
    parties,
)
from controlplane.services.nvcf.rows import Row, Rows
from controlplane.state.protocol import Reader, Resource
from controlplane.vendor.lookups import account_of, by_account

PUBLIC, PRIVATE, AUTHORIZED = VISIBILITIES = ("public", "private", "authorized")


def visibility(r: Resource, account: str) -> str:
    """Why an account sees a version; nothing when it does not."""
    spec = r.spec or {}
    having = parties(spec)
    if EVERYBODY in having:
        return PUBLIC
    if account_of(spec) == account:
        return PRIVATE
    return AUTHORIZED if account in having else ""


def target(r: Resource, account: str) -> Target:
    own = account_of(r.spec or {}) == account
    return target_of(r.status["functionId"], r.status["versionId"], own=own)


def permitted(r: Resource, caller: Caller) -> bool:
    """Whether a caller may look at a version that its account sees."""
    public = visibility(r, caller.account) == PUBLIC
    return public or permits(caller.grants, target(r, caller.account))


def every(reader: Reader, rows: Rows, caller: Caller, wanted: frozenset[str]) -> list[Row]:
    """The versions that a caller sees, each once: public, own, then those that others share."""
    found: dict[str, Row] = {}
    account = caller.account
    if PUBLIC in wanted:
        found.update((r.address, r) for r in rows.find(reader, by_party(EVERYBODY)))
    if PRIVATE in wanted:
        mine = [r for r in rows.find(reader, by_account(account)) if not r.public]
        found.update((r.address, r) for r in _permitted(mine, caller, own=True))
    if AUTHORIZED in wanted:
        shared = rows.find(reader, by_party(account))
        theirs = [r for r in shared if not r.public and r.account != account]
        found.update((r.address, r) for r in _permitted(theirs, caller, own=False))
    return list(found.values())


def _permitted(found: list[Row], caller: Caller, *, own: bool) -> list[Row]:
    """Those that the resources of a caller cover: asked once where they cover everything."""
    if permits(caller.grants, target_of(_ANY, _ANY, own=own)):
        return found
    return [r for r in found if permits(caller.grants, target_of(r.function, r.version, own=own))]


# No function is called so: who may touch it may touch all.
_ANY = "any"


def _existing(found: Iterable[Resource]) -> list[Resource]:
    """Those that have their ids; in order of creation."""
    made = [r for r in found if r.spec is not None and r.status]
    return sorted(made, key=lambda r: (r.created, r.address))


def versions(reader: Reader, function: str) -> list[Resource]:
    """All versions of a function, oldest first."""
    return _existing(reader.find(FUNCTIONS, by_function(function)))


def own_versions(reader: Reader, account: str, function: str) -> list[Resource]:
    """Those of an account. Raises NotFound when there are none."""
    found = [r for r in versions(reader, function) if account_of(r.spec or {}) == account]
    if not found:
        raise errors.no_function(function, account)
    return found


def find(reader: Reader, function: str, version: str) -> Resource | None:
    """A version by its ids. Those that came by requests are named by theirs."""
    found = reader.get(f"{FUNCTIONS}.{version}")
    if found is None or not found.status or found.status["versionId"] != version:
        found = next(iter(_existing(reader.find(FUNCTIONS, by_version(version)))), None)
    return found if found is not None and found.status["functionId"] == function else None


def seen(reader: Reader, caller: Caller, function: str, version: str) -> Resource:
    """A version that a caller may look at. Raises NotFound, or Refused 403."""
    found = find(reader, function, version)
    if found is None or not visibility(found, caller.account):
        raise errors.no_version(function, version, caller.account)
    if not permitted(found, caller):
        guard.check(caller, target(found, caller.account))
    return found


def owned(
    reader: Reader, caller: Caller, function: str, version: str, *, public: bool = False
) -> Resource:
    """A version that a caller may change; `public`: one for everybody, too. Raises NotFound,
    Refused 403, or InvalidRequest."""
    found = find(reader, function, version)
    foreign = found is not None and account_of(found.spec or {}) != caller.account
    if found is None or (foreign and visibility(found, caller.account) != PUBLIC):
        raise errors.no_version(function, version, caller.account)
    if not foreign:
        guard.check(caller, target(found, caller.account))
    if foreign or (not public and visibility(found, caller.account) == PUBLIC):
        raise errors.public(function)
    return found


def deployment_of(reader: Reader, function: Resource) -> Resource | None:
    """The deployment of a version. Those that came by requests are named by its id."""
    name = function.address.removeprefix(f"{FUNCTIONS}.")
    found = reader.get(f"{DEPLOYMENTS}.{function.status['versionId']}")
    if found is None or (found.spec or {}).get("function") != name:
        found = next(iter(reader.find(DEPLOYMENTS, by_name(name))), None)
    return found if found is not None and found.status else None
