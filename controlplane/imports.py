"""An exported state, put into an empty one.

What it says is as much to be doubted as any other input: it may have been edited, and whoever sends
it may change neither what is protected nor what is there already.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from aicr.errors import Conflict, InvalidRequest
from controlplane import address, secretrefs
from controlplane.access import times
from controlplane.changes import CREATED, Changes, lookups
from controlplane.compile import STACK
from controlplane.engine import Engine
from controlplane.kinds import Kind
from controlplane.planner import STATE_FORMAT
from controlplane.state.protocol import Actor, Json, Resource
from controlplane.state.rows import text_if_any

# What a reference may look like, for models that look at it: exports of a value that was given to
# an API have none.
_SOME_REFERENCE = "env:VALUE"
_MARKS = ({secretrefs.REFERENCE}, {secretrefs.REFERENCE, secretrefs.DIGEST})


def restore(engine: Engine, document: Any, actor: Actor) -> int:
    """Put an exported state into an empty one; how many resources it has. The lineage stays that of
    the empty state: plans of the other one do not fit it.

    Raises InvalidRequest for what is no state, and Conflict when there are resources that a plan
    manages, or others at its addresses that are not as it says.
    """
    resources = [_resource(entry, engine) for entry in _entries(document)]
    for where, count in Counter(r.address for r in resources).items():
        if count > 1:
            raise InvalidRequest(f"{where} is in it {count} times")

    def work(changes: Changes) -> int:
        if any(r.applied is not None for r in changes.tx.resources(deleted=True)):
            raise Conflict("this state has managed resources: import into an empty one")
        for resource in resources:
            if not _is_there(changes, resource):
                changes.put(resource, CREATED)
        return len(resources)

    return engine.change_now(actor, work)


def _is_there(changes: Changes, resource: Resource) -> bool:
    """Whether it is there as it should be. Raises Conflict when it is there and is not."""
    known = changes.tx.get(resource.address)
    if known is not None and _wanted(known) != _wanted(resource):
        raise Conflict(f"{resource.address} is there already, and is another one")
    return known is not None


def _wanted(resource: Resource) -> tuple[str | None, str | None, bool]:
    return text_if_any(resource.spec), text_if_any(resource.applied), resource.protected


def _entries(document: Any) -> list[Any]:
    """Resources of an exported state. Raises InvalidRequest for anything else."""
    from pydantic import ValidationError  # 35 ms that only this needs

    from controlplane.outputs import State as Exported

    if not isinstance(document, dict) or document.get("formatVersion") != STATE_FORMAT:
        raise InvalidRequest("this is no exported state: aicr state export writes one")
    try:
        Exported.model_validate(document)
    except ValidationError as e:
        first = e.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise InvalidRequest(f"this is no exported state: {place}: {first['msg']}") from None
    found: list[Any] = document["resources"]
    return found


def _resource(entry: Any, engine: Engine) -> Resource:
    resource = Resource(**{name: entry[name] for name in Resource._fields})
    path = address.parse(resource.address).kind
    if path not in engine.kinds:
        raise InvalidRequest(f"{resource.address}: this aicr knows no kind {path}")
    kind = engine.kinds[path]
    _check_instants(resource)
    for spec in (resource.spec, resource.applied):
        _check_spec(resource.address, spec, kind)
    found = resource._replace(
        spec=_without_digests(resource.spec, kind), applied=_without_digests(resource.applied, kind)
    )
    try:
        tuple(lookups(engine.kinds, found))
    except (KeyError, TypeError, AttributeError):
        raise InvalidRequest(f"{resource.address}: its spec is none of {path}") from None
    return found


def _check_instants(resource: Resource) -> None:
    try:
        times.parse(resource.created)
        times.parse(resource.updated)
    except ValueError as e:
        raise InvalidRequest(f"{resource.address}: {e}") from None


def _check_spec(where: str, spec: Json | None, kind: Kind) -> None:
    """Raises InvalidRequest for what no manifest and no API could have made. No value is shown:
    where a secret should be referred to it may stand itself."""
    from pydantic import ValidationError

    if spec is None:
        return
    stated = dict(spec)
    if kind.recipe:
        stated.pop(STACK, None)
    for path in secretrefs.paths(stated, kind.secrets):
        mark = secretrefs.at(stated, path)
        if not isinstance(mark, dict) or set(mark) not in _MARKS:
            raise InvalidRequest(f"{where}: {path} must be a secret and its digest")
        stated = secretrefs.replaced(stated, path, _SOME_REFERENCE)
    try:
        kind.model.model_validate(stated)
    except ValidationError as e:
        first = e.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise InvalidRequest(
            f"{where}: its spec is none of {kind.path}: {place}: {first['type']}"
        ) from None


def _without_digests(spec: Json | None, kind: Kind) -> Json | None:
    """A spec whose secrets look unknown, as they are: no export has their values, so that the next
    plan must bring them."""
    if spec is None or not kind.keeps_secrets:
        return spec
    found = dict(spec)
    for path in secretrefs.paths(spec, kind.secrets):
        mark = {secretrefs.REFERENCE: secretrefs.at(spec, path)[secretrefs.REFERENCE]}
        found = secretrefs.replaced(found, path, mark)
    return found
