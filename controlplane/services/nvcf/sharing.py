"""Which other accounts may use a function, or one version of it (contract 4.7 and 17)."""

from __future__ import annotations

from collections.abc import Callable

from controlplane.access import guard
from controlplane.access.policy import version as target_of
from controlplane.changes import Changes
from controlplane.services.nvcf import answers, errors, visible
from controlplane.state.protocol import Reader, Resource
from controlplane.vendor.calls import Answer, Call

_VERSION, _FUNCTION = "authorizedParties", "functionAuthorizedParties"


def _found(reader: Reader, call: Call) -> list[Resource]:
    """The version of the path, or all versions of its function. Raises NotFound, or Refused."""
    function = call.ids["functionId"]
    if "functionVersionId" in call.ids:
        version = call.ids["functionVersionId"]
        return [visible.owned(reader, call.caller, function, version, public=True)]
    found = visible.own_versions(reader, call.account, function)
    guard.check(call.caller, target_of(function))
    return found


def _field(call: Call) -> str:
    return _VERSION if "functionVersionId" in call.ids else _FUNCTION


def _parties(found: list[Resource], call: Call) -> list[str]:
    return list((found[0].spec or {}).get(_field(call), ()))


def get(reader: Reader, call: Call) -> Answer:
    found = _found(reader, call)
    return _answer(found, _parties(found, call), call)


def _answer(found: list[Resource], parties: list[str], call: Call) -> Answer:
    version = "functionVersionId" in call.ids
    return {"function": answers.sharing(found[0], parties, version=version)}


def put(changes: Changes, call: Call) -> Answer:
    return _change(changes, call, lambda _: [p.ncaId for p in call.body.authorizedParties])


def clear(changes: Changes, call: Call) -> Answer:
    return _change(changes, call, lambda _: [])


def add(changes: Changes, call: Call) -> Answer:
    return _change(changes, call, lambda before: [*before, call.body.authorizedParty.ncaId])


def remove(changes: Changes, call: Call) -> Answer:
    gone = call.body.authorizedParty.ncaId

    def without(before: list[str]) -> list[str]:
        if gone not in before:
            raise errors.bad(f"Account '{gone}' is not authorized")
        return [account for account in before if account != gone]

    return _change(changes, call, without)


def _change(changes: Changes, call: Call, make: Callable[[list[str]], list[str]]) -> Answer:
    found = _found(changes.tx, call)
    parties = list(dict.fromkeys(make(_parties(found, call))))
    if call.account in parties:
        raise errors.bad("An account need not be authorized for its own functions")
    for r in found:
        spec = {k: v for k, v in (r.spec or {}).items() if k != _field(call)}
        if parties:
            spec[_field(call)] = parties
        if spec != r.spec:
            changes.update(r, spec=spec)
    return _answer(found, parties, call)
