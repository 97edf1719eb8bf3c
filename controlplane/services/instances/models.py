"""Answers about instances, as OpenAPI describes them."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field


class InstanceAnswer(BaseModel):
    """One instance."""

    id: str = Field(description="Its id; in paths with ~ for each /.")
    address: str = Field(description="The resource that it runs for.")
    name: str
    state: Literal["starting", "running", "failed", "ended", "stopping", "gone"]
    reason: str = Field(description="Why it is so; empty when nothing is wrong.")
    endpoint: str = Field(description="Where it listens, host:port; empty when it does not.")
    isolation: str = Field(
        description="What keeps it apart from its host: none, bubblewrap, podman, or simulated."
    )
    startedAt: str = Field(description="RFC 3339; empty when it never was.")
    exit: int | None = Field(description="How its process ended; negative is a signal.")


class InstancesAnswer(BaseModel):
    """What runs on this host."""

    instances: list[InstanceAnswer]


SCHEMAS: tuple[type[BaseModel], ...] = (InstancesAnswer,)
