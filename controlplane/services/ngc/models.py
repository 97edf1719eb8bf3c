"""Bodies of this service."""

from __future__ import annotations

from pydantic import BaseModel


class ClusterPolicy(BaseModel):
    resources: list[dict[str, str]]


class ClusterKeyRequest(BaseModel):
    """A key for the agent of a cluster: named by the first resource of its policies."""

    name: str
    expiryDate: str
    policies: list[ClusterPolicy]


class LogParameter(BaseModel):
    """`start` or `end`, as `2026-01-31 12:00:00` in UTC; others say nothing."""

    name: str
    value: str | bool


class LogQuestion(BaseModel):
    """Which lines of a log."""

    parameters: list[LogParameter] = []


SCHEMAS: tuple[type[BaseModel], ...] = (ClusterKeyRequest, LogQuestion)
