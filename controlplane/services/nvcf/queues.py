"""Queues as their callers see them (contract 6). What fills them is the invocation's business."""

from __future__ import annotations

from controlplane.access import guard
from controlplane.services.nvcf import answers, errors, visible
from controlplane.services.nvcf.lifecycle import QUEUED
from controlplane.state.protocol import Reader, Resource
from controlplane.vendor.calls import Answer, Call


def depth(reader: Reader, version: str) -> int:
    """How many requests wait for a version. Nothing is invoked here yet (issue 7), so none does."""
    return 0


def outstanding(reader: Reader, version: str) -> int:
    """How many requests of a version wait, or are being answered."""
    return depth(reader, version)


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
    rows = [answers.queue(r, depth(reader, r.status["versionId"])) for r in deployed]
    return {"functionId": function, "queues": rows}


def position(reader: Reader, call: Call) -> Answer:
    """The place of a request in its queue. Raises NotFound: nobody waits yet (see `depth`)."""
    raise errors.no_request(call.ids["requestId"])
