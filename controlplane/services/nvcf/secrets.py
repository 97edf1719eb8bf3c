"""Values of secrets, and rate limits, of versions that are there (contract 17)."""

from __future__ import annotations

from controlplane.changes import Changes
from controlplane.services.nvcf import compile, errors, telemetries, visible  # noqa: A004
from controlplane.services.nvcf.lifecycle import INACTIVE
from controlplane.state.protocol import Resource
from controlplane.vendor.calls import Answer, Call


def _version(changes: Changes, call: Call) -> Resource:
    return visible.owned(
        changes.tx, call.caller, call.ids["functionId"], call.ids["functionVersionId"]
    )


def of_function(changes: Changes, call: Call) -> Answer:
    """Put secrets beside those that a version has. One without any gets them while INACTIVE."""
    found = _version(changes, call)
    spec = found.spec or {}
    if not spec.get("secrets") and found.status["status"] != INACTIVE:
        raise errors.bad("A function without secrets gets them only while it is INACTIVE")
    changes.update(found, spec=compile.with_secrets(spec, call.body.secrets, call.vault))
    compile.keep(changes.tx, call.vault, found.address, compile.by_path(call.body.secrets))
    return None


def of_telemetry(changes: Changes, call: Call) -> Answer:
    found = telemetries.owned(changes.tx, call)
    secret = call.body.secret
    marked = {**(found.spec or {}), "secret": compile.marker(secret, call.vault)}
    changes.update(found, spec=marked)
    compile.keep(changes.tx, call.vault, found.address, {"secret": secret})
    return None


def put_rate_limit(changes: Changes, call: Call) -> Answer:
    found = _version(changes, call)
    limit = compile.canonical(call.body.rateLimit)
    changes.update(found, spec={**(found.spec or {}), "rateLimit": limit})
    return None


def delete_rate_limit(changes: Changes, call: Call) -> Answer:
    found = _version(changes, call)
    spec = {k: v for k, v in (found.spec or {}).items() if k != "rateLimit"}
    changes.update(found, spec=spec)
    return None
