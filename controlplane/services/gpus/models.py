"""Models of cluster groups and GPUs, for OpenAPI: field names are the wire's."""

from __future__ import annotations

from pydantic import BaseModel


class GroupInstanceType(BaseModel):
    name: str
    description: str | None = None
    default: bool | None = None


class GroupGpu(BaseModel):
    name: str
    instanceTypes: list[GroupInstanceType]


class GroupCluster(BaseModel):
    k8sVersion: str | None = None
    id: str
    name: str


class ClusterGroup(BaseModel):
    id: str
    name: str
    ncaId: str
    authorizedNcaIds: list[str]
    gpus: list[GroupGpu]
    clusters: list[GroupCluster]


class ClusterGroupsAnswer(BaseModel):
    clusterGroups: list[ClusterGroup]


class SupportedGpu(BaseModel):
    gpu: str
    backend: str


class GpuPlacement(BaseModel):
    clusterId: str
    cluster: str
    clusterGroupId: str
    clusterGroup: str
    cloudProvider: str
    region: str
    currentMaxUsage: int
    currentMinUsage: int


class GpuUsage(BaseModel):
    gpu: str
    instanceType: str
    currentMaxUsage: int
    currentMinUsage: int
    placements: list[GpuPlacement]


class GpuUsageAnswer(BaseModel):
    gpus: list[GpuUsage]


SCHEMAS: tuple[type[BaseModel], ...] = (ClusterGroupsAnswer, SupportedGpu, GpuUsageAnswer)
