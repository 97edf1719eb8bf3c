"""Names of kinds that several services of the vendor meet, and how their resources are found."""

from __future__ import annotations

from controlplane.access.bootstrap import ACCOUNT
from controlplane.kinds import Spec
from controlplane.state.protocol import Lookup

TELEMETRIES, TASKS = "nvcf.telemetries", "nvct.tasks"
TELEMETRY_FIELDS = ("logsTelemetryId", "metricsTelemetryId", "tracesTelemetryId")


def account_of(spec: Spec) -> str:
    """The account that a resource belongs to: what it does not say is the first one."""
    return str(spec.get("account", ACCOUNT))


def by_account(account: str) -> Lookup:
    return Lookup("account", account)


def by_telemetry(name: str) -> Lookup:
    """What sends to a telemetry, by the name of its resource."""
    return Lookup("telemetry", name)


def by_telemetry_id(telemetry: str) -> Lookup:
    return Lookup("telemetryId", telemetry)
