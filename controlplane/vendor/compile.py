"""Bodies of requests to specs: the same form that manifests compile to, so that both meet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel

from controlplane import secretrefs
from controlplane.kinds import Spec
from controlplane.plan.effects import secret_name
from controlplane.state.protocol import Transaction
from controlplane.vault import Vault
from controlplane.vendor.models import SecretBody, secret_text


def canonical(model: BaseModel) -> dict[str, Any]:
    """A spec as manifests give it: with defaults, without what is null."""
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)


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
    """Secrets of a function or task by their paths."""
    return {f"secrets.{s.name}": s for s in secrets or ()}


def without_blanks(spec: Spec) -> dict[str, Any]:
    """Blank texts are as if they were not there."""
    return {k: v for k, v in spec.items() if not (isinstance(v, str) and not v.strip())}
