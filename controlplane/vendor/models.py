"""What requests and manifests of several services of the vendor say in the same way.

One set of models for manifests and for requests: manifests are refused for unknown keys, requests
are validated with `extra="ignore"`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from aicr import jsonio
from aicr.models import Model
from controlplane.vendor.scalars import (
    NotBlank,
    SecretName,
    Uri,
    bean,
    folded,
    unreadable,
)


class Variable(Model):
    """A variable of the container's environment."""

    key: str
    value: str


class Artifact(Model):
    """A resource that instances get beside their models."""

    name: NotBlank
    version: NotBlank
    uri: Uri


class Telemetries(Model):
    """Where logs, metrics and traces of a function go; in manifests names of nvcf.telemetries."""

    logsTelemetryId: str | None = None
    metricsTelemetryId: str | None = None
    tracesTelemetryId: str | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if not (self.logsTelemetryId or self.metricsTelemetryId or self.tracesTelemetryId):
            raise bean("at least one telemetry must be set")
        return self


class KubernetesType(Model):
    group: str
    version: str
    kind: str


class HelmValidationPolicy(Model):
    name: Annotated[Literal["Default", "Unrestricted"], folded("Default", "Unrestricted")]
    extraKubernetesTypes: Annotated[list[KubernetesType], Field(min_length=1)] | None = None


class SecretBody(Model):
    """A secret with its value: text, or a JSON object."""

    name: SecretName
    value: Any

    @model_validator(mode="after")
    def _value(self) -> Self:
        if not isinstance(self.value, str | dict):
            raise unreadable("the value must be text or an object")
        if not 1 <= len(secret_text(self.value).strip()) <= 32768:
            raise bean("the value must have 1 to 32768 characters")
        return self


def secret_text(value: Any) -> str:
    """The text that is kept of a secret's value."""
    return value if isinstance(value, str) else jsonio.compact(value)


def _own_names(secrets: list[SecretBody]) -> list[SecretBody]:
    if len({s.name for s in secrets}) < len(secrets):
        raise bean("secrets must have names of their own")
    return secrets


SecretBodies = Annotated[list[SecretBody], AfterValidator(_own_names)]


class UpdateSecretsRequest(Model):
    secrets: Annotated[SecretBodies, Field(min_length=1)]
