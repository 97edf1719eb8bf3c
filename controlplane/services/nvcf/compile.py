"""Bodies of requests to specs: the same form that manifests compile to, so that both meet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel

from controlplane import secretrefs
from controlplane.kinds import Spec
from controlplane.plan.effects import secret_name
from controlplane.services.nvcf.deployment_models import DeploymentSpec
from controlplane.services.nvcf.extra_models import CreateTelemetryRequest, TelemetrySpec
from controlplane.services.nvcf.models import (
    CreateFunctionRequest,
    FunctionSpec,
    SecretBody,
    secret_text,
)
from controlplane.state.protocol import Transaction
from controlplane.vault import Vault


def canonical(model: BaseModel) -> dict[str, Any]:
    """A spec as manifests give it: with defaults, without what is null."""
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)


def function(body: CreateFunctionRequest, account: str, vault: Vault) -> dict[str, Any]:
    """The spec of a version, with digests in place of its secrets."""
    given = canonical(body)
    given.pop("secrets", None)
    spec = canonical(FunctionSpec(**{**given, "account": account}))
    return with_secrets(spec, body.secrets or (), vault)


def with_secrets(spec: Spec, secrets: Iterable[SecretBody], vault: Vault) -> dict[str, Any]:
    """A spec with these secrets, beside those that it has."""
    marked = {s.name: marker(s, vault) for s in secrets}
    return {**spec, "secrets": {**spec.get("secrets", {}), **marked}} if marked else dict(spec)


def marker(secret: SecretBody, vault: Vault) -> dict[str, str]:
    """What a spec says of a secret whose value came by a request."""
    digest = vault.digest(secret_text(secret.value))
    return {secretrefs.REFERENCE: secretrefs.GIVEN, secretrefs.DIGEST: digest}


def keep(tx: Transaction, vault: Vault, address: str, secrets: Mapping[str, SecretBody]) -> None:
    """Seal values of secrets, by their paths in the spec."""
    for path, secret in secrets.items():
        vault.put(tx, secret_name(address, path), secret_text(secret.value))


def by_path(secrets: Iterable[SecretBody] | None) -> dict[str, SecretBody]:
    """Secrets of a function by their paths."""
    return {f"secrets.{s.name}": s for s in secrets or ()}


def deployment(function_name: str, specifications: list[Any]) -> dict[str, Any]:
    """The spec of a deployment; blank texts are as if they were not there."""
    found = [_without_blanks(canonical(s)) for s in specifications]
    return canonical(
        DeploymentSpec(function=function_name, deploymentSpecifications=found)  # type: ignore[arg-type]
    )


def _without_blanks(spec: Spec) -> dict[str, Any]:
    return {k: v for k, v in spec.items() if not (isinstance(v, str) and not v.strip())}


def telemetry(body: CreateTelemetryRequest, account: str, vault: Vault) -> dict[str, Any]:
    given = canonical(body)
    del given["secret"]
    made = TelemetrySpec(**{**given, "account": account, "name": body.secret.name, "secret": ""})
    return {**canonical(made), "secret": marker(body.secret, vault)}
