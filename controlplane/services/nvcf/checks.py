"""What depends on the state, asked in the order of contract 4.3 and 5.2; plans ask it, too.

Raises the engine's errors: InvalidRequest, or NotFound.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from aicr.errors import InvalidRequest
from controlplane import clusters, oci, registries
from controlplane.access.kinds import ACCOUNTS
from controlplane.http.log import log
from controlplane.kinds import Spec
from controlplane.registries import Artifact
from controlplane.services.nvcf import errors, lifecycle
from controlplane.services.nvcf.lookups import (
    DEPLOYMENTS,
    FUNCTIONS,
    TELEMETRIES,
    account_of,
    by_account,
    by_function,
    by_name,
    by_telemetry_id,
)
from controlplane.state.protocol import Reader, Resource

LLM = "LLM"
_PART = r"[A-Za-z0-9][A-Za-z0-9_.\-]*"
_NGC = re.compile(
    r"https://api(?:\.stg|\.canary)?\.ngc\.nvidia\.com/v2/org/"
    rf"{_PART}(?:/team/{_PART})?/(models|resources)/{_PART}/(?!versions/){_PART}/files"
)


def account(reader: Reader, name: str) -> Resource:
    """Raises NotFound."""
    found = reader.get(f"{ACCOUNTS}.{name}")
    if found is None:
        raise errors.no_account(name)
    return found


def function(reader: Reader, spec: Spec, address: str, *, new: bool) -> None:
    """A version that is to be, on its own and beside the others of its function."""
    if not new:
        return
    limit(reader, spec)
    telemetries(reader, spec)
    pullable(reader, spec)
    sibling = spec.get("versionOf")
    if sibling is not None:
        found = reader.get(f"{FUNCTIONS}.{sibling}")
        if found is None or not found.status:
            raise errors.bad(f"versionOf: there is no {FUNCTIONS}.{sibling}")
        if account_of(found.spec or {}) != account_of(spec):
            raise errors.bad(f"versionOf: {FUNCTIONS}.{sibling} belongs to another account")
        every = reader.find(FUNCTIONS, by_function(found.status["functionId"]))
        siblings(spec, [r for r in every if r.address != address])


def limit(reader: Reader, spec: Spec) -> None:
    """An account may bound its functions; all versions count, only new functions are refused."""
    if spec.get("versionOf") is not None:
        return
    owner = account_of(spec)
    known = reader.get(f"{ACCOUNTS}.{owner}")
    most = ((known and known.spec) or {}).get("maxFunctionsAllowed")
    if most is not None and len(reader.find(FUNCTIONS, by_account(owner))) >= most:
        raise errors.bad(f"Account '{owner}' has reached its limit of {most} functions")


_TYPES = {"logsTelemetryId": "LOGS", "metricsTelemetryId": "METRICS", "tracesTelemetryId": "TRACES"}


def telemetries(reader: Reader, spec: Spec) -> dict[str, dict[str, str]]:
    """The ids of a function's telemetries, by what they are for, as its status has them."""
    named = spec.get("telemetries")
    if not named:
        return {}
    ids = {}
    for field, type_ in _TYPES.items():
        if field in named:
            found = reader.get(f"{TELEMETRIES}.{named[field]}")
            if found is None or account_of(found.spec or {}) != account_of(spec):
                raise errors.no_telemetry(named[field], account_of(spec))
            if type_ not in (found.spec or {})["types"]:
                raise errors.bad(f"{field}: the telemetry is not of type {type_}")
            ids[field] = str(found.status["telemetryId"])
    return {"telemetries": ids}


def telemetry_name(reader: Reader, owner: str, telemetry: str) -> str:
    """The name of the resource of a telemetry. Raises NotFound."""
    for found in reader.find(TELEMETRIES, by_telemetry_id(telemetry)):
        if account_of(found.spec or {}) == owner:
            return found.address.rpartition(f"{TELEMETRIES}.")[2]
    raise errors.no_telemetry(telemetry, owner)


# --------------------------------------------------------------------------- artifacts


def artifacts(spec: Spec) -> Iterator[Artifact]:
    """Everything that instances of a function pull."""
    if spec.get("containerImage"):
        yield Artifact(registries.CONTAINER, spec["containerImage"])
    if spec.get("helmChart"):
        yield Artifact(registries.HELM, spec["helmChart"])
    for model in spec.get("models") or ():
        if model.get("uri"):
            yield Artifact(registries.MODEL, model["uri"])
    for resource in spec.get("resources") or ():
        yield Artifact(registries.RESOURCE, resource["uri"])


def pullable(reader: Reader, spec: Spec, mode: str = registries.THROW) -> None:
    """Artifacts are well-formed, from registries that are recognised, with credentials (8.5); in
    mode `log` what is not is only logged, but for malformed names."""
    for artifact in artifacts(spec):
        words = malformed(artifact)
        if words:
            raise errors.bad(words)
        words = registries.fault(reader, account_of(spec), artifact)
        if words and mode != registries.LOG:
            raise errors.bad(words)
        if words:
            log("warn", words, account=account_of(spec), artifact=artifact.uri)


