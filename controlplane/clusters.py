"""Which clusters there are for an account, and what GPUs they offer: the same for every service.

    clusters that are READY → those of, or authorised for, the account → grouped → GPUs → types

Pure over a reader (NVCF contract, section 9). A cluster is a resource sis.clusters.NAME: its spec
is what it was registered with, its status what its agent says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from controlplane.access import times
from controlplane.kinds import Spec
from controlplane.state.protocol import Json, Lookup, Reader, Resource

CLUSTERS = "sis.clusters"
READY, NOT_READY, UNHEALTHY = "READY", "NOT_READY", "UNHEALTHY"
# How long a cluster counts as healthy after its agent said so.
HEARTBEAT = timedelta(seconds=600)
# What instance types are asked for: those for containers are on one node.
DEFAULT, CONTAINER = "DEFAULT", "CONTAINER"
USAGES = (DEFAULT, CONTAINER)
SINGLE, MULTI = "SINGLE", "MULTI"
EVERYBODY = "*"


# --------------------------------------------------------------------------- lookups


# The cluster that this machine is itself.
EMBEDDED = Lookup("embedded", "yes")


def by_id(cluster_id: str) -> Lookup:
    return Lookup("clusterId", cluster_id)


def by_account(account: str) -> Lookup:
    """Clusters that an account owns."""
    return Lookup("account", account)


def by_name(account: str, name: str) -> Lookup:
    return Lookup("account+name", f"{name} {account}")


def by_group(account: str, group: str) -> Lookup:
    """Clusters of a group, by the name that it has in its owner's account."""
    return Lookup("account+group", f"{group} {account}")


def by_group_id(group_id: str) -> Lookup:
    return Lookup("clusterGroupId", group_id)


def by_authorized(account: str) -> Lookup:
    """Clusters that others authorised an account for; `*` finds those for everybody."""
    return Lookup("authorized", account)


def by_fingerprint(fingerprint: str) -> Lookup:
    """The cluster with these keys."""
    return Lookup("fingerprint", fingerprint)


def lookups(spec: Spec, status: Spec) -> Iterator[Lookup]:
    """How a cluster is found. One whose plan is still being applied has no status yet."""
    owner = spec["ncaId"]
    yield by_account(owner)
    yield by_name(owner, spec["clusterName"])
    yield by_group(owner, spec["clusterGroupName"])
    for account in spec.get("authorizedNCAIds", ()):
        yield by_authorized(account)
    if status:
        yield by_id(status["clusterId"])
        yield by_group_id(status["clusterGroupId"])
    if status.get("fingerprint"):
        yield by_fingerprint(status["fingerprint"])
    if status.get("embedded"):
        yield EMBEDDED


# --------------------------------------------------------------------------- one cluster


class InstanceType(NamedTuple):
    """A share of a cluster's machines. `details` is all that was declared of it."""

    name: str
    value: str
    default: bool
    node_type: str
    gpu_count: int
    details: Json


class Gpu(NamedTuple):
    name: str
    capacity: int
    available: int
    instance_types: tuple[InstanceType, ...]


class Cluster(NamedTuple):
    """A cluster as it is now. `state` is UNHEALTHY when its agent has gone silent."""

    id: str
    name: str
    group_id: str
    group: str
    owner: str
    authorized: frozenset[str]
    provider: str
    region: str
    attributes: tuple[str, ...]
    k8s_version: str | None
    state: str
    gpus: tuple[Gpu, ...]
    # Whether its agent says how much of its GPUs is in use.
    reports: bool = False

    def serves(self, account: str) -> bool:
        """Whether an account may run something here."""
        return self.owner == account or not self.authorized.isdisjoint((account, EVERYBODY))


def state(status: Json, now: datetime) -> str:
    """The state that a cluster has: a READY one is UNHEALTHY without a healthy heartbeat in time.

    The embedded one is this process, which evidently runs."""
    stored = str(status["status"])
    if stored != READY or status.get("embedded"):
        return stored
    last = status.get("lastHealthy")
    return READY if last and now - times.parse(last) <= HEARTBEAT else UNHEALTHY


def gpus_of(spec: Json, status: Json) -> list[Json]:
    """The GPUs of a cluster: as declared, or as its agent discovered them."""
    return list(spec.get("gpus") or status.get("gpus") or ())


def cluster(resource: Resource, now: datetime) -> Cluster:
    """The cluster of a resource that has a spec and a status."""
    spec, status = resource.spec or {}, resource.status
    usage = status.get("gpuUsage") or {}
    return Cluster(
        status["clusterId"],
        spec["clusterName"],
        status["clusterGroupId"],
        spec["clusterGroupName"],
        spec["ncaId"],
        frozenset(spec.get("authorizedNCAIds", ())),
        spec["cloudProvider"],
        spec["region"],
        (*spec.get("attributes", ()), *spec.get("customAttributes", ())),
        status.get("k8sVersion"),
        state(status, now),
        tuple(_gpu(declared, usage) for declared in gpus_of(spec, status)),
        bool(usage),
    )


def _gpu(declared: Json, usage: Mapping[str, Any]) -> Gpu:
    capacity: int = declared.get("capacity", 0)
    used: Mapping[str, int] = usage.get(declared["name"]) or {}
    types = tuple(_instance_type(t) for t in declared["instanceTypes"])
    return Gpu(declared["name"], capacity, used.get("available", capacity), types)


