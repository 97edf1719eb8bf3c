"""Answers of this service, field by field in the order of contract 11."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from controlplane.kinds import Spec
from controlplane.services.nvct import lifecycle
from controlplane.state.protocol import Line, Resource
from controlplane.vendor.answers import ORDERS, Order, put
from controlplane.vendor.ids import derived
from controlplane.vendor.lookups import account_of

Answer = dict[str, Any]
_ORDERS: Mapping[str, Order] = {
    **ORDERS,
    "models": ORDERS["resources"],
    "containerEnvironment": dict.fromkeys(("key", "value")),
    "healthInfo": dict.fromkeys(("gpu", "backend", "instanceType", "error")),
    "gpuSpecification": {
        **dict.fromkeys(("gpu", "instanceType", "backend", "clusters", "configuration")),
        "helmValidationPolicy": ORDERS["helmValidationPolicy"],
    },
}
_STATED = (
    "gpuSpecification", "containerImage", "containerArgs", "containerEnvironment", "models",
    "resources", "tags", "description", "resultHandlingStrategy", "resultsLocation",
    "maxRuntimeDuration", "maxQueuedDuration", "terminationGracePeriodDuration", "helmChart",
)  # fmt: skip


def task(r: Resource, *, secrets: bool = False, instances: bool = False) -> Answer:
    """A task; names of its secrets, and its instances, where they are to be seen."""
    spec, status = r.spec or {}, r.status
    body: Answer = {
        "id": status["taskId"],
        "ncaId": account_of(spec),
        "name": spec["name"],
        "status": status["status"],
    }
    put(body, spec, _ORDERS, *_STATED)
    put(body, status, _ORDERS, "healthInfo")
    if secrets and spec.get("secrets"):
        body["secrets"] = sorted(spec["secrets"])
    put(body, status, _ORDERS, "percentComplete", "lastHeartbeatAt", "lastUpdatedAt")
    put(body, status, _ORDERS, "telemetries", "createdAt")
    if instances and status.get("instances"):
        body["instances"] = [_instance(r, i) for i in status["instances"]]
    return body


def brief(r: Resource) -> Answer:
    """A task as it is listed in bulk."""
    name = (r.spec or {})["name"]
    return {"id": r.status["taskId"], "name": name, "status": r.status["status"]}


def running(r: Resource) -> list[Answer]:
    """The instances of a task."""
    return [_instance(r, i) for i in r.status.get("instances", ())]


def _instance(r: Resource, instance: Spec) -> Answer:
    spec, status = r.spec or {}, r.status
    gpu = spec["gpuSpecification"]
    ended = status["status"] in lifecycle.TERMINAL
    body = {
        "instanceId": instance["id"],
        "taskId": status["taskId"],
        "instanceType": gpu["instanceType"],
        "instanceState": None if ended else instance["state"],
        "ncaId": account_of(spec),
        "gpu": gpu["gpu"],
        "backend": gpu.get("backend"),
        "instanceCreatedAt": instance["createdAt"],
        "instanceUpdatedAt": instance["updatedAt"],
    }
    return {k: v for k, v in body.items() if v is not None}


def event(r: Resource, position: int) -> Answer:
    """The so-manieth event of a task, from 1."""
    change = r.status["history"][position - 1]
    return {
        "eventId": derived(r.uid, f"event {position}"),
        "taskId": r.status["taskId"],
        "ncaId": account_of(r.spec or {}),
        "message": lifecycle.message(change),
        "createdAt": change["at"],
    }


def result(r: Resource, line: Line) -> Answer:
    return {
        "resultId": derived(r.uid, f"result {line.position}"),
        "taskId": r.status["taskId"],
        "ncaId": account_of(r.spec or {}),
        "name": line.data["name"],
        "metadata": line.data["metadata"],
        "createdAt": line.at,
    }
