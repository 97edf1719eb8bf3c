"""A cluster as manifests and REST have it: one model, so that both make the same resource."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, Field, model_validator

from aicr.models import CriteriaSpec, Model
from controlplane.access.bootstrap import ACCOUNT
from controlplane.clusters import SINGLE
from controlplane.services.sis import rules

Texts = list[str]


def _checked(check: Any) -> Any:
    """A validator of a rule that raises the vendor's refusal."""

    def validate(value: Any) -> Any:
        fault = check(value)
        if fault is not None:
            raise ValueError(fault.message)
        return value

    return AfterValidator(validate)


class InstanceType(Model):
    """A share of a machine: so many of its GPUs, with what belongs to them."""

    name: str = Field(min_length=1)
    value: str = Field(min_length=1)
    description: str | None = None
    default: bool = Field(default=False, description="Exactly one of a GPU's is the default.")
    nodeType: Annotated[str, _checked(rules.node_type)] = SINGLE
    gpuCount: int = Field(default=1, ge=0)
    cpuCores: int | str | None = None
    systemMemory: int | str | None = None
    gpuMemory: int | str | None = None
    cpuArch: str | None = None
    os: str | None = None
    driverVersion: str | None = None
    storage: int | str | None = None


class Gpu(Model):
    name: str
    capacity: int = Field(default=0, ge=0, description="How many there are.")
    instanceTypes: list[InstanceType] = Field(min_length=1)


class Replacement(Model):
    """What a PUT says of a cluster: everything but its name, its account, and who it is."""

    clusterGroupName: str = Field(min_length=1)
    cloudProvider: Annotated[str, _checked(rules.provider)]
    region: Annotated[str, _checked(rules.region), AfterValidator(str.lower)]
    nvcaVersion: str = Field(min_length=1)
    clusterDescription: str | None = None
    authorizedNCAIds: Texts = Field(default=[], description="Accounts that may use it, or *.")
    capabilities: Texts = Field(default=[])
    attributes: Annotated[Texts, _checked(rules.attributes)] = Field(default=[])
    customAttributes: Texts = Field(default=[])
    gpus: list[Gpu] = Field(default=[])
    clusterKeyId: str | None = None
    clusterSource: Annotated[str, _checked(rules.source)] = rules.NGC_MANAGED
    clusterConfigurations: dict[str, str] = Field(default={})
    clusterConfigurationFiles: dict[str, str] = Field(default={}, description="Base64 by name.")


class ClusterSpec(Replacement):
    """A self-hosted cluster."""

    clusterName: Annotated[str, _checked(rules.name)]
    ncaId: str = Field(default=ACCOUNT, description="The account that owns it.")
    oAuthClientId: str | None = None
    jwks: Annotated[str, _checked(rules.key_set)] | None = Field(
        default=None, description="The public keys of its workloads, a JWK set as JSON text."
    )
    oidcIssuer: str | None = None
    criteria: CriteriaSpec | None = Field(
        default=None, description="What its stack is asked for, as for aicr recipe."
    )

    @model_validator(mode="after")
    def _together(self) -> Self:
        spec = self.model_dump(exclude_none=True)
        for rule in (rules.accounts, rules.gpus):
            fault = rule(spec)
            if fault is not None:
                raise ValueError(fault.message)
        return self


class Ids(BaseModel):
    clusterId: str
    clusterGroupId: str


class ClusterAnswer(BaseModel):
    """A cluster; what is not known is null."""

    clusterName: str
    clusterGroupName: str
    clusterDescription: str | None
    ncaId: str
    authorizedNCAIds: Texts
    cloudProvider: str
    region: str
    capabilities: Texts
    attributes: Texts
    customAttributes: Texts
    gpus: list[dict[str, Any]]
    nvcaVersion: str
    clusterId: str
    clusterGroupId: str
    status: str
    clusterSource: str
    nvcaLastConnected: str | None
    k8sVersion: str | None
    gpuUsage: dict[str, dict[str, int]] | None


class JwksRequest(BaseModel):
    jwks: str
    oidcIssuer: str | None = None


class RegisterRequest(BaseModel):
    """What an agent says when it starts."""

    status: str
    k8sVersion: str
    gpus: list[dict[str, Any]] | None = None
    nvcaVersion: str | None = None
    jwks: str | None = None
    oidcIssuer: str | None = None


class HeartbeatRequest(BaseModel):
    """What an agent says again and again."""

    status: str = Field(description="HEALTHY or UNHEALTHY.")
    gpuUsage: dict[str, dict[str, int]]
    upgradeStatus: str | None = None
    nvcaAgentVersion: str | None = None


class IntrospectRequest(BaseModel):
    token: str


class Fault(BaseModel):
    """An error of this API."""

    error: str


SCHEMAS: tuple[type[BaseModel], ...] = (
    ClusterSpec,
    Replacement,
    Ids,
    ClusterAnswer,
    JwksRequest,
    RegisterRequest,
    HeartbeatRequest,
    IntrospectRequest,
    Fault,
)
