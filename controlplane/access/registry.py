"""The services that keys are made for, and their bounds (contract 12.5): one table."""

from __future__ import annotations

from typing import NamedTuple

# Namespaces of policies: which service asks what a key allows.
NVCF, NVCT = "nvcf", "nvct"


class Registered(NamedTuple):
    """A service: its id, its name, and what its keys may be."""

    id: str
    name: str
    max_keys: int = 8
    max_days: int = 365
    max_chars: int = 2048
    min_seconds: int = 3

    @property
    def audiences(self) -> tuple[str, ...]:
        """The services that its keys may be shown to."""
        return (self.id,)


FUNCTIONS = Registered("nvidia-cloud-functions-ncp-service-id-aketm", "nvcf-api")
TASKS = Registered("nvidia-cloud-tasks-ncp-service-id-nvcttasks", "nvct-api")
LEDGER = Registered("nvidia-event-ledger-ncp-service-id-ckozoh6f", "event-ledger")
SERVICES = {service.id: service for service in (FUNCTIONS, TASKS, LEDGER)}
NAMESPACES = {NVCF: FUNCTIONS, NVCT: TASKS}
