"""What runs of an account, and for what there is room: both as trees of GPUs, instance types,
regions and clusters (contract 9), the way in which the vendor's service answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any, NamedTuple

from controlplane import placing
from controlplane.clusters import CLUSTERS, PLACED, by_id
from controlplane.services.sis.reads import Row
from controlplane.state.protocol import Json, Lookup, Reader

Answer = dict[str, Any]
UNKNOWN = "UNKNOWN"


class Use(NamedTuple):
    """What runs, and is to run, of an instance type on a cluster. Its order is that of answers."""

    gpu: str
    type: str
    region: str
    cluster_id: str
    group: str
    active: int
    pending: int


def of_account(reader: Reader, account: str) -> list[Use]:
    """Everything of an account."""
    lookup = Lookup("account", account)
    return _uses(reader, (r.status for kind in PLACED for r in reader.find(kind, lookup)))


def of_deployment(reader: Reader, account: str, deployment: str) -> list[Use]:
    """A deployment of an account; nothing when it has no such one."""
    found = reader.find(PLACED[0], Lookup("deploymentId", deployment))
    return _uses(reader, (r.status for r in found if r.status.get("account") == account))


def _uses(reader: Reader, statuses: Iterable[Json]) -> list[Use]:
    specs: dict[str, Json] = {}
    found = []
    for share in (share for status in statuses for share in placing.shares(status)):
        p = share.placed
        id_ = p["clusterId"]
        if id_ not in specs:
            specs[id_] = next((r.spec or {} for r in reader.find(CLUSTERS, by_id(id_))), {})
        where = specs[id_]
        region = where.get("region", UNKNOWN)
        group = where.get("clusterGroupName", UNKNOWN)
        found.append(
            Use(p["gpu"], p["instanceType"], region, id_, group, share.active, share.pending)
        )
    return sorted(found)


# --------------------------------------------------------------------------- answers


def gpus(found: list[Use]) -> list[Answer]:
    """What runs, as a tree."""
    return [
        {"gpuName": gpu, "instances": [
            {"instanceName": type_, "regions": [
                {"regionName": region, "clusters": list(_clusters(of_region))}
                for region, of_region in groupby(of_type, lambda u: u.region)
            ]}
            for type_, of_type in groupby(of_gpu, lambda u: u.type)
        ]}
        for gpu, of_gpu in groupby(found, lambda u: u.gpu)
    ]  # fmt: skip


def _clusters(found: Iterable[Use]) -> Iterator[Answer]:
    for (id_, group), same in groupby(found, lambda u: (u.cluster_id, u.group)):
        uses = list(same)
        status = {
            "activeInstances": sum(u.active for u in uses),
            "pendingInstances": sum(u.pending for u in uses),
        }
        yield {"clusterId": id_, "clusterGroupName": group, "status": status}


def availability(found: list[Row]) -> Answer:
    """For what there is room, as a tree; types are described as their first clusters do it."""
    rows = sorted(found, key=lambda r: (r.gpu.name, r.type.name, r.cluster.region, r.cluster.id))
    return {"gpus": [
        {"gpuName": gpu, "instanceTypes": [
            _type(list(of_type)) for _, of_type in groupby(of_gpu, lambda r: r.type.name)
        ]}
        for gpu, of_gpu in groupby(rows, lambda r: r.gpu.name)
    ]}  # fmt: skip


_DECLARED = (
    "description", "cpuArch", "cpuCores", "systemMemory", "gpuMemory", "os", "driverVersion",
    "storage",
)  # fmt: skip


def _type(same: list[Row]) -> Answer:
    first = same[0].type
    return {
        "instanceName": first.name,
        "value": first.value,
        **{name: first.details.get(name) for name in _DECLARED},
        "gpuCount": first.gpu_count,
        "nodeType": first.node_type,
        "defaultable": first.default,
        "regions": [
            {"regionName": region, "clusters": [_room(row) for row in rows]}
            for region, rows in groupby(same, lambda r: r.cluster.region)
        ],
    }


def _room(row: Row) -> Answer:
    return {
        "clusterId": row.cluster.id,
        "clusterName": row.cluster.name,
        "cloudProvider": row.cluster.provider,
        "clusterGroup": row.cluster.group,
        "isDefaultInstanceType": row.type.default,
        "maxClusterAvailableCapacity": max(0, row.available),
        "attributes": sorted(set(row.cluster.attributes)),
    }
