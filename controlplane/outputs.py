"""What the commands of desired state print as JSON, as pydantic models."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from aicr.models import Model

Action = Literal["create", "update", "replace", "delete", "adopt", "protect", "unprotect"]
_DIGEST = r"^sha256:[0-9a-f]{64}$"
_MAYBE_DIGEST = r"^(sha256:[0-9a-f]{64})?$"


class PlannedChange(Model):
    """One field. `before` or `after` is null when the field is not there."""

    path: str
    before: Any
    after: Any
    origin: str = Field(description="file:line:column that ask for it; empty when no file does.")
    forces: bool = Field(description="Whether this field forces the replacement.")


class PlannedStage(Model):
    """One change of one resource."""

    address: str
    action: Action
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    changes: list[PlannedChange]
    depends: list[str] = Field(description="Addresses whose stages come first.")
    protected: bool = Field(description="Whether the resource is protected afterwards.")


class Drifted(Model):
    """A managed resource that is not as the last plan left it."""

    address: str
    deleted: bool
    changes: list[PlannedChange]


class Plan(Model):
    """`aicr plan -o FILE`, and what POST /v1/plans answers as `plan`."""

    formatVersion: Literal["1.0"]
    kind: Literal["Plan"]
    lineage: str = Field(description="The state that it was made for.")
    serial: int = Field(ge=0, description="How often that state had changed.")
    parent: str = Field(pattern=_MAYBE_DIGEST, description="The plan applied last; may be empty.")
    desiredDigest: str = Field(pattern=_MAYBE_DIGEST)
    configDigest: str = Field(pattern=_MAYBE_DIGEST)
    summary: dict[Action, int]
    stages: list[PlannedStage]
    drift: list[Drifted]
    unmanaged: int = Field(ge=0)
    digest: str = Field(pattern=_DIGEST, description="Of the canonical JSON of all the rest.")


class StoredResource(Model):
    """A resource as the state has it."""

    address: str
    uid: str
    spec: dict[str, Any] | None = Field(description="null: deleted by another way than a plan.")
    applied: dict[str, Any] | None = Field(description="null: no plan ever managed it.")
    status: dict[str, Any]
    protected: bool
    revision: int = Field(ge=0)
    created: str
    updated: str


class State(Model):
    """`aicr state export`, and what GET /v1/state answers. Secrets are in it as digests only."""

    formatVersion: Literal["1.0"]
    kind: Literal["State"]
    lineage: str
    serial: int = Field(ge=0)
    revision: int = Field(ge=0)
    resources: list[StoredResource]


class DriftOutput(Model):
    """`aicr drift --format json`."""

    formatVersion: Literal["1.0"]
    drift: list[Drifted]


# Every kind of output that has a file in schemas/.
KINDS: dict[str, type[Model]] = {m.__name__: m for m in (Plan, State, DriftOutput)}
