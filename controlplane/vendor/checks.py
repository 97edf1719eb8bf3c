"""What depends on the state and is the same for functions and tasks: accounts, telemetries,
artifacts (contract 8.5), and what clusters offer (5.2). Plans ask it, too.

Raises the engine's errors: InvalidRequest, or NotFound.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from aicr.errors import InvalidRequest
from controlplane import clusters, oci, registries
from controlplane.access.kinds import ACCOUNTS
from controlplane.http.log import log
from controlplane.kinds import Spec
from controlplane.registries import Artifact
from controlplane.state.protocol import Reader, Resource
from controlplane.vendor import errors
from controlplane.vendor.lookups import (
    TELEMETRIES,
    TELEMETRY_FIELDS,
    account_of,
    by_telemetry_id,
)
from controlplane.vendor.requests import uuid

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


_TYPES = {"logsTelemetryId": "LOGS", "metricsTelemetryId": "METRICS", "tracesTelemetryId": "TRACES"}


def telemetries(reader: Reader, spec: Spec) -> dict[str, dict[str, str]]:
    """The ids of the telemetries of a spec, by what they are for, as its status has them."""
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


def with_telemetries(reader: Reader, spec: Spec) -> Spec:
    """A spec that names resources where a request has ids. Raises Problem 400, or NotFound."""
    given = spec.get("telemetries")
    if not given:
        return spec
    ids = {field: uuid(given[field], field) for field in TELEMETRY_FIELDS if field in given}
    owner = account_of(spec)
    named = {field: telemetry_name(reader, owner, id_) for field, id_ in ids.items()}
    return {**spec, "telemetries": named}


# --------------------------------------------------------------------------- artifacts


def artifacts(spec: Spec) -> Iterator[Artifact]:
    """Everything that instances of a function or task pull."""
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


# --------------------------------------------------------------------------- clusters


def groups_for(reader: Reader, spec: Spec) -> list[clusters.Group]:
    """The cluster groups that a function or task can go to."""
    usage = clusters.CONTAINER if spec.get("containerImage") else clusters.DEFAULT
    return clusters.offers(reader, account_of(spec), usage)


def offered(reader: Reader, spec: Spec, specifications: Iterable[Spec]) -> list[clusters.Group]:
    """Every specification asks for what a cluster group of the account has; those groups."""
    groups = groups_for(reader, spec)
    if not groups:
        raise errors.bad(f"No cluster groups for account '{account_of(spec)}'")
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
