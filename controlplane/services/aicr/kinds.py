"""Clusters as resources: criteria whose compiled stack is part of the desired state."""

from __future__ import annotations

from pydantic import Field

from aicr.models import CriteriaSpec, Model
from controlplane.kinds import Kind, Look, table
from controlplane.runtime.workload import Workload

# What stands for a stack where images are run.
STACKS = "stacks.aicr.local/stack"


class Cluster(Model):
    """A cluster and the stack that it should run."""

    description: str | None = Field(default=None, max_length=256)
    criteria: CriteriaSpec = Field(description="What the stack is asked for, as for aicr recipe.")


def _instances(look: Look) -> dict[str, Workload]:
    """One thing to keep running: the stack, by the digest of its bundle."""
    stack = look.spec.get("stack")
    return {} if stack is None else {"stack": {"image": f"{STACKS}@{stack['bundle']}"}}


KINDS = table(
    Kind(
        "aicr.clusters",
        Cluster,
        "Clusters, each with the AICR criteria of its stack.",
        recipe="criteria",
        instances=_instances,
    )
)
