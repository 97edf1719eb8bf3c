"""Deployments: what each endpoint of contract 5 reads and changes."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import uuid4

from controlplane.access import guard, times
from controlplane.changes import Changes
from controlplane.kinds import Making
from controlplane.queue.protocol import Load
from controlplane.registries import Artifact
from controlplane.services.nvcf import (
    answers,
    checks,
    compile,  # noqa: A004
    errors,
    lifecycle,
    visible,
)
from controlplane.services.nvcf.deployment_models import GpuSpecification, GpuSpecificationUpdate
from controlplane.services.nvcf.kinds import deployment_status, placed
from controlplane.services.nvcf.lookups import DEPLOYMENTS, FUNCTIONS, by_deployment
from controlplane.state.protocol import Json, Reader, Resource
from controlplane.vendor.calls import Answer, Call
from controlplane.vendor.lookups import by_account


def _function(reader: Reader, call: Call) -> Resource:
    """The version of the path, which the caller may deploy. Raises what `visible.owned` raises."""
    return visible.owned(reader, call.caller, call.ids["functionId"], call.ids["functionVersionId"])


def _deployed(reader: Reader, call: Call) -> Resource:
    """The deployment of the version of the path. Raises NotFound, too."""
    found = visible.deployment_of(reader, _function(reader, call))
    if found is None:
        raise errors.no_deployment(call.ids["functionVersionId"])
    return found


def _by_id(reader: Reader, call: Call) -> Resource:
    """The deployment of an id, of the caller's account. Raises NotFound, or Refused 403."""
    id_ = call.ids["deploymentId"]
    found = next(iter(reader.find(DEPLOYMENTS, by_deployment(id_))), None)
    if found is None or found.status["account"] != call.account:
        raise errors.no_deployment_id(id_)
    function = reader.get(f"{FUNCTIONS}.{(found.spec or {})['function']}")
    if function is not None and function.status:
        guard.check(call.caller, visible.target(function, call.account))
    return found


def get(reader: Reader, call: Call) -> Answer:
    return {"deployment": answers.deployment(_deployed(reader, call))}


def get_by_id(reader: Reader, call: Call) -> Answer:
    return {"deployment": answers.deployment(_by_id(reader, call))}


def listed(reader: Reader, call: Call) -> Answer:
    found = reader.find(DEPLOYMENTS, by_account(call.account))
    return {"deployments": [answers.deployment(r) for r in found if r.spec is not None]}


def create(changes: Changes, call: Call) -> Answer:
    """Deploy a version (5.2)."""
    tx = changes.tx
    checks.account(tx, call.account)
    function = _function(tx, call)
    spec = compile.deployment(answers.name_of(function), call.body.deploymentSpecifications)
    address, uid = f"{DEPLOYMENTS}.{call.ids['functionVersionId']}", str(uuid4())
    made = Making(address, uid, spec, {}, {}, tx.now, tx, registry_check=call.registry_check)
    status = deployment_status(made, _fresh_ids(spec))
    return {"deployment": answers.deployment(changes.create(address, spec, status, uid=uid))}


def pulls(reader: Reader, call: Call) -> list[Artifact]:
    """What the version of the path pulls, once it is clear that it may be deployed."""
    checks.account(reader, call.account)
    function = _function(reader, call)
    checks.gate(reader, function)
    return list(checks.artifacts(function.spec or {}))


def _fresh_ids(spec: Json) -> list[str]:
    return [str(uuid4()) for _ in spec["deploymentSpecifications"]]


# --------------------------------------------------------------------------- changing


def _changeable(deployed: Resource) -> None:
    """Raises InvalidRequest unless the deployment is in a state in which it can be changed."""
    state = lifecycle.INACTIVE if deployed.status.get("draining") else deployed.status["status"]
    words = lifecycle.refusal(lifecycle.CHANGE, state)
    if words:
        raise errors.bad(f"Function version id '{deployed.status['versionId']}' {words}")


def patch(changes: Changes, call: Call) -> Answer:
    """Change one GPU specification (5.5)."""
    deployed = _by_id(changes.tx, call)
    ids, specs = _parts(deployed)
    id_ = call.ids["gpuSpecId"]
    if id_ not in ids:
        raise errors.no_specification(id_)
    _changeable(deployed)
    at = ids.index(id_)
    specs[at] = _patched(specs[at], call.body)
    _store(changes, deployed, specs)
    return {"gpuSpecification": answers.gpu_specification(id_, specs[at])}


