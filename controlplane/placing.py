"""Where instances go: which clusters can run what a deployment asks for, and how many each gets.

    offered groups → those that fit what is asked for → the freest first → placements

A placement is part of a status: {clusterId, ncaId, gpu, instanceType, gpuSpecificationId,
instances}, as many as may run there. What no cluster has room for is placed nowhere: it waits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from controlplane.clusters import Cluster, Gpu, Group, InstanceType, in_use
from controlplane.state.protocol import Json, Reader

Placed = dict[str, Any]


class Place(NamedTuple):
    """An instance type on a cluster."""

    cluster: Cluster
    gpu: Gpu
    type: InstanceType

    @property
    def free(self) -> int:
        """How many more instances there is room for."""
        return self.gpu.available // max(1, self.type.gpu_count)


def places(groups: Iterable[Group], asked: Json) -> Iterator[Place]:
    """Where a GPU specification can run, of what an account is offered."""
    backend = (asked.get("backend") or "").strip().lower()
    for group in groups:
        if backend and group.name.lower() != backend:
            continue
        for cluster in group.clusters:
            if _fits(cluster, asked):
                yield from _types(cluster, asked)


def _fits(cluster: Cluster, asked: Json) -> bool:
    """Whether a cluster is where it is asked for; what is not said is everywhere."""
    names, regions = (_folded(asked.get(field)) for field in ("clusters", "regions"))
    if names and cluster.name.lower() not in names:
        return False
    if regions and cluster.region.lower() not in regions:
        return False
    return _folded(asked.get("attributes")) <= _folded(cluster.attributes)


def _folded(words: Iterable[str] | None) -> set[str]:
    return {word.strip().lower() for word in words or ()} - {""}


def _types(cluster: Cluster, asked: Json) -> Iterator[Place]:
    gpu_name, type_name = asked["gpu"].lower(), asked["instanceType"].lower()
    for gpu in cluster.gpus:
        for type_ in gpu.instance_types:
            named = type_name in (type_.name.lower(), type_.value.lower())
            if gpu.name.lower() == gpu_name and named:
                yield Place(cluster, gpu, type_)


# --------------------------------------------------------------------------- how many where

Offers = Callable[[], Sequence[Group]]


class Wanted(NamedTuple):
    """How many instances of a GPU specification should run, and by which id it is known."""

    id: str
    specification: Json
    instances: int


def place(
    reader: Reader, account: str, wanted: Iterable[Wanted], before: Iterable[Json], offers: Offers
) -> list[Placed]:
    """The placements of everything that is wanted. What is placed stays where it is; what is too
    much goes from the place that came last."""
    kept = trimmed(before, {w.id: w.instances for w in wanted})
    for w in wanted:
        missing = w.instances - sum(p["instances"] for p in kept if _of(p) == w.id)
        if missing > 0:
            kept = _added(kept, _spread(reader, account, w, missing, offers()))
    return kept


def fitting(
    before: Iterable[Json], wanted: Iterable[Wanted], groups: Sequence[Group]
) -> list[Placed]:
    """Placements that are still where what is wanted can run."""
    good = {
        (w.id, p.cluster.id, p.gpu.name, p.type.name)
        for w in wanted
        for p in places(groups, w.specification)
    }
    return [
        dict(p) for p in before if (_of(p), p["clusterId"], p["gpu"], p["instanceType"]) in good
    ]


def trimmed(before: Iterable[Json], wanted: Mapping[str, int]) -> list[Placed]:
    """Placements without what is more than wanted, by the ids of GPU specifications."""
    left = dict(wanted)
    found = []
    for p in before:
        stay = min(p["instances"], left.get(_of(p), 0))
        left[_of(p)] = left.get(_of(p), 0) - stay
        if stay > 0:
            found.append({**p, "instances": stay})
    return found


# What the one GPU specification of a task is known by.
_ALONE = ""


def _of(placed: Json) -> str:
    return str(placed.get("gpuSpecificationId", _ALONE))


def _spread(
    reader: Reader, account: str, wanted: Wanted, count: int, groups: Sequence[Group]
) -> Iterator[Placed]:
    """New placements: on the freest cluster as much as it has room for, then on the next; what fits
    nowhere waits."""
    asked = (_now(reader, p) for p in places(groups, wanted.specification))
    found = sorted(asked, key=lambda p: (-p.free, p.cluster.name))
    shares = _shares(count, [max(0, p.free) for p in found])
    for at, share in zip(found, shares, strict=True):
        if share:
            yield {
                "clusterId": at.cluster.id,
                "ncaId": account,
                "gpu": at.gpu.name,
                "instanceType": at.type.name,
                "gpuSpecificationId": wanted.id,
                "instances": share,
            }


def _now(reader: Reader, place_: Place) -> Place:
    """A place with what is free there now."""
    cluster = in_use(reader, place_.cluster)
    gpu = next(g for g in cluster.gpus if g.name == place_.gpu.name)
    return place_._replace(cluster=cluster, gpu=gpu)


def _shares(count: int, rooms: Sequence[int]) -> list[int]:
    """A number, into rooms in their order."""
    shares = []
    for room in rooms:
        share = min(count, room)
        shares.append(share)
        count -= share
    return shares


def _added(before: list[Placed], new: Iterable[Placed]) -> list[Placed]:
    """Placements with more of them: where there is one already, it grows."""
    found = [dict(p) for p in before]
    for p in new:
        at = next((q for q in found if _same(p, q)), None)
        if at is None:
            found.append(p)
        else:
            at["instances"] += p["instances"]
    return found


def _same(a: Json, b: Json) -> bool:
    return all(a[k] == b[k] for k in a if k != "instances")


# --------------------------------------------------------------------------- what became of them


class Share(NamedTuple):
    """A placement, and how many of its instances run; the others are still to come."""

    placed: Json
    active: int

    @property
    def pending(self) -> int:
        return _instances(self.placed) - self.active


def shares(status: Json) -> Iterator[Share]:
    """The placements of a status with what runs of them: those that came first run first."""
    running = _running(status)
    for p in status.get("placements", ()):
        active = min(_instances(p), running.get(_of(p), 0))
        running[_of(p)] = running.get(_of(p), 0) - active
        yield Share(p, active)


def _instances(placed: Json) -> int:
    return int(placed.get("instances", 1))


def _running(status: Json) -> dict[str, int]:
    """How many instances run, by the ids of GPU specifications. Where there are several, names of
    instances begin with the index of theirs; a task has one, without an id."""
    found: dict[str, int] = {}
    ids = status.get("gpuSpecificationIds") or [_ALONE]
    for instance in status.get("instances", ()):
        if instance["state"] == "RUNNING":
            index, dot, _ = instance["name"].partition(".")
            id_ = ids[int(index) if dot else 0]
            found[id_] = found.get(id_, 0) + 1
    return found
