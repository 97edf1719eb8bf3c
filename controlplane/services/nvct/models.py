"""What may be said of tasks (contract 11.1)."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from aicr.models import Model
from controlplane.access.bootstrap import ACCOUNT
from controlplane.vendor.models import Artifact, HelmValidationPolicy, SecretBody, Telemetries
from controlplane.vendor.scalars import (
    Account,
    Description,
    Duration,
    NotBlank,
    SecretName,
    Tags,
    Texts,
    Uri,
    bean,
    folded,
    unreadable,
)

UPLOAD, NONE = "UPLOAD", "NONE"
QUEUED_DURATION, GRACE = "PT72H", "PT1H"
_NAME = re.compile(r"[a-z0-9A-Z][a-z0-9A-Z\-_]*")


def _task_name(text: str) -> str:
    if len(text) > 128 or not _NAME.fullmatch(text):
        raise bean("must be 1 to 128 letters, digits, '-' and '_', the first no '-' or '_'")
    return text


class TaskVariable(Model):
    """A variable of the container's environment."""

    key: Annotated[str, StringConstraints(pattern=r"^[a-z0-9A-Z][a-z0-9A-Z_]*$")]
    value: NotBlank


class TaskGpu(Model):
    """What a task runs on."""

    gpu: NotBlank
    instanceType: NotBlank
    backend: str | None = None
    clusters: Texts | None = None
    configuration: dict[str, Any] | None = None
    helmValidationPolicy: HelmValidationPolicy | None = None


class TaskBody(Model):
    """A task, as its creation says it."""

    name: Annotated[str, AfterValidator(_task_name)]
    gpuSpecification: TaskGpu
    containerImage: Uri | None = None
    containerArgs: str | None = None
    containerEnvironment: list[TaskVariable] | None = None
    models: list[Artifact] | None = None
    resources: list[Artifact] | None = None
    tags: Tags | None = None
    description: Description | None = None
    resultHandlingStrategy: Annotated[Literal["UPLOAD", "NONE"], folded(UPLOAD, NONE)] = "UPLOAD"
    resultsLocation: str | None = None
    maxRuntimeDuration: Duration | None = None
    maxQueuedDuration: Duration = QUEUED_DURATION
    terminationGracePeriodDuration: Duration = GRACE
    helmChart: Uri | None = None
    telemetries: Telemetries | None = None


class CreateTaskRequest(TaskBody):
    """What POST takes: secrets come with their values, telemetries by their ids."""

    secrets: list[SecretBody] | None = None


class TaskSpec(TaskBody):
    """A task. It runs once; one with another spec replaces it, and runs again."""

    account: Account | None = Field(
        default=None, description=f"The account that it belongs to; {ACCOUNT} by itself."
    )
    secrets: dict[SecretName, str] | None = Field(
        default=None, description="By name: env:NAME, file:PATH or store:NAME."
    )
    priority: Annotated[int, Field(ge=-1000, le=1000)] = Field(
        default=0, description="Of tasks that wait those with a higher one start first."
    )
    nodes: Annotated[int, Field(ge=1, le=1024)] = Field(
        default=1, description="How many instances it has: all start together, or none."
    )


def _uuid(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        raise unreadable("must be a UUID") from None


class BulkRequest(Model):
    """Tasks that are asked for together."""

    taskIds: Annotated[list[Annotated[str, AfterValidator(_uuid)]], Field(min_length=1)]
