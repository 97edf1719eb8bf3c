"""Answers as models, for OpenAPI: field names are the wire's, what is null is left out."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel

from controlplane.services.nvct.models import TaskGpu, TaskVariable
from controlplane.vendor.models import Artifact, Telemetries
from controlplane.vendor.spec import items, ref

Status = Literal[
    "QUEUED", "LAUNCHED", "RUNNING", "COMPLETED", "ERRORED", "CANCELED",
    "EXCEEDED_MAX_RUNTIME_DURATION", "EXCEEDED_MAX_QUEUED_DURATION",
]  # fmt: skip


class TaskHealth(BaseModel):
    gpu: str
    backend: str | None = None
    instanceType: str
    error: str


class TaskInstance(BaseModel):
    instanceId: str
    taskId: str
    instanceType: str
    instanceState: str | None = None
    ncaId: str
    gpu: str
    backend: str | None = None
    instanceCreatedAt: str
    instanceUpdatedAt: str


class TaskDto(BaseModel):
    """A task."""

    id: str
    ncaId: str
    name: str
    status: Status
    gpuSpecification: TaskGpu
    containerImage: str | None = None
    containerArgs: str | None = None
    containerEnvironment: list[TaskVariable] | None = None
    models: list[Artifact] | None = None
    resources: list[Artifact] | None = None
    tags: list[str] | None = None
    description: str | None = None
    resultHandlingStrategy: str
    resultsLocation: str | None = None
    maxRuntimeDuration: str | None = None
    maxQueuedDuration: str
    terminationGracePeriodDuration: str
    helmChart: str | None = None
    healthInfo: TaskHealth | None = None
    secrets: list[str] | None = None
    percentComplete: int | None = None
    lastHeartbeatAt: str | None = None
    lastUpdatedAt: str
    telemetries: Telemetries | None = None
    createdAt: str
    instances: list[TaskInstance] | None = None


class BriefTaskDto(BaseModel):
    id: str
    name: str
    status: Status


class TaskEventDto(BaseModel):
    eventId: str
    taskId: str
    ncaId: str
    message: str
    createdAt: str


class TaskResultDto(BaseModel):
    resultId: str
    taskId: str
    ncaId: str
    name: str
    metadata: dict[str, Any]
    createdAt: str


# What an answer's object holds, by the name that endpoints call it.
SHAPES: dict[str, dict[str, Any]] = {
    "task": ref("TaskDto"),
    "tasks": items(ref("TaskDto")),
    "events": items(ref("TaskEventDto")),
    "results": items(ref("TaskResultDto")),
    "instances": items(ref("TaskInstance")),
}
BRIEF = items(ref("BriefTaskDto"))
DTOS: tuple[type[BaseModel], ...] = (
    TaskDto, BriefTaskDto, TaskEventDto, TaskResultDto, TaskInstance,
)  # fmt: skip
