"""Bodies of the API Keys service, for OpenAPI: field names are the wire's."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field


class KeyRequest(BaseModel):
    description: str = Field(min_length=1, max_length=64)
    expires_at: str = Field(description="An instant, at most 365 days from now.")
    authorizations: Any = Field(description="JSON of at most 2048 characters.")
    audience_service_ids: list[str] | None = None


class AuthorizationsRequest(BaseModel):
    authorizations: Any


class StatusRequest(BaseModel):
    status: Literal["ACTIVE", "SUSPENDED"]


class IntrospectRequest(BaseModel):
    audience_service_id: str
    key: str


class LookupRequest(BaseModel):
    key: str


class EvaluationInput(BaseModel):
    apiKey: str


class EvaluationRequest(BaseModel):
    input: EvaluationInput


class ProblemDetails(BaseModel):
    """An error (RFC 7807)."""

    type: str | None = None
    title: str
    status: int
    detail: str
    instance: str


SCHEMAS: tuple[type[BaseModel], ...] = (
    KeyRequest,
    AuthorizationsRequest,
    StatusRequest,
    IntrospectRequest,
    LookupRequest,
    EvaluationRequest,
    ProblemDetails,
)
