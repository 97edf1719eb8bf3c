"""The name of the kind of this service, and how its resources are found."""

from __future__ import annotations

from controlplane.state.protocol import Lookup


def by_task(task: str) -> Lookup:
    return Lookup("taskId", task)


def by_phase(phase: str) -> Lookup:
    """Tasks that wait, or that have instances; those that have ended are found by neither."""
    return Lookup("phase", phase)


WAITING, LIVE = by_phase("waiting"), by_phase("live")
