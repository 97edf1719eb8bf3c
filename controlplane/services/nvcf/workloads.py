"""What an instance of a function runs: its container, as a runtime is asked for it."""

from __future__ import annotations

from controlplane import durations
from controlplane.kinds import Look, Spec
from controlplane.plan.effects import secret_name
from controlplane.runtime.workload import Probe, Workload
from controlplane.services.nvcf import answers
from controlplane.state.protocol import Resource
from controlplane.vendor.lookups import account_of

PORT = answers.HEALTH_PORT
# What runs models that come without a container.
TRITON = "nvcr.io/nvidia/tritonserver"
_SECOND = 1e9


def of(function: Resource, look: Look, gpu: Spec) -> Workload:
    """One instance of a version on one GPU specification."""
    spec = function.spec or {}
    names = {n: secret_name(function.address, f"secrets.{n}") for n in spec.get("secrets", {})}
    return {
        "image": spec.get("containerImage") or spec.get("helmChart") or TRITON,
        "args": answers.container_args(spec) or "",
        "environment": {**_stated(spec), **_told(function, gpu)},
        "secrets": names,
        "port": spec.get("inferencePort", PORT),
        "path": spec["inferenceUrl"],
        "probe": _probe(spec),
        "concurrency": gpu.get("maxRequestConcurrency", 1),
        "gpu": gpu["gpu"],
    }


def _stated(spec: Spec) -> dict[str, str]:
    return {e["key"]: e["value"] for e in spec.get("containerEnvironment") or ()}


def _told(function: Resource, gpu: Spec) -> dict[str, str]:
    """What every instance is told about itself; nobody can state otherwise."""
    found = {
        "NVCF_FUNCTION_ID": function.status["functionId"],
        "NVCF_FUNCTION_VERSION_ID": function.status["versionId"],
        "NVCF_FUNCTION_NAME": (function.spec or {})["name"],
        "NVCF_NCA_ID": account_of(function.spec or {}),
        "NVCF_INSTANCETYPE": gpu["instanceType"],
    }
    return {**found, "NVCF_BACKEND": gpu["backend"]} if "backend" in gpu else found


def _probe(spec: Spec) -> Probe:
    health = answers.health(spec)
    return {
        "protocol": health["protocol"],
        "uri": health["uri"],
        "port": health["port"],
        "timeout": durations.parse(health["timeout"]) / _SECOND,
        "status": health["expectedStatusCode"],
    }
