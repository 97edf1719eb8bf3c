"""The rules of clusters that need no state, each a table or a small pure function (contract 10).

A rule answers what is wrong, as the vendor refuses it, or None.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from controlplane.clusters import EVERYBODY, MULTI, SINGLE
from controlplane.http.problems import Refused
from controlplane.services.sis import errors, jwks

Spec = Mapping[str, Any]
Fault = Refused | None

PROVIDERS = ("ON-PREM", "DGX-CLOUD", "AWS", "OCI", "AZURE", "GDN", "GFN", "GCP", "NCP")
# Providers whose clusters are nobody's own: listed for others only on demand.
NOT_OWNED = ("GFN", "GDN")
NGC_MANAGED, HELM_MANAGED = SOURCES = ("ngc-managed", "helm-managed")
NODE_TYPES = (SINGLE, MULTI)
DYNAMIC = "DynamicGPUDiscovery"
CAPABILITIES = (
    "CachingSupport", "MiniServiceRestrictions", "HelmMiniService", "MultipleGPUTypesAllowed",
    "UniformInstanceLabels", DYNAMIC,
)  # fmt: skip
ATTRIBUTES = (
    "Confidential Computing Compliant", "Export Controlled", "HIPPA Compliant", "PCI Compliant",
    "SOC2 Compliant", "CacheOptimized", "KataRuntimeIsolation", "HostIsolation", "AccountIsolation",
    "Multi Node Supported", "Graphics Optimized", "Streaming Optimized", "NVCF Optimized",
    "Preemptible",
)  # fmt: skip
REGIONS = (
    "us-east-1", "us-west-1", "eu-east-1", "eu-central-1", "eu-west-1", "eu-south-1", "eu-north-1",
    "ap-east-1", "ap-northeast-1", "ap-south-1", "ap-southeast-1", "us-east-2", "me-south-1",
    "me-central-1", "il-central-1", "ca-central-1", "us-west-2", "eastus", "westus", "westeurope",
    "northeurope", "southeastasia", "westus2", "westus3", "eastus2", "southcentralus", "uksouth",
    "japaneast", "australiaeast", "centralindia", "us-ashburn-1", "us-sanjose-1", "eu-zurich-1",
    "ap-hyderabad-1", "us-east1", "us-west1", "europe-west1", "europe-central2", "europe-north1",
    "asia-east1", "asia-south1", "us-central1", "us-east4", "europe-west4", "asia-southeast1",
    "asia-northeast1",
)  # fmt: skip
MAX_NAME = 32
MAX_GPU_NAME = 22
MAX_KEYS = 65_536
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_GPU_NAME = re.compile(r"[a-zA-Z0-9_-]+")


# --------------------------------------------------------------------------- fields, one by one


def name(value: str) -> Fault:
    if _NAME.fullmatch(value):
        return None
    return errors.bad(f"clusterName {value} must be lower case letters, digits and -")


def provider(value: str) -> Fault:
    known = ", ".join(PROVIDERS)
    return None if value in PROVIDERS else errors.bad(f"cloudProvider must be one of {known}")


def node_type(value: str) -> Fault:
    return None if value in NODE_TYPES else errors.bad("nodeType must be SINGLE or MULTI")


def region(value: str) -> Fault:
    return None if value.lower() in REGIONS else errors.bad(f"region {value} is not supported")


def attributes(values: Iterable[str]) -> Fault:
    unknown = next((v for v in values if v not in ATTRIBUTES), None)
    return None if unknown is None else errors.bad(f"attribute {unknown} is not supported")


def source(value: str) -> Fault:
    known = " or ".join(SOURCES)
    return None if value in SOURCES else errors.bad(f"clusterSource must be {known}")


def key_set(value: str) -> Fault:
    """A JWK set as text, of a bounded size."""
    if len(value.encode("utf-8", "surrogatepass")) > MAX_KEYS:
        return errors.bad(f"jwks exceeds maximum size of {MAX_KEYS} bytes")
    return None if jwks.parse(value) else errors.bad("jwks is not a valid JWK set")


# What is checked of every cluster, in this order, after its name.
FIELDS: tuple[tuple[str, Callable[[Any], Fault]], ...] = (
    ("attributes", attributes),
    ("region", region),
    ("clusterSource", source),
    ("jwks", key_set),
)


def fields(spec: Spec) -> Fault:
    """The first field that is wrong by itself."""
    faults = (check(spec[field]) for field, check in FIELDS if spec.get(field) is not None)
    return next((f for f in faults if f is not None), None)


# --------------------------------------------------------------------------- fields, together


def lengths(spec: Spec) -> Fault:
    """Names and descriptions of a cluster in a group of its own."""
    for field in ("clusterName", "clusterGroupName", "clusterDescription"):
        if len(spec.get(field) or "") > MAX_NAME:
            return errors.unfit(f"{field} must have at most {MAX_NAME} characters")
    return None


def accounts(spec: Spec) -> Fault:
    """Which accounts a cluster is authorised for."""
    listed = spec.get("authorizedNCAIds", ())
    if spec["ncaId"] in listed:
        return errors.conflict("authorizedNCAIds must not have the account of the cluster itself")
    if EVERYBODY in listed and len(listed) > 1:
        return errors.conflict("authorizedNCAIds must not have * and other accounts")
    if any(not account.strip() for account in listed):
        return errors.conflict("authorizedNCAIds must not have blank entries")
    return None


def not_public(spec: Spec) -> Fault:
    """Only a cluster with a client of its own can be everybody's."""
    if EVERYBODY in spec.get("authorizedNCAIds", ()) and not spec.get("oAuthClientId"):
        return errors.conflict("External clusters can not be publicly accessible")
    return None


