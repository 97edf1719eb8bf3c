"""Bodies of this service."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field


class ClusterPolicy(BaseModel):
    resources: list[dict[str, str]]


class ClusterKeyRequest(BaseModel):
    """A key for the agent of a cluster: named by the first resource of its policies."""

    name: str
    expiryDate: str
    policies: list[ClusterPolicy]


class LogParameter(BaseModel):
    name: str
    value: Any = None


class LogQuery(BaseModel):
    """Which logs are wanted: from `start` to `end`, `YYYY-MM-DD HH:MM:SS` in UTC; without them, of
    the last hour."""

    parameters: list[LogParameter] = []


class LogEntry(BaseModel):
    """A line of the log of an instance."""

    timestamp: str = Field(description="When it was begun, RFC 3339.")
    instanceId: str
    stream: str = Field(description="stdout or stderr.")
    message: str


class LogMetadata(BaseModel):
    """Which page this is, from 1, and of how many."""

    page: int
    pageSize: int
    totalPages: int
    totalResults: int


class LogPage(BaseModel):
    """Lines of logs, by time."""

    metadata: LogMetadata
    data: list[LogEntry]


class LogJob(LogPage):
    """The first page, and by which id there are the others."""

    jobId: str


SCHEMAS: tuple[type[BaseModel], ...] = (ClusterKeyRequest, LogQuery, LogEntry, LogPage, LogJob)
