"""Queues as their callers see them (contract 6): what the invocation plane's queue says now."""

from __future__ import annotations

from controlplane.access import guard
from controlplane.queue.protocol import Load
from controlplane.services.nvcf import answers, errors, visible
from controlplane.services.nvcf.lifecycle import QUEUED
from controlplane.state.protocol import Reader, Resource
from controlplane.vendor.calls import Answer, Call


def depth(reader: Reader, call: Call, function: Resource) -> int:
    """How many requests wait for a version."""
    deployment = visible.deployment_of(reader, function)
    return 0 if deployment is None else call.loads.get(deployment.address, Load()).waiting


def of_function(reader: Reader, call: Call) -> Answer:
    return _answer(reader, call, visible.versions(reader, call.ids["functionId"]))


def of_version(reader: Reader, call: Call) -> Answer:
    found = visible.find(reader, call.ids["functionId"], call.ids["functionVersionId"])
    return _answer(reader, call, [] if found is None else [found])


def _answer(reader: Reader, call: Call, found: list[Resource]) -> Answer:
    """The queues of those versions that are deployed. Raises NotFound, Refused, InvalidRequest."""
    function = call.ids["functionId"]
    known = [r for r in found if visible.visibility(r, call.account)]
    if not known:
        raise errors.no_function(function, call.account)
    if any(visible.visibility(r, call.account) == visible.PUBLIC for r in known):
        raise errors.public(function)
    permitted = [r for r in known if visible.permitted(r, call.caller)]
    if not permitted:
        guard.check(call.caller, visible.target(known[0], call.account))
    deployed = [r for r in permitted if r.status["status"] in QUEUED]
    if not deployed:
        raise errors.no_queue(function)
    rows = [answers.queue(r, depth(reader, call, r)) for r in deployed]
    return {"functionId": function, "queues": rows}


def position(reader: Reader, call: Call) -> Answer:
    """The place of a request in its queue. Raises NotFound, or Refused."""
    found, request = call.position, call.ids["requestId"]
    deployment = None if found is None else reader.get(found.door)
    if found is None or deployment is None:
        raise errors.no_request(request)
    status = deployment.status
    function = visible.find(reader, status["functionId"], status["versionId"])
    if function is None or not visible.visibility(function, call.account):
        raise errors.no_request(request)
    if not visible.permitted(function, call.caller):
        guard.check(call.caller, visible.target(function, call.account))
    return {
        "functionVersionId": status["versionId"],
        "functionId": status["functionId"],
        "positionInQueue": found.place,
    }