def _parts(deployed: Resource) -> tuple[list[str], list[dict[str, Any]]]:
    """Ids and specifications of a deployment."""
    specs = (deployed.spec or {})["deploymentSpecifications"]
    return list(deployed.status["gpuSpecificationIds"]), [dict(s) for s in specs]


def _patched(spec: Json, body: Any) -> dict[str, Any]:
    given = compile.canonical(body)
    policy = given.pop("autoscalingConfigurationPolicy", "CUSTOM_CONFIGURATION")
    changed = {**spec, **given}
    if policy == "PLATFORM_CONFIGURATION":
        changed.pop("autoscalingConfiguration", None)
    if changed["minInstances"] > changed["maxInstances"]:
        raise errors.bad("minInstances cannot be more than maxInstances")
    return changed


def put(changes: Changes, call: Call) -> Answer:
    """Change the numbers of all GPU specifications (5.4)."""
    deployed = _deployed(changes.tx, call)
    _changeable(deployed)
    ids, specs = _parts(deployed)
    wanted = _matched(call.body.deploymentSpecifications, ids)
    changed = [_renumbered(spec, wanted[i]) for i, spec in zip(ids, specs, strict=True)]
    if changed != specs:
        deployed = _store(changes, deployed, changed)
    return {"deployment": answers.deployment(deployed)}


def _matched(
    given: list[GpuSpecificationUpdate], ids: list[str]
) -> dict[str, GpuSpecificationUpdate]:
    """Updates by the ids of what they update; one alone may leave its id out."""
    if len(given) != len(ids):
        raise errors.bad(f"the deployment has {len(ids)} GPU specifications, not {len(given)}")
    if len(ids) == 1 and given[0].gpuSpecificationId is None:
        return {ids[0]: given[0]}
    if any(u.gpuSpecificationId is None for u in given):
        raise errors.bad("every GPU specification needs its gpuSpecificationId")
    found = {str(u.gpuSpecificationId).lower(): u for u in given}
    if set(found) != set(ids):
        raise errors.bad("gpuSpecificationIds must be those of the deployment")
    return found


def _renumbered(spec: Json, wanted: GpuSpecificationUpdate) -> dict[str, Any]:
    for field in ("gpu", "instanceType"):
        given = getattr(wanted, field)
        if given and given.strip() and given.lower() != spec[field].lower():
            raise errors.bad(f"{field} cannot be changed: it is '{spec[field]}'")
    if ((wanted.backend or "").strip() or None) != spec.get("backend"):
        raise errors.bad("backend must be the one that was deployed")
    if set(wanted.clusters or ()) != set(spec.get("clusters") or ()):
        raise errors.bad("clusters must be those that were deployed")
    numbers = {"maxInstances": wanted.maxInstances, "minInstances": wanted.minInstances}
    if wanted.maxRequestConcurrency is not None:
        numbers["maxRequestConcurrency"] = wanted.maxRequestConcurrency
    return {**spec, **numbers}


def _store(changes: Changes, deployed: Resource, specs: list[dict[str, Any]]) -> Resource:
    checked = [compile.canonical(GpuSpecification(**s)) for s in specs]
    spec = {**(deployed.spec or {}), "deploymentSpecifications": checked}
    now = times.stamp(times.parse(changes.tx.now))
    status = {**deployed.status, "lastUpdatedAt": now}
    tx, function = changes.tx, changes.tx.get(f"{FUNCTIONS}.{spec['function']}")
    offers = partial(checks.groups_for, tx, function.spec or {}) if function else tuple
    return changes.update(deployed, spec=spec, status=placed(tx, spec, status, offers))


# --------------------------------------------------------------------------- ending


def delete(changes: Changes, call: Call) -> Answer:
    """Undeploy: at once, or as soon as the queue is empty (5.6)."""
    tx = changes.tx
    function = _function(tx, call)
    deployed = visible.deployment_of(tx, function)
    if deployed is None:
        raise errors.no_deployment(call.ids["functionVersionId"])
    if call.options["graceful"] and call.loads.get(deployed.address, Load()) != Load():
        if deployed.protected:
            changes.delete(deployed)  # refuses, as it would at once
        changes.update(deployed, status={**deployed.status, "draining": True})
    else:
        changes.delete(deployed)
    left = tx.get(function.address) or function
    return {"function": answers.function(left, call.account)}