def _instance_type(declared: Json) -> InstanceType:
    return InstanceType(
        declared["name"],
        declared["value"],
        declared.get("default", False),
        declared.get("nodeType", SINGLE),
        declared.get("gpuCount", 1),
        declared,
    )


def existing(found: Iterable[Resource], now: datetime) -> list[Cluster]:
    """Clusters of resources, each once, in order of name."""
    once = {r.address: r for r in found if r.spec is not None and r.status}
    return sorted((cluster(r, now) for r in once.values()), key=lambda c: (c.name, c.id))


def visible(reader: Reader, account: str, now: datetime | None = None) -> list[Cluster]:
    """Clusters on which an account may run something, in whatever state they are."""
    asked = (by_account(account), by_authorized(account), by_authorized(EVERYBODY))
    found = [r for lookup in asked for r in reader.find(CLUSTERS, lookup)]
    return existing(found, now or datetime.now(UTC))


# --------------------------------------------------------------------------- what is offered


class Group(NamedTuple):
    """A cluster group (in deployments: a backend) as an account sees it. `authorized` are accounts
    that every one of its clusters is authorised for."""

    id: str
    name: str
    owner: str
    authorized: tuple[str, ...]
    gpus: tuple[Gpu, ...]
    clusters: tuple[Cluster, ...]


def offers(
    reader: Reader, account: str, usage: str = DEFAULT, *, now: datetime | None = None
) -> list[Group]:
    """The groups that an account can deploy to, in order of name, with the GPUs and instance types
    of each. CONTAINER leaves out instance types of several nodes."""
    moment = now or datetime.now(UTC)
    ready = [c for c in visible(reader, account, moment) if c.state == READY and c.gpus]
    members: dict[str, list[Cluster]] = {}
    for c in ready:
        members.setdefault(c.group_id, []).append(c)
    found = (_group(reader, account, usage, of, moment) for of in members.values())
    return sorted((g for g in found if g is not None), key=lambda g: (g.name, g.id))


def _group(
    reader: Reader, account: str, usage: str, members: list[Cluster], now: datetime
) -> Group | None:
    """None when nothing of it is left for this account and usage."""
    first = members[0]
    siblings = existing(reader.find(CLUSTERS, by_group_id(first.group_id)), now)
    # What a sibling has that does not serve this account cannot be told apart from ours.
    foreign = {gpu.name for s in siblings if not s.serves(account) for gpu in s.gpus}
    gpus: dict[str, Gpu] = {}
    having = []
    for c in members:
        kept = [g for gpu in c.gpus if gpu.name not in foreign and (g := _for(gpu, usage))]
        gpus = {**{gpu.name: gpu for gpu in kept}, **gpus}
        if kept:
            having.append(c._replace(gpus=tuple(kept)))
    if not having:
        return None
    authorized = frozenset.intersection(*(c.authorized for c in members))
    ordered = tuple(gpus[name] for name in sorted(gpus))
    return Group(
        first.group_id, first.group, first.owner, tuple(sorted(authorized)), ordered, tuple(having)
    )


def _for(gpu: Gpu, usage: str) -> Gpu | None:
    """A GPU with the instance types of a usage; None when it has none."""
    if usage != CONTAINER:
        return gpu
    types = tuple(t for t in gpu.instance_types if t.node_type == SINGLE)
    return gpu._replace(instance_types=types) if types else None


# --------------------------------------------------------------------------- what runs there

# Kinds whose resources place instances, and give themselves the lookups of `by_cluster`.
PLACED = ("nvcf.deployments", "nvct.tasks")


class Placement(NamedTuple):
    """What runs, or is to run, on a cluster: for whom, on which GPU and instance type, how many."""

    account: str
    gpu: str
    instance_type: str
    instances: int = 1


def by_cluster(cluster_id: str) -> Lookup:
    """A lookup that whatever places instances gives those resources."""
    return Lookup("cluster", cluster_id)


def placed(status: Spec) -> Iterator[Lookup]:
    """The lookups of a resource by where its instances are."""
    ids = (p["clusterId"] for p in status.get("placements", ()))
    yield from (by_cluster(id_) for id_ in dict.fromkeys(ids))


def placements(reader: Reader, cluster_id: str) -> list[Placement]:
    """What runs on a cluster, by status.placements of what is found by it."""
    lookup = by_cluster(cluster_id)
    return [
        Placement(p["ncaId"], p["gpu"], p["instanceType"], p.get("instances", 1))
        for kind in PLACED
        for r in reader.find(kind, lookup)
        for p in r.status.get("placements", ())
        if p.get("clusterId") == cluster_id
    ]


def of_this_machine(reader: Reader) -> frozenset[str]:
    """The ids of clusters that this machine is itself: one, or none."""
    return frozenset(str(r.status["clusterId"]) for r in reader.find(CLUSTERS, EMBEDDED))


def in_use(reader: Reader, of: Cluster) -> Cluster:
    """A cluster with what is free of its GPUs: as its agent says, else all but what was placed."""
    if of.reports:
        return of
    counts = {(g.name, t.name): t.gpu_count for g in of.gpus for t in g.instance_types}
    taken: dict[str, int] = {}
    for p in placements(reader, of.id):
        gpus = counts.get((p.gpu, p.instance_type), 1) * p.instances
        taken[p.gpu] = taken.get(p.gpu, 0) + gpus
    free = (g._replace(available=max(0, g.capacity - taken.get(g.name, 0))) for g in of.gpus)
    return of._replace(gpus=tuple(free))
