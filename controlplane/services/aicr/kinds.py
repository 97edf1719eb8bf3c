"""Clusters as resources: criteria whose compiled stack is part of the desired state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from aicr.models import CriteriaSpec, Model
from controlplane.kinds import Kind, table


class Cluster(Model):
    """A cluster and the stack that it should run."""

    description: str | None = Field(default=None, max_length=256)
    criteria: CriteriaSpec = Field(description="What the stack is asked for, as for aicr recipe.")


def _instances(spec: Mapping[str, Any], _status: Mapping[str, Any]) -> dict[str, Any]:
    """One thing to keep running: the stack, by the digest of its bundle."""
    stack = spec.get("stack")
    return {} if stack is None else {"stack": {"bundle": stack["bundle"]}}


KINDS = table(
    Kind(
        "aicr.clusters",
        Cluster,
        "Clusters, each with the AICR criteria of its stack.",
        recipe="criteria",
        instances=_instances,
    )
)
