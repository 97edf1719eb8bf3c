"""Answers as models, for OpenAPI: field names are the wire's, what is null is left out."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel

from controlplane.services.nvcf.deployment_models import GpuSpecification
from controlplane.services.nvcf.extra_models import Party
from controlplane.services.nvcf.models import FunctionModel, Health, LlmInvocationConfig, RateLimit
from controlplane.vendor.models import Artifact, Telemetries, Variable
from controlplane.vendor.spec import items, ref

Status = Literal["INACTIVE", "DEPLOYING", "ACTIVE", "ERROR", "DEGRADED", "DEGRADING"]


class ActiveInstance(BaseModel):
    instanceId: str
    functionId: str
    functionVersionId: str
    instanceType: str
    instanceStatus: str
    ncaId: str
    gpu: str
    backend: str | None = None
    instanceCreatedAt: str
    instanceUpdatedAt: str


class FunctionDto(BaseModel):
    """A version of a function."""

    id: str
    ncaId: str
    versionId: str
    name: str
    status: Status
    inferenceUrl: str | None = None
    ownedByDifferentAccount: bool | None = None
    inferencePort: int | None = None
    containerArgs: str | None = None
    containerEnvironment: list[Variable] | None = None
    models: list[FunctionModel] | None = None
    containerImage: str | None = None
    apiBodyFormat: str | None = None
    helmChart: str | None = None
    helmChartServiceName: str | None = None
    healthUri: str
    createdAt: str
    activeInstances: list[ActiveInstance] | None = None
    resources: list[Artifact] | None = None
    tags: list[str] | None = None
    description: str | None = None
    health: Health
    functionType: str
    secrets: list[str] | None = None
    rateLimit: RateLimit | None = None
    llmInvocationConfig: LlmInvocationConfig | None = None
    telemetries: Telemetries | None = None


class GpuSpecificationDto(GpuSpecification):
    gpuSpecificationId: str


class HealthInfo(BaseModel):
    gpu: str
    backend: str | None = None
    instanceType: str
    error: str


class DeploymentDto(BaseModel):
    functionId: str
    functionVersionId: str
    deploymentId: str
    functionName: str
    ncaId: str
    functionStatus: Status
    healthInfo: list[HealthInfo] | None = None
    deploymentSpecifications: list[GpuSpecificationDto]
    createdAt: str
    lastUpdatedAt: str


class QueueDto(BaseModel):
    functionVersionId: str
    functionName: str
    functionStatus: Status
    queueDepth: int


class TelemetryDto(BaseModel):
    telemetryId: str
    name: str
    endpoint: str
    protocol: str
    provider: str
    types: list[str]
    createdAt: str


class AuthorizedPartiesDto(BaseModel):
    id: str
    ncaId: str
    versionId: str | None = None
    authorizedParties: list[Party]


class AccountDto(BaseModel):
    ncaId: str
    adminClientIds: list[str] | None = None
    name: str | None = None
    maxFunctionsAllowed: int
    maxTasksAllowed: int
    maxTelemetriesAllowed: int
    maxRegistryCredentialsAllowed: int
    lastUpdatedAt: str


class ClientDto(BaseModel):
    clientId: str
    ncaId: str
    description: str | None = None


_TEXT, _NUMBER = {"type": "string"}, {"type": "integer"}
# What an answer's object holds, by the name that endpoints call it.
SHAPES: dict[str, dict[str, Any]] = {
    "function": ref("FunctionDto"),
    "functions": items(ref("FunctionDto")),
    "functionIds": items(_TEXT),
    "deployment": ref("DeploymentDto"),
    "deployments": items(ref("DeploymentDto")),
    "gpuSpecification": ref("GpuSpecificationDto"),
    "instances": items({"type": "object"}),
    "queues": items(ref("QueueDto")),
    "positionInQueue": _NUMBER,
    "telemetry": ref("TelemetryDto"),
    "telemetries": items(ref("TelemetryDto")),
    "account": ref("AccountDto"),
    "accounts": items(ref("AccountDto")),
    "client": ref("ClientDto"),
}
SHARING = ref("AuthorizedPartiesDto")
DTOS: tuple[type[BaseModel], ...] = (
    FunctionDto, DeploymentDto, GpuSpecificationDto, QueueDto, TelemetryDto,
    AuthorizedPartiesDto, AccountDto, ClientDto,
)  # fmt: skip
