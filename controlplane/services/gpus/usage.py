"""How many instances the deployments of an account have at least and at most.

    deployments that are ACTIVE or DEPLOYING → GPU specifications → by GPU and instance type

Of each cluster that a specification could be on all of it is counted: the sums of clusters may be
more than the whole.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from controlplane import clusters, placing
from controlplane.clusters import PLACED, Cluster
from controlplane.state.protocol import Json, Lookup, Reader

_COUNTED = ("ACTIVE", "DEPLOYING")


class Bounds(NamedTuple):
    """Numbers of instances."""

    most: int = 0
    least: int = 0

    def plus(self, specification: Json) -> Bounds:
        return Bounds(
            self.most + specification["maxInstances"], self.least + specification["minInstances"]
        )


class Used(NamedTuple):
    """An instance type of a GPU, all in all and by the clusters that have it."""

    gpu: str
    type: str
    total: Bounds
    clusters: tuple[tuple[Cluster, Bounds], ...]


def of_account(reader: Reader, account: str) -> list[Used]:
    """Everything that deployments of an account use, in order."""
    specs = [
        gpu
        for r in reader.find(PLACED[0], Lookup("account", account))
        if r.status.get("status") in _COUNTED and not r.status.get("draining")
        for gpu in (r.spec or {})["deploymentSpecifications"]
    ]
    return of_specifications(specs, clusters.offers(reader, account)) if specs else []


def of_specifications(specs: Iterable[Json], groups: list[clusters.Group]) -> list[Used]:
    """What GPU specifications use, where groups are offered."""
    totals: dict[tuple[str, str], Bounds] = {}
    by_cluster: dict[tuple[str, str], dict[str, tuple[Cluster, Bounds]]] = {}
    for spec in specs:
        key = (spec["gpu"], spec["instanceType"])
        totals[key] = totals.get(key, Bounds()).plus(spec)
        having = by_cluster.setdefault(key, {})
        for place in placing.places(groups, spec):
            _, before = having.get(place.cluster.id, (None, Bounds()))
            having[place.cluster.id] = (place.cluster, before.plus(spec))
    return [
        Used(*key, totals[key], tuple(sorted(by_cluster[key].values(), key=lambda c: c[0].name)))
        for key in sorted(totals)
    ]
