"""Functions, deployments and telemetries as kinds of resources.

`nvcf.functions.NAME` is one version. Its status has the ids that the API knows it by, and the state
of its deployment, which the deployment's own changes write there: reading a function is one row.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from controlplane import clusters, placing, registries
from controlplane.access import times
from controlplane.access.kinds import ACCOUNTS
from controlplane.changes import Changes, observe
from controlplane.kinds import Admitted, Kind, Kinds, Making, Spec, Waiting, table
from controlplane.services.nvcf import checks, instances, lifecycle
from controlplane.services.nvcf.deployment_models import DeploymentSpec
from controlplane.services.nvcf.extra_models import TelemetrySpec
from controlplane.services.nvcf.lifecycle import ERROR, INACTIVE
from controlplane.services.nvcf.lookups import (
    DEPLOYMENTS,
    FUNCTIONS,
    SHORT,
    by_deployment,
    by_function,
    by_name,
    by_party,
    by_version,
    parties,
)
from controlplane.services.nvcf.models import FunctionSpec
from controlplane.state.protocol import Actor, Lookup, Reader, Resource, Transaction
from controlplane.vendor.ids import derived
from controlplane.vendor.lookups import (
    TELEMETRIES,
    TELEMETRY_FIELDS,
    account_of,
    by_account,
    by_telemetry,
    by_telemetry_id,
)

# --------------------------------------------------------------------------- functions


def _function_lookups(spec: Spec, status: Spec) -> Iterable[Lookup]:
    yield by_account(account_of(spec))
    if status:
        yield by_function(status["functionId"])
        yield by_version(status["versionId"])
    yield from registries.uses(account_of(spec), checks.artifacts(spec))
    for account in sorted(parties(spec)):
        yield by_party(account)
    for name in sorted(set((spec.get("telemetries") or {}).values())):
        yield by_telemetry(name)


def function_status(making: Making) -> Spec:
    """A new version of a new function, or of the one that `versionOf` or what it replaces says."""
    before = making.before
    mode = making.registry_check
    checks.function(making.reader, making.spec, making.address, new=not before, mode=mode)
    telemetries = checks.telemetries(making.reader, making.spec)
    if before:
        kept = {k: v for k, v in before.items() if k != "telemetries"}
        return {**kept, **telemetries}
    return {
        "functionId": _function_id(making),
        "versionId": making.uid,
        "status": INACTIVE,
        "createdAt": times.stamp(times.parse(making.now)),
        **telemetries,
    }


def _function_id(making: Making) -> str:
    sibling = making.spec.get("versionOf")
    if sibling is not None:
        found = making.reader.get(f"{FUNCTIONS}.{sibling}")
        assert found is not None  # noqa: S101 (a reference: the plan made it before)
        return str(found.status["functionId"])
    return str(making.replaced.get("functionId") or derived(making.uid, "function"))


def _after_function(tx: Transaction, kinds: Kinds, function: Resource, there: bool) -> None:
    """What deployed another version than this ends with it (4.6). Those of plans follow by their
    own stages."""
    name = function.address.removeprefix(f"{FUNCTIONS}.")
    version = function.status.get("versionId") if there else None
    for found in tx.find(DEPLOYMENTS, by_name(name)):
        if found.applied is None and found.status.get("versionId") != version:
            Changes(tx, kinds, _ACTOR).delete(found)


_ACTOR = Actor(FUNCTIONS)


# --------------------------------------------------------------------------- deployments


def _deployment_lookups(spec: Spec, status: Spec) -> Iterable[Lookup]:
    yield by_name(spec["function"])
    if status:
        yield by_version(status["versionId"])
        yield by_deployment(status["deploymentId"])
        yield by_account(status["account"])
        yield from clusters.placed(status)
        if instances.short(spec, status):
            yield SHORT


def deployment_status(making: Making, ids: Iterable[str] = ()) -> Spec:
    """What a deployment is known by, and where it is; it begins as its minimums say. `ids` are
    those of its GPU specifications, where they do not follow from its own."""
    mode = making.registry_check
    found = checks.deployment(making.reader, making.spec, new=not making.before, mode=mode)
    status = _deployed(making, found.function, ids)
    fitting = placing.fitting(
        status.get("placements", ()), _wanted(making.spec, status), found.groups
    )
    return placed(
        making.reader, making.spec, {**status, "placements": fitting}, lambda: found.groups
    )


def _wanted(spec: Spec, status: Spec) -> list[placing.Wanted]:
    specs, ids = spec["deploymentSpecifications"], status["gpuSpecificationIds"]
    return [
        placing.Wanted(id_, gpu, instances.number(spec, status, i))
        for i, (id_, gpu) in enumerate(zip(ids, specs, strict=True))
    ]


def placed(reader: Reader, spec: Spec, status: Spec, offers: placing.Offers) -> dict[str, Any]:
    """The status of a deployment with where its instances are, as many as should run."""
    wanted, before = _wanted(spec, status), status.get("placements", ())
    found = placing.place(reader, status["account"], wanted, before, offers)
    kept = {k: v for k, v in status.items() if k != "placements"}
    return {**kept, "placements": found} if found else kept


def _deployed(making: Making, function: Resource, given: Iterable[str]) -> dict[str, Any]:
    specs, before = making.spec["deploymentSpecifications"], making.before
    now = times.stamp(times.parse(making.now))
    ids = [*before.get("gpuSpecificationIds", given)][: len(specs)]
    first = lifecycle.first([s["minInstances"] for s in specs])
    ids += [derived(making.uid, f"{i}") for i in range(len(ids), len(specs))]
    if before:
        changed = {**before, "gpuSpecificationIds": ids, "lastUpdatedAt": now}
        # What failed is tried again, as it is now.
        return {**changed, "status": first} if before["status"] == ERROR else changed
    return {
        "deploymentId": making.uid,
        "functionId": function.status["functionId"],
        "versionId": function.status["versionId"],
        "functionName": (function.spec or {})["name"],
        "account": account_of(function.spec or {}),
        "gpuSpecificationIds": ids,
        "status": first,
        "createdAt": now,
        "lastUpdatedAt": now,
    }


def _replace(tx: Transaction, kinds: Kinds, deployment: Resource) -> None:
    """Place as many instances as there are; those that are placed stay where they are."""
    spec, status = deployment.spec or {}, deployment.status
    function = tx.get(f"{FUNCTIONS}.{spec['function']}")
    if function is None or status["status"] in (ERROR, INACTIVE):
        return
    offers = partial(checks.groups_for, tx, function.spec or {})
    found = placed(tx, spec, status, offers)
    if found != status:
        observe(tx, kinds, deployment, found)


def admit(waiting: Waiting) -> Admitted:
    """The first of those who wait for room for whom there is some: whoever comes next must see what
    it took, and so waits for the next pass."""
    for r in sorted(waiting.reader.find(DEPLOYMENTS, SHORT), key=lambda r: (r.created, r.address)):
        function = waiting.reader.get(f"{FUNCTIONS}.{(r.spec or {})['function']}")
        if function is None:
            continue
        offers = partial(checks.groups_for, waiting.reader, function.spec or {})
        found = placed(waiting.reader, r.spec or {}, r.status, offers)
        if found != r.status:
            return Admitted([(r, found)], None)
    return Admitted([], None)


def _after_deployment(tx: Transaction, kinds: Kinds, deployment: Resource, there: bool) -> None:
    """Put the state of a deployment on its function, and what runs beyond its minimum on clusters:
    how much that is only the reconciler knows."""
    spec = deployment.spec or {}
    if there and "gpuSpecificationIds" in deployment.status:
        _replace(tx, kinds, deployment)
    found = tx.get(f"{FUNCTIONS}.{spec.get('function')}")
    if found is None or not found.status:
        return
    state = deployment.status.get("status", INACTIVE) if there else INACTIVE
    if deployment.status.get("draining"):
        state = INACTIVE
    if found.status["status"] != state:
        observe(tx, kinds, found, {**found.status, "status": state})


# --------------------------------------------------------------------------- telemetries


def _telemetry_lookups(spec: Spec, status: Spec) -> Iterable[Lookup]:
    yield by_account(account_of(spec))
    if status:
        yield by_telemetry_id(status["telemetryId"])


def telemetry_status(making: Making) -> Spec:
    if making.before:
        return making.before
    now = times.stamp(times.parse(making.now))
    return {"telemetryId": making.uid, "createdAt": now}


# What a plan may change of a version without replacing it.
_MUTABLE = frozenset((
    "tags", "description", "rateLimit", "llmInvocationConfig", "secrets", "authorizedParties",
    "functionAuthorizedParties",
))  # fmt: skip
_SPEC = frozenset(FunctionSpec.model_fields)

KINDS = table(
    Kind(
        FUNCTIONS,
        FunctionSpec,
        "Versions of functions.",
        immutable=_SPEC - _MUTABLE,
        mutable=frozenset(
            f"models.*.llmConfig.{field}" for field in ("tokenRateLimit", "routingMethod")
        ),
        references={
            "account": ACCOUNTS,
            "versionOf": FUNCTIONS,
            **{f"telemetries.{field}": TELEMETRIES for field in TELEMETRY_FIELDS},
        },
        secrets=frozenset({"secrets.*"}),
        lookups=_function_lookups,
        status=function_status,
        after=_after_function,
    ),
    Kind(
        DEPLOYMENTS,
        DeploymentSpec,
        "Deployments of versions of functions.",
        immutable=frozenset({"function"}),
        references={"function": FUNCTIONS},
        follows=frozenset({"function"}),
        lookups=_deployment_lookups,
        status=deployment_status,
        admit=admit,
        scale=instances.scaled,
        instances=instances.wanted,
        over=instances.over,
        observed=instances.observed,
        after=_after_deployment,
    ),
    Kind(
        TELEMETRIES,
        TelemetrySpec,
        "Where functions send logs, metrics and traces.",
        immutable=frozenset({"account", "name"}),
        references={"account": ACCOUNTS},
        secrets=frozenset({"secret"}),
        lookups=_telemetry_lookups,
        status=telemetry_status,
    ),
)
