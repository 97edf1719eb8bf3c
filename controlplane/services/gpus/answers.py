"""Answers about cluster groups and GPUs; nulls are left out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from controlplane.clusters import Cluster, Group, InstanceType
from controlplane.services.gpus.usage import Bounds, Used

Answer = dict[str, Any]


def groups(found: Iterable[Group]) -> Answer:
    return {"clusterGroups": [_group(group) for group in found]}


def _group(group: Group) -> Answer:
    gpus = [
        {"name": gpu.name, "instanceTypes": [_instance_type(t) for t in gpu.instance_types]}
        for gpu in group.gpus
    ]
    return {
        "id": group.id,
        "name": group.name,
        "ncaId": group.owner,
        "authorizedNcaIds": list(group.authorized),
        "gpus": gpus,
        "clusters": [_cluster(cluster) for cluster in group.clusters],
    }


def _instance_type(of: InstanceType) -> Answer:
    described = of.details.get("description")
    answer: Answer = {"name": of.name}
    if described is not None:
        answer["description"] = described
    return {**answer, "default": True} if of.default else answer


def _cluster(cluster: Cluster) -> Answer:
    known = {"k8sVersion": cluster.k8s_version} if cluster.k8s_version else {}
    return {**known, "id": cluster.id, "name": cluster.name}


def supported(found: Iterable[Group]) -> list[Answer]:
    """Every GPU of every group, as a bare list."""
    return [{"gpu": gpu.name, "backend": group.name} for group in found for gpu in group.gpus]


def used(found: Iterable[Used]) -> Answer:
    """What deployments use, at least and at most, with where they could be."""
    return {"gpus": [_used(u) for u in found]}


def _used(u: Used) -> Answer:
    placements = [{**_located(cluster), **_bounds(of)} for cluster, of in u.clusters]
    return {"gpu": u.gpu, "instanceType": u.type, **_bounds(u.total), "placements": placements}


def _located(cluster: Cluster) -> Answer:
    return {
        "clusterId": cluster.id,
        "cluster": cluster.name,
        "clusterGroupId": cluster.group_id,
        "clusterGroup": cluster.group,
        "cloudProvider": cluster.provider,
        "region": cluster.region,
    }


def _bounds(of: Bounds) -> Answer:
    return {"currentMaxUsage": of.most, "currentMinUsage": of.least}
