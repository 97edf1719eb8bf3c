"""Answers of this API, field by field in the order of contract 10.2; what is not known is null."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from controlplane import clusters
from controlplane.access import times
from controlplane.clusters import Group, InstanceType
from controlplane.services.sis import rules
from controlplane.state.protocol import Resource

Answer = dict[str, Any]
# What an agent needs to reach other services of the vendor's; here it needs nothing.
CREDENTIALS: Answer = {}
_TYPE = (
    "cpuCores", "systemMemory", "gpuMemory", "gpuCount", "name", "description", "default", "value",
    "cpuArch", "os", "driverVersion", "storage",
)  # fmt: skip


def ids(cluster: Resource) -> Answer:
    return {name: cluster.status[name] for name in ("clusterId", "clusterGroupId")}


def listed(cluster: Resource, now: datetime) -> Answer:
    """A cluster in a list: without its configurations, and never with its keys."""
    spec, status = cluster.spec or {}, cluster.status
    connected = times.stamp(now) if status.get("embedded") else status.get("nvcaLastConnected")
    return {
        "clusterName": spec["clusterName"],
        "clusterGroupName": spec["clusterGroupName"],
        "clusterDescription": spec.get("clusterDescription"),
        "ncaId": spec["ncaId"],
        "authorizedNCAIds": spec.get("authorizedNCAIds", []),
        "cloudProvider": spec["cloudProvider"],
        "region": spec["region"],
        "capabilities": spec.get("capabilities", []),
        "attributes": spec.get("attributes", []),
        "customAttributes": spec.get("customAttributes", []),
        "gpus": [_gpu(gpu) for gpu in clusters.gpus_of(spec, status)],
        "nvcaVersion": status.get("nvcaVersion") or spec["nvcaVersion"],
        "ssaClientId": spec.get("oAuthClientId"),
        "oAuthClientId": spec.get("oAuthClientId"),
        **ids(cluster),
        "status": clusters.state(status, now),
        "clusterSource": spec.get("clusterSource", rules.NGC_MANAGED),
        "nvcaLastConnected": connected,
        "k8sVersion": status.get("k8sVersion"),
        "gpuUsage": status.get("gpuUsage"),
        "sisConfig": {"publicKeysetEndpoint": None, "tokenURL": None, "spotServiceURL": None},
        "vaultConfig": {"address": None},
        "imageCredentialHelper": {"imageConfig": {"repository": None, "tag": None}},
        "clusterUpgradeStatus": status.get("clusterUpgradeStatus"),
        "clusterKeyId": spec.get("clusterKeyId"),
    }


def one(cluster: Resource, now: datetime) -> Answer:
    """A cluster by itself."""
    spec = cluster.spec or {}
    names = ("clusterConfigurations", "clusterConfigurationFiles")
    return {**listed(cluster, now), **{name: spec.get(name) or None for name in names}}


def _gpu(gpu: Mapping[str, Any]) -> Answer:
    types = [{k: t[k] for k in _TYPE if t.get(k) is not None} for t in gpu["instanceTypes"]]
    return {"name": gpu["name"], "capacity": gpu["capacity"], "instanceTypes": types}


def versions(known: Mapping[str, Any]) -> Answer:
    """What can be registered here: what the operator says, and always regions and sources."""
    return {
        **known,
        "clusterRegions": list(rules.REGIONS),
        "clusterSources": list(rules.SOURCES),
    }


def introspected(known: Mapping[str, Any] | None) -> Answer:
    """What is known of a token: nothing when it is not valid."""
    fields = ("sub", "aud", "iss", "clusterId", "tokenType")
    return {"active": known is not None, **{name: (known or {}).get(name) for name in fields}}


# --------------------------------------------------------------------------- what is offered


def groups(found: Iterable[Group]) -> Answer:
    return {"clusterGroups": [_group(g) for g in found]}


def _group(group: Group) -> Answer:
    gpus = [
        {"name": gpu.name, "instanceTypes": [_offered(t) for t in gpu.instance_types]}
        for gpu in group.gpus
    ]
    members = [
        _without_null(k8sVersion=c.k8s_version, id=c.id, name=c.name) for c in group.clusters
    ]
    return {
        "id": group.id,
        "name": group.name,
        "ncaId": group.owner,
        "authorizedNcaIds": list(group.authorized),
        "gpus": gpus,
        "clusters": members,
    }


def _offered(of: InstanceType) -> Answer:
    return _without_null(
        name=of.name,
        description=of.details.get("description"),
        default=True if of.default else None,
        value=of.value,
        nodeType=of.node_type,
    )


def _without_null(**fields: Any) -> Answer:
    return {name: value for name, value in fields.items() if value is not None}
