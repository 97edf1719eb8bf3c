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


SCHEMAS: tuple[type[BaseModel], ...] = (ClusterKeyRequest,)
