"""What depends on the state, asked in the order of contract 4.3 and 5.2; plans ask it, too.

Raises the engine's errors: InvalidRequest, or NotFound.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from controlplane import clusters, registries
from controlplane.access.kinds import ACCOUNTS
from controlplane.kinds import Spec
from controlplane.services.nvcf import errors, lifecycle
from controlplane.services.nvcf.lookups import DEPLOYMENTS, FUNCTIONS, by_function, by_name
from controlplane.state.protocol import Reader, Resource
from controlplane.vendor import checks as shared
from controlplane.vendor.lookups import account_of, by_account

LLM = "LLM"
# What is the same for tasks.
account, offered, pullable = shared.account, shared.offered, shared.pullable
artifacts, telemetries = shared.artifacts, shared.telemetries
groups_for = shared.groups_for
telemetry_name = shared.telemetry_name


def function(
    reader: Reader, spec: Spec, address: str, *, new: bool, mode: str = registries.THROW
) -> None:
    """A version that is to be, on its own and beside the others of its function."""
    if not new:
        return
    limit(reader, spec)
    telemetries(reader, spec)
    pullable(reader, spec, mode)
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