def malformed(artifact: Artifact) -> str:
    """What is wrong with how an artifact is named; nothing when it is right."""
    if artifact.type == registries.CONTAINER:
        try:
            oci.parse(artifact.uri)
        except InvalidRequest as e:
            return e.message
    if artifact.type in (registries.MODEL, registries.RESOURCE):
        if "://" not in artifact.uri:
            return f"Invalid {artifact.type} URI '{artifact.uri}': it must be absolute"
        form = _NGC.fullmatch(artifact.uri)
        if registries.is_ngc(artifact.host) and (
            form is None or form[1] != f"{artifact.type.lower()}s"
        ):
            return f"Invalid {artifact.type} URI '{artifact.uri}'"
    return ""


# --------------------------------------------------------------------------- siblings


def siblings(spec: Spec, others: list[Resource]) -> None:
    """Versions of one function are all LLM or none is, and LLM models agree (4.3)."""
    for other in others:
        known = other.spec or {}
        if (spec["functionType"] == LLM) != (known["functionType"] == LLM):
            raise errors.bad("Versions of one function are all of type LLM, or none is")
        if spec["functionType"] == LLM and not _agree(spec, known):
            raise errors.bad("Models of LLM versions must have the same uris and tokenizer")


def _agree(a: Spec, b: Spec) -> bool:
    mine, theirs = (_reached(spec) for spec in (a, b))
    return all(mine[name] == theirs[name] for name in mine.keys() & theirs.keys())


def _reached(spec: Spec) -> dict[str, Any]:
    configs = {m["name"]: m["llmConfig"] for m in spec["models"]}
    return {name: (sorted(c["uris"]), c.get("tokenizer")) for name, c in configs.items()}


# --------------------------------------------------------------------------- deployments


class Deployable(NamedTuple):
    """A function that can be deployed, and the cluster groups that are offered for it."""

    function: Resource
    groups: list[clusters.Group]


def deployment(
    reader: Reader, spec: Spec, *, new: bool, mode: str = registries.THROW
) -> Deployable:
    """The function that a deployment is to deploy, and where it can go."""
    name = spec["function"]
    found = reader.get(f"{FUNCTIONS}.{name}")
    if found is None or found.spec is None or not found.status:
        raise errors.bad(f"there is no {FUNCTIONS}.{name}")
    if new:
        gate(reader, found)
    fits(found.spec, spec["deploymentSpecifications"])
    groups = offered(reader, found.spec, spec["deploymentSpecifications"])
    if new:
        pullable(reader, found.spec, mode)
    return Deployable(found, groups)


def gate(reader: Reader, found: Resource) -> None:
    """Whether a version may be deployed as it is (5.2)."""
    name = found.address.removeprefix(f"{FUNCTIONS}.")
    leftover = reader.find(DEPLOYMENTS, by_name(name))
    version = f"Function version id '{found.status['versionId']}'"
    if any(r.status.get("draining") for r in leftover):
        raise errors.bad(f"{version} {lifecycle.DRAINING}")
    state = found.status["status"]
    words = lifecycle.refusal(lifecycle.DEPLOY, state)
    if words or leftover:
        raise errors.bad(f"{version} {words or lifecycle.REFUSED[lifecycle.DEPLOY]['ACTIVE']}")


def fits(function_spec: Spec, specifications: list[Spec]) -> None:
    """Some fields are for helm charts only."""
    if function_spec.get("helmChart"):
        return
    for field in ("configuration", "helmValidationPolicy"):
        if any(field in gpu for gpu in specifications):
            raise errors.bad(f"{field} is for functions with a helmChart")


def groups_for(reader: Reader, function_spec: Spec) -> list[clusters.Group]:
    """The cluster groups that a function can be deployed to."""
    usage = clusters.CONTAINER if function_spec.get("containerImage") else clusters.DEFAULT
    return clusters.offers(reader, account_of(function_spec), usage)


def offered(
    reader: Reader, function_spec: Spec, specifications: list[Spec]
) -> list[clusters.Group]:
    """Every specification asks for what a cluster group of the account has; those groups."""
    groups = groups_for(reader, function_spec)
    if not groups:
        raise errors.bad(f"No cluster groups for account '{account_of(function_spec)}'")
    for gpu in specifications:
        _offered(groups, gpu)
    return groups


def _offered(groups: list[clusters.Group], asked: Spec) -> None:
    backend, gpu, type_ = asked.get("backend"), asked["gpu"], asked["instanceType"]
    if backend and backend.strip():
        groups = [g for g in groups if g.name.lower() == backend.lower()]
        if not groups:
            raise errors.bad(f"Invalid Backend '{backend}'")
    gpus = [g for group in groups for g in group.gpus if g.name.lower() == gpu.lower()]
    if not gpus:
        raise errors.bad(f"Invalid GPU '{gpu}'")
    names = {n.lower() for g in gpus for t in g.instance_types for n in (t.name, t.value)}
    if type_.lower() not in names:
        raise errors.bad(f"Invalid InstanceType '{type_}' for GPU '{gpu}'")
