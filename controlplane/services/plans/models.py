"""Bodies of the plan API, as models: what is checked, and what OpenAPI says."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Document(Strict):
    """A manifest: its text, or the document that it says."""

    name: str = Field(min_length=1, max_length=4096, description="What messages call it.")
    content: str | None = Field(default=None, description="YAML or JSON text.")
    document: dict[str, Any] | None = Field(default=None, description="In place of the text.")
    positions: Any = Field(default=None, description="Where in the text each value stands.")
    depth: int = Field(default=0, ge=0, le=100, description="How many bases it lies below.")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.content is None) == (self.document is None):
            raise ValueError("a document has content or document, one of them")
        return self


class PlanRequest(Strict):
    """What a plan is asked for: documents, or one action on addresses, or to destroy everything."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, populate_by_name=True)

    documents: list[Document] | None = Field(default=None, min_length=1, max_length=10_000)
    for_: dict[str, str] = Field(default={}, alias="for", description="Criteria by field.")
    secrets: dict[str, str] = Field(
        default={}, description="Values by reference; what is kept of them is a digest."
    )
    prune: bool = False
    action: Literal["adopt", "protect", "unprotect", "delete"] | None = None
    addresses: list[str] = Field(default=[], max_length=10_000)
    destroy: bool = False

    @model_validator(mode="after")
    def _one(self) -> Self:
        given = (self.documents is not None, self.action is not None, self.destroy)
        if sum(given) != 1:
            raise ValueError("state one of documents, action with addresses, or destroy")
        if bool(self.addresses) != (self.action is not None):
            raise ValueError("an action needs addresses, and addresses an action")
        if self.documents is None and (self.for_ or self.prune or self.secrets):
            raise ValueError("for, prune and secrets have no effect without documents")
        return self


class ApplyRequest(Strict):
    """The values of the secrets that a plan refers to."""

    secrets: dict[str, str] = {}


class PlanAnswer(BaseModel):
    id: str = Field(description="The digest of the plan.")
    status: str
    outcome: dict[str, Any]
    warnings: list[str]
    plan: dict[str, Any]


class OutcomeAnswer(BaseModel):
    digest: str
    status: str
    done: int
    total: int
    serial: int


class StateAnswer(BaseModel):
    formatVersion: str
    kind: str
    lineage: str
    serial: int
    revision: int
    resources: list[dict[str, Any]]


class ResourceAnswer(BaseModel):
    address: str
    uid: str
    spec: dict[str, Any] | None
    applied: dict[str, Any] | None
    status: dict[str, Any]
    protected: bool
    revision: int
    created: str
    updated: str


class AuditEntry(BaseModel):
    sequence: int
    at: str
    actor: str
    request_id: str
    action: str
    address: str
    detail: dict[str, Any]
    previous: str = Field(description="Digest of the entry before; empty for the first.")
    digest: str


class AuditAnswer(BaseModel):
    entries: list[AuditEntry]
    next: int = Field(description="What to ask `after` for what follows.")


SCHEMAS: tuple[type[BaseModel], ...] = (
    PlanRequest,
    ApplyRequest,
    PlanAnswer,
    OutcomeAnswer,
    StateAnswer,
    ResourceAnswer,
    AuditAnswer,
)