def is_dynamic(spec: Spec) -> bool:
    """Whether its agent says what GPUs a cluster has."""
    return DYNAMIC in spec.get("capabilities", ())


def gpus(spec: Spec) -> Fault:
    """GPUs are declared or discovered, never both; each has one default instance type."""
    listed = spec.get("gpus", ())
    if is_dynamic(spec) and listed:
        return errors.unfit(f"gpus must be empty with {DYNAMIC}")
    if not is_dynamic(spec) and not listed:
        return errors.unfit(f"gpus must be provided without {DYNAMIC}")
    return next((f for gpu in listed if (f := one_gpu(gpu)) is not None), None)


def one_gpu(gpu: Mapping[str, Any]) -> Fault:
    named = gpu["name"]
    if len(named) > MAX_GPU_NAME or not _GPU_NAME.fullmatch(named):
        words = f"GPU name {named} must be 1 to {MAX_GPU_NAME} letters, digits, _ or -"
        return errors.bad(words)
    defaults = sum(bool(t.get("default")) for t in gpu["instanceTypes"])
    if defaults != 1:
        return errors.conflict(f"GPU {named} must have exactly one default instance type")
    return None


def shared_gpus(spec: Spec, sibling: Spec) -> Fault:
    """A GPU that two clusters of a group have must be the same in both, for the same accounts."""
    theirs = {gpu["name"]: gpu for gpu in sibling.get("gpus", ())}
    for gpu in spec.get("gpus", ()):
        if gpu["name"] not in theirs:
            continue
        if _types(gpu) != _types(theirs[gpu["name"]]):
            words = f"GPU {gpu['name']} has other instance types in another cluster of the group"
            return errors.conflict(words)
        if {*spec.get("authorizedNCAIds", ())} != {*sibling.get("authorizedNCAIds", ())}:
            words = f"GPU {gpu['name']} is authorised for others in another cluster of the group"
            return errors.conflict(words)
    return None


def _types(gpu: Mapping[str, Any]) -> set[tuple[str, str]]:
    return {(t["name"], t["value"]) for t in gpu["instanceTypes"]}
