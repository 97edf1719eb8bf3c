"""Answers of this service, field by field in the order of contract 4.4, 5.3, 6 and 17."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from controlplane.access import times
from controlplane.kinds import Spec
from controlplane.services.nvcf.lookups import FUNCTIONS
from controlplane.state.protocol import Resource
from controlplane.vendor.answers import ORDERS, Order, ordered, put
from controlplane.vendor.lookups import account_of

Answer = dict[str, Any]
HEALTH_URI, HEALTH_PORT, HEALTH_TIMEOUT = "/v2/health/ready", 8000, "PT10S"
# What instances run that have models and nothing of their own to run them.
TRITON = "tritonserver --model-repository=/config/models --http-port=8000"

_LLM_CONFIG: Order = dict.fromkeys(("uris", "tokenRateLimit", "tokenizer", "routingMethod"))
_ORDERS: Mapping[str, Order] = {
    **ORDERS,
    "health": dict.fromkeys(("protocol", "uri", "port", "timeout", "expectedStatusCode")),
    "models": {**dict.fromkeys(("name", "version", "uri")), "llmConfig": _LLM_CONFIG},
    "rateLimit": dict.fromkeys(
        ("rateLimit", "exemptedNcaIds", "perNcaIdRate", "syncCheck", "perUserRate")
    ),
    "llmInvocationConfig": {"priority": dict.fromkeys(("defaultPriority", "perAccountPriority"))},
    "autoscalingConfiguration": {
        name: {
            **dict.fromkeys(("metric", "factor", "threshold")),
            "stickiness": dict.fromkeys(("size", "threshold")),
        }
        for name in ("scaleUpDetails", "scaleDownDetails")
    },
}


def health(spec: Spec) -> Answer:
    """How instances are checked: as said, or the defaults of contract 4.2."""
    if "health" in spec:
        return dict(ordered(spec["health"], _ORDERS["health"]))
    return {
        "protocol": "gRPC" if spec["inferenceUrl"] == "/grpc" else "HTTP",
        "uri": spec.get("healthUri") or HEALTH_URI,
        "port": spec.get("inferencePort", HEALTH_PORT),
        "timeout": HEALTH_TIMEOUT,
        "expectedStatusCode": 200,
    }


def container_args(spec: Spec) -> str | None:
    args: str | None = spec.get("containerArgs")
    alone = spec.get("models") and not (spec.get("containerImage") or spec.get("helmChart"))
    return TRITON if alone and args is None and spec["functionType"] != "LLM" else args


def function(
    r: Resource, account: str, *, secrets: bool = False, instances: list[Answer] | None = None
) -> Answer:
    """A version as an account sees it: of foreign ones only what it needs to invoke them."""
    spec, status = r.spec or {}, r.status
    foreign = account_of(spec) != account
    checked = health(spec)
    body: Answer = {
        "id": status["functionId"],
        "ncaId": account_of(spec),
        "versionId": status["versionId"],
        "name": spec["name"],
        "status": status["status"],
    }
    if foreign:
        body["ownedByDifferentAccount"] = True
    else:
        body["inferenceUrl"] = spec["inferenceUrl"]
        _put(body, spec, "inferencePort")
        args = container_args(spec)
        if args is not None:
            body["containerArgs"] = args
        _put(body, spec, "containerEnvironment", "models", "containerImage")
    _put(body, spec, "apiBodyFormat")
    if not foreign:
        _put(body, spec, "helmChart", "helmChartServiceName")
    body["healthUri"] = checked["uri"]
    body["createdAt"] = status["createdAt"]
    if instances and not foreign:
        body["activeInstances"] = instances
    if not foreign:
        _put(body, spec, "resources")
    _put(body, spec, "tags")
    body["description"] = spec.get("description") or spec["name"]
    body["health"] = checked
    body["functionType"] = spec["functionType"]
    if secrets and not foreign and spec.get("secrets"):
        body["secrets"] = sorted(spec["secrets"])
    if not foreign:
        _put(body, spec, "rateLimit")
    _put(body, spec, "llmInvocationConfig")
    _put(body, status, "telemetries")
    return body


def _put(body: Answer, spec: Spec, *names: str) -> None:
    put(body, spec, _ORDERS, *names)


_INSTANCE_STATES = {"RUNNING": "ACTIVE", "STARTING": "STARTING", "ERRORED": "ERRORED"}


def instances(function_: Resource, deployment_: Resource) -> list[Answer]:
    """The instances of a deployment, as its function shows them."""
    specs = (deployment_.spec or {})["deploymentSpecifications"]
    found = []
    for i in deployment_.status.get("instances", ()):
        gpu = specs[int(i["name"].partition(".")[0])]
        body = {
            "instanceId": i["id"],
            "functionId": function_.status["functionId"],
            "functionVersionId": function_.status["versionId"],
            "instanceType": gpu["instanceType"],
            "instanceStatus": _INSTANCE_STATES[i["state"]],
            "ncaId": deployment_.status["account"],
            "gpu": gpu["gpu"],
            "backend": gpu.get("backend"),
            "instanceCreatedAt": i["createdAt"],
            "instanceUpdatedAt": i["updatedAt"],
        }
        found.append({k: v for k, v in body.items() if v is not None})
    return found


# --------------------------------------------------------------------------- deployments

_GPU_FIELDS = (
    "gpu", "backend", "maxInstances", "minInstances", "instanceType", "availabilityZones",
    "clusters", "regions", "attributes", "maxRequestConcurrency", "preferredOrder",
    "configuration", "helmValidationPolicy", "autoscalingConfiguration",
)  # fmt: skip


def gpu_specification(id_: str, spec: Spec) -> Answer:
    body: Answer = {"gpuSpecificationId": id_}
    _put(body, spec, *_GPU_FIELDS)
    return body


def deployment(r: Resource) -> Answer:
    spec, status = r.spec or {}, r.status
    body: Answer = {
        "functionId": status["functionId"],
        "functionVersionId": status["versionId"],
        "deploymentId": status["deploymentId"],
        "functionName": status["functionName"],
        "ncaId": status["account"],
        "functionStatus": "INACTIVE" if status.get("draining") else status["status"],
    }
    if status.get("healthInfo"):
        body["healthInfo"] = [ordered(h, _HEALTH_INFO) for h in status["healthInfo"]]
    pairs = zip(status["gpuSpecificationIds"], spec["deploymentSpecifications"], strict=True)
    body["deploymentSpecifications"] = [gpu_specification(*pair) for pair in pairs]
    body["createdAt"] = status["createdAt"]
    body["lastUpdatedAt"] = status["lastUpdatedAt"]
    return body


_HEALTH_INFO = dict.fromkeys(("icmsRequestId", "gpu", "backend", "instanceType", "error"))


def queue(function_: Resource, depth: int) -> Answer:
    return {
        "functionVersionId": function_.status["versionId"],
        "functionName": (function_.spec or {})["name"],
        "functionStatus": function_.status["status"],
        "queueDepth": depth,
    }


# --------------------------------------------------------------------------- the rest


def telemetry(r: Resource) -> Answer:
    spec = r.spec or {}
    return {
        "telemetryId": r.status["telemetryId"],
        "name": spec["name"],
        "endpoint": spec["endpoint"],
        "protocol": spec["protocol"],
        "provider": spec["provider"],
        "types": spec["types"],
        "createdAt": r.status["createdAt"],
    }


def sharing(r: Resource, parties: Iterable[str], *, version: bool) -> Answer:
    """Who may use a function, or a version of it."""
    body: Answer = {"id": r.status["functionId"], "ncaId": account_of(r.spec or {})}
    if version:
        body["versionId"] = r.status["versionId"]
    return {**body, "authorizedParties": [{"ncaId": account} for account in parties]}


_ACCOUNT_FIELDS = (
    "adminClientIds", "name", "maxFunctionsAllowed", "maxTasksAllowed", "maxTelemetriesAllowed",
    "maxRegistryCredentialsAllowed",
)  # fmt: skip


def account(r: Resource, name: str, defaults: Mapping[str, int]) -> Answer:
    spec = {**defaults, **(r.spec or {})}
    body: Answer = {"ncaId": name}
    _put(body, spec, *_ACCOUNT_FIELDS)
    return {**body, "lastUpdatedAt": times.stamp(times.parse(r.updated))}


def client(r: Resource, name: str) -> Answer:
    spec = r.spec or {}
    body: Answer = {"clientId": name, "ncaId": account_of(spec)}
    _put(body, spec, "description")
    return body


def name_of(r: Resource) -> str:
    """The name of the resource of a function."""
    return r.address.removeprefix(f"{FUNCTIONS}.")
