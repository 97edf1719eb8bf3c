"""What manifests may say of accounts, clients, keys, users and secrets."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from aicr.models import Model
from controlplane.access import scopes, times
from controlplane.access.policy import TYPES
from controlplane.access.registry import SERVICES

DESCRIPTION = r"^[a-zA-Z0-9\s_-]{1,64}$"
_REFERENCE = "A secret: env:NAME, file:PATH or store:NAME."


# As the API Keys service takes it in a header.
OWNER = r"^[^\x00-\x1f\x7f]{1,256}$"
Owner = Annotated[str, Field(pattern=OWNER)]


def _token_scope(text: str) -> str:
    wrong = scopes.fault(text, scopes.JWT)
    if wrong:
        raise ValueError(f"{text}: {wrong}")
    return text


TokenScope = Annotated[str, AfterValidator(_token_scope)]


class AccountSpec(Model):
    """An account, named by its NCA id."""

    name: str | None = Field(default=None, description="What people call it.")
    adminClientIds: list[str] | None = None
    maxFunctionsAllowed: int | None = Field(default=None, ge=0)
    maxTasksAllowed: int | None = Field(default=None, ge=0)
    maxTelemetriesAllowed: int | None = Field(default=None, ge=0, le=50)
    maxRegistryCredentialsAllowed: int | None = Field(default=None, ge=0, le=50)


class ClientSpec(Model):
    """A client: a program or person that tokens are issued to."""

    account: str = Field(description="The account that it acts for.")
    scopes: list[TokenScope] | None = Field(
        default=None, description="All that its tokens may carry; without it anything."
    )
    description: str | None = None


class UserSpec(Model):
    """An owner of keys. One who is suspended has none that work."""

    owner: Owner
    status: Literal["ACTIVE", "SUSPENDED"] = "ACTIVE"


class SecretSpec(Model):
    """A secret that others refer to as store:NAME."""

    value: str = Field(description=_REFERENCE)


def _instant(text: str) -> str:
    return times.stamp(times.parse(text))


def _service(text: str) -> str:
    if text not in SERVICES:
        raise ValueError(f"no such service: there are {', '.join(SERVICES)}")
    return text


def _authorizations(value: Any) -> Any:
    """Policies that say what nothing here understands would allow nothing, and nobody would know.

    Over REST any JSON will do, as the vendor has it; a manifest is read before it counts.
    """
    policies = value.get("policies") if isinstance(value, dict) else None
    for policy in _items(policies, "policies"):
        _service(_text(policy, "aud"))
        for scope in _list(policy.get("scopes"), "scopes"):
            wrong = scopes.fault(str(scope), scopes.API_KEY)
            if wrong:
                raise ValueError(f"scope {scope}: {wrong}")
        for resource in _items(policy.get("resources"), "resources"):
            if _text(resource, "type") not in TYPES:
                raise ValueError(f"no such type of resource: there are {', '.join(TYPES)}")
            _text(resource, "id")
    return value


def _items(value: Any, name: str) -> list[dict[str, Any]]:
    found = _list(value, name)
    if not all(isinstance(item, dict) for item in found):
        raise ValueError(f"{name} must be a list of maps")
    return found


def _list(value: Any, name: str) -> list[Any]:
    if value is not None and not isinstance(value, list):
        raise ValueError(f"{name} must be a list")
    return value or []


def _text(value: dict[str, Any], name: str) -> str:
    found = value.get(name)
    if not isinstance(found, str):
        raise ValueError(f"{name} must be set, as text")
    return found


Service = Annotated[str, AfterValidator(_service)]


class KeySpec(Model):
    """An API key of an owner for a service."""

    service: Service = Field(description="Id of the service that issues it.")
    owner: Owner
    description: str = Field(pattern=DESCRIPTION)
    expiresAt: Annotated[str, AfterValidator(_instant)] = Field(
        description="When it ends, as 2026-01-01T00:00:00Z."
    )
    audiences: list[Service] | None = Field(
        default=None, min_length=1, description="Services it may be shown to; else its own."
    )
    authorizations: Annotated[
        dict[str, Any] | list[Any] | str | int | float | bool, AfterValidator(_authorizations)
    ] = Field(description="What it allows: {policies: [{aud, scopes, resources}]}.")
    value: str | None = Field(default=None, description=_REFERENCE)
