"""Models of what every API answers, for OpenAPI: field names are the wire's."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field


class Problem(BaseModel):
    """An error."""

    code: str = Field(description="Stable name of what is wrong.")
    message: str
    details: dict[str, Any] | None = None
    requestId: str
    timestamp: str
    retryable: bool
