"""The name of the kind of this service, and how its resources are found."""

from __future__ import annotations

from controlplane.state.protocol import Lookup


def by_task(task: str) -> Lookup:
    return Lookup("taskId", task)


def by_phase(phase: str) -> Lookup:
    """Tasks that wait, that have instances, or that have ended while their instances hold their
    place; those of which nothing is left are found by none."""
    return Lookup("phase", phase)


WAITING, LIVE, ENDING = by_phase("waiting"), by_phase("live"), by_phase("ending")
