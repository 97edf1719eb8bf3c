"""What can be deployed to, in the many ways in which it is asked (contract 9): one selection of
rows, and a few questions about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from falcon.asgi import Request

from controlplane import clusters
from controlplane.clusters import Cluster, Gpu, InstanceType
from controlplane.services.sis import errors, requests
from controlplane.state.protocol import Reader

USAGE = "instanceTypeUsage"


class Row(NamedTuple):
    """An instance type that a cluster offers."""

    cluster: Cluster
    gpu: Gpu
    type: InstanceType

    @property
    def available(self) -> int:
        """How many more of it there can be."""
        return self.gpu.available // max(1, self.type.gpu_count)


class Filter(NamedTuple):
    """What is asked for; an empty set is everything."""

    usage: str
    capacity: bool
    wanted: dict[str, frozenset[str]]


# Parameter -> what of a row it is about.
_ABOUT: dict[str, Callable[[Row], Iterable[str]]] = {
    "regions": lambda row: (row.cluster.region,),
    "clusters": lambda row: (row.cluster.name,),
    "attributes": lambda row: row.cluster.attributes,
    "gpus": lambda row: (row.gpu.name,),
    "backends": lambda row: (row.cluster.group,),
    "instanceType": lambda row: (row.type.name,),
}
PARAMETERS = (*_ABOUT, USAGE, "capacityValidation")


def usage(req: Request) -> str:
    """The usage that is asked for. Raises Problem 400 for another one."""
    found = req.get_param(USAGE) or clusters.DEFAULT
    if found not in clusters.USAGES:
        raise errors.bad(f"{USAGE} must be one of {', '.join(clusters.USAGES)}")
    return found


def asked(req: Request, *, capacity: bool = True) -> Filter:
    """What is asked for; `capacity`: where nothing is said, only what has room. Raises Problem."""
    wanted = {name: frozenset(requests.words(req, name)) for name in _ABOUT}
    room = requests.flag(req, "capacityValidation", default=capacity)
    return Filter(usage(req), room, {k: v for k, v in wanted.items() if v})


def rows(reader: Reader, account: str, filter_: Filter) -> list[Row]:
    """What an account can deploy to, of what is asked for."""
    found = _all(reader, account, filter_.usage)
    return [row for row in found if _fits(row, filter_)]


def _all(reader: Reader, account: str, usage_: str) -> Iterator[Row]:
    for group in clusters.offers(reader, account, usage_):
        for offered in group.clusters:
            cluster = clusters.in_use(reader, offered)
            for gpu in cluster.gpus:
                for type_ in gpu.instance_types:
                    yield Row(cluster, gpu, type_)


def _fits(row: Row, filter_: Filter) -> bool:
    if filter_.capacity and row.available <= 0:
        return False
    return all(not w.isdisjoint(_ABOUT[name](row)) for name, w in filter_.wanted.items())


# --------------------------------------------------------------------------- questions


def _names(key: str, about: str) -> Callable[[list[Row]], dict[str, Any]]:
    return lambda found: {key: sorted({word for row in found for word in _ABOUT[about](row)})}


def _types(found: list[Row]) -> dict[str, Any]:
    """Instance types by GPU, each once with all the clusters that have it."""
    by_type: dict[tuple[str, str], list[Row]] = {}
    for row in found:
        by_type.setdefault((row.gpu.name, row.type.name), []).append(row)
    answer: dict[str, Any] = {}
    for (gpu, _), same in sorted(by_type.items(), key=lambda entry: entry[0]):
        answer.setdefault(gpu, []).append(_details(same))
    return answer


def _details(same: list[Row]) -> dict[str, Any]:
    first = same[0].type
    declared = first.details
    return {
        "name": first.name,
        "value": first.value,
        "description": declared.get("description"),
        "cpuCores": declared.get("cpuCores"),
        "systemMemory": declared.get("systemMemory"),
        "gpuMemory": declared.get("gpuMemory"),
        "gpuCount": first.gpu_count,
        "availableCapacity": sum(max(0, row.available) for row in same),
        "clusters": sorted({row.cluster.name for row in same}),
        "regions": sorted({row.cluster.region for row in same}),
        "attributes": sorted({a for row in same for a in row.cluster.attributes}),
        "gpuName": same[0].gpu.name,
        "defaultable": first.default,
        "cpuArch": declared.get("cpuArch"),
        "os": declared.get("os"),
        "driverVersion": declared.get("driverVersion"),
        "storage": declared.get("storage"),
        "nodeType": first.node_type,
    }


class Question(NamedTuple):
    """A path, the scope that it needs, and what it makes of the rows."""

    path: str
    scope: str
    summary: str
    answer: Callable[[list[Row]], dict[str, Any]]
    # Whether what has no room is left out, unless asked for.
    capacity: bool = True


QUESTIONS = (
    Question("gpus", "gpu_listing", "GPUs that there are", _names("gpus", "gpus")),
    Question("regions", "regions_listing", "Regions with GPUs", _names("regions", "regions")),
    Question(
        "clusterNames", "clusters_listing", "Clusters with GPUs", _names("clusterNames", "clusters")
    ),
    Question(
        "attributes", "attributes_listing", "Attributes of them", _names("attributes", "attributes")
    ),
    Question("instanceTypes", "instance_types", "Instance types by GPU", _types),
)
