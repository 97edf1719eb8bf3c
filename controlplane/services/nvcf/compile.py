"""Bodies of functions, deployments and telemetries to specs."""

from __future__ import annotations

from typing import Any

from controlplane.services.nvcf.deployment_models import DeploymentSpec
from controlplane.services.nvcf.extra_models import CreateTelemetryRequest, TelemetrySpec
from controlplane.services.nvcf.models import CreateFunctionRequest, FunctionSpec
from controlplane.vault import Vault
from controlplane.vendor import compile as shared

# What is the same for tasks.
canonical, marker, with_secrets = shared.canonical, shared.marker, shared.with_secrets
keep, by_path, without_blanks = shared.keep, shared.by_path, shared.without_blanks


def function(body: CreateFunctionRequest, account: str, vault: Vault) -> dict[str, Any]:
    """The spec of a version, with digests in place of its secrets."""
    given = canonical(body)
    given.pop("secrets", None)
    spec = canonical(FunctionSpec(**{**given, "account": account}))
    return with_secrets(spec, body.secrets or (), vault)


def deployment(function_name: str, specifications: list[Any]) -> dict[str, Any]:
    """The spec of a deployment; blank texts are as if they were not there."""
    found = [without_blanks(canonical(s)) for s in specifications]
    return canonical(
        DeploymentSpec(function=function_name, deploymentSpecifications=found)  # type: ignore[arg-type]
    )


def telemetry(body: CreateTelemetryRequest, account: str, vault: Vault) -> dict[str, Any]:
    given = canonical(body)
    del given["secret"]
    made = TelemetrySpec(**{**given, "account": account, "name": body.secret.name, "secret": ""})
    return {**canonical(made), "secret": marker(body.secret, vault)}
