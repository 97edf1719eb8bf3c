"""Names of the kinds of this service, and how their resources are found."""

from __future__ import annotations

from controlplane.kinds import Spec
from controlplane.state.protocol import Lookup

FUNCTIONS, DEPLOYMENTS = "nvcf.functions", "nvcf.deployments"
EVERYBODY = "*"


def by_function(function: str) -> Lookup:
    return Lookup("functionId", function)


def by_version(version: str) -> Lookup:
    return Lookup("versionId", version)


def by_party(account: str) -> Lookup:
    return Lookup("party", account)


def parties(spec: Spec) -> frozenset[str]:
    """The accounts that may use a version beside its own; everybody: `*`."""
    lists = (spec.get("authorizedParties") or (), spec.get("functionAuthorizedParties") or ())
    return frozenset(account for found in lists for account in found)


# Deployments that want more instances than have a place.
SHORT = Lookup("placing", "short")


def by_name(function: str) -> Lookup:
    """Deployments by the name of the function that they deploy."""
    return Lookup("function", function)


def by_deployment(deployment: str) -> Lookup:
    return Lookup("deploymentId", deployment)
