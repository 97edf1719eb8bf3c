"""Registry credentials as manifests and REST have them, and registries of the installation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, Field

from aicr.models import Model
from controlplane.access.bootstrap import ACCOUNT
from controlplane.services.registries import rules


def _checked(rule: Callable[[Any], str]) -> AfterValidator:
    def validate(value: Any) -> Any:
        words = rule(value)
        if words:
            raise ValueError(words)
        return value

    return AfterValidator(validate)


Hostname = Annotated[str, _checked(rules.hostname), AfterValidator(str.lower)]
Types = Annotated[list[str], _checked(rules.types)]


class SecretSpec(Model):
    name: Annotated[str, _checked(rules.secret_name)]
    value: str = Field(
        description="A secret: env:NAME, file:PATH or store:NAME. It is base64 of user:password."
    )


class CredentialSpec(Model):
    """A credential with which an account pulls from a registry."""

    ncaId: str = Field(default=ACCOUNT, description="The account that has it.")
    registryHostname: Hostname
    secret: SecretSpec
    artifactTypes: Types = Field(description="CONTAINER, HELM, MODEL, RESOURCE.")
    tags: Annotated[list[str], _checked(rules.tags)] = Field(default=[])
    description: Annotated[str, _checked(rules.description)] | None = None


class RegistrySpec(Model):
    """A registry that artifacts may come from, beside those that are known everywhere."""

    name: str = Field(min_length=1, max_length=256, description="What people call it.")
    hostname: Hostname
    artifactTypes: Types = Field(description="CONTAINER, HELM, MODEL, RESOURCE.")
    validated: bool = Field(
        default=False, description="Whether credentials are needed and artifacts are looked for."
    )


class SecretRequest(BaseModel):
    name: str
    value: str = Field(description="Base64 of user:password; it is never returned.")


class CreateRegistryCredential(BaseModel):
    registryHostname: str
    secret: SecretRequest
    artifactTypes: list[str]
    tags: list[str] | None = None
    description: str | None = None


class UpdateRegistryCredential(BaseModel):
    """Another secret, more types, or both."""

    secret: SecretRequest | None = None
    artifactTypeEnums: list[str] | None = None


class RegistryCredential(BaseModel):
    registryCredentialId: str
    ncaId: str
    registryCredentialName: str
    registryName: str
    registryHostname: str
    artifactTypes: list[str]
    tags: list[str] | None = None
    description: str | None = None
    provisionedBy: str
    keyType: str | None = None
    lastUpdatedAt: str
    createdAt: str


class RegistryCredentialAnswer(BaseModel):
    registryCredential: RegistryCredential


class RegistryCredentialsAnswer(BaseModel):
    registryCredentials: list[RegistryCredential]


class RecognizedAnswer(BaseModel):
    recognizedRegistries: dict[str, list[dict[str, str]]]


SCHEMAS: tuple[type[BaseModel], ...] = (
    CreateRegistryCredential,
    UpdateRegistryCredential,
    RegistryCredentialAnswer,
    RegistryCredentialsAnswer,
    RecognizedAnswer,
)
