"""What manifests may say of accounts, clients, keys, users and secrets."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from aicr.models import Model
from controlplane.access import times
from controlplane.access.registry import SERVICES

DESCRIPTION = r"^[a-zA-Z0-9\s_-]{1,64}$"
_REFERENCE = "A secret: env:NAME, file:PATH or store:NAME."


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
    scopes: list[str] | None = Field(
        default=None, description="All that its tokens may carry; without it anything."
    )
    description: str | None = None


class UserSpec(Model):
    """An owner of keys. One who is suspended has none that work."""

    owner: str
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


Service = Annotated[str, AfterValidator(_service)]


class KeySpec(Model):
    """An API key of an owner for a service."""

    service: Service = Field(description="Id of the service that issues it.")
    owner: str = Field(min_length=1, max_length=256)
    description: str = Field(pattern=DESCRIPTION)
    expiresAt: Annotated[str, AfterValidator(_instant)] = Field(
        description="When it ends, as 2026-01-01T00:00:00Z."
    )
    audiences: list[Service] | None = Field(
        default=None, min_length=1, description="Services it may be shown to; else its own."
    )
    authorizations: dict[str, Any] | list[Any] | str | int | float | bool = Field(
        description="What it allows: {policies: [{aud, scopes, resources}]}."
    )
    value: str | None = Field(default=None, description=_REFERENCE)
