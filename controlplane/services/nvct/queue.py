"""Who waits, and who of them is launched now: what the scheduler decides becomes statuses.

    tasks that wait + what clusters have − what runs there → grants → LAUNCHED, with a place

What was read of a task that waits is kept by its revision from one pass to the next, so that a long
queue is not read again and again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from controlplane import clusters, placing, scheduler
from controlplane.access import times
from controlplane.clusters import CONTAINER, DEFAULT, Cluster
from controlplane.kinds import Admitted, Spec, Waiting
from controlplane.runtime.protocol import Instance
from controlplane.scheduler import Pool, Request
from controlplane.services.nvct import lifecycle
from controlplane.services.nvct.instances import ended, workload
from controlplane.services.nvct.lookups import ENDING, LIVE, WAITING
from controlplane.state.protocol import Head, Reader, Resource
from controlplane.state.rows import text
from controlplane.vendor.lookups import TASKS, account_of

# Fewer that are not known yet are read one by one.
_FEW = 20


# An account, a usage of instance types, and the text of a GPU specification.
Wish = tuple[str, str, str]


class Entry(NamedTuple):
    """A task that waits. Tasks with the same `wish` can run in the same places."""

    address: str
    wish: Wish
    gpu: Spec
    nodes: int
    priority: int
    since: float
    due: float
    nowhere: bool


class Hold(NamedTuple):
    """GPUs that an instance holds until it is gone, whatever became of its task."""

    pool: Pool
    gpus: int


class Memory(NamedTuple):
    """What one pass leaves to the next: entries of the queue, and holds by ids of instances."""

    entries: Mapping[Head, Entry] = {}
    holds: Mapping[str, Hold] = {}


def admit(waiting: Waiting) -> Admitted:
    """The tasks that are launched now, and those whose time to wait is over."""
    before: Memory = waiting.memory or Memory()
    reader, now = waiting.reader, waiting.now
    entries = _entries(reader, before.entries)
    over = reader.find(TASKS, ENDING)
    placed = [*reader.find(TASKS, LIVE), *over]
    holds = _holds(reader, placed, before.holds, waiting.running)
    memory = Memory(entries, holds)
    there = {_uid(i.id) for i in waiting.running}
    gone = [r for r in over if r.uid not in there]
    left = [(r, _without_place(r)) for r in gone]
    if not entries:
        return Admitted(left, memory)
    market, stamp = Market(reader, now), times.stamp(datetime.fromtimestamp(now, UTC))
    requests = [market.request(e) for e in entries.values()]
    by_address = {e.address: e for e in entries.values()}
    grants = scheduler.decide(market.free(_ending(waiting, placed, holds), gone), requests, now)
    capacity = market.capacity
    lost = {r.id for r in requests if not scheduler.can_ever(capacity, r)}
    changes = [
        (r, _launched(r, g.pool, market.offer(by_address[g.id]), stamp))
        for g in grants
        if (r := reader.get(g.id)) is not None
    ]
    granted = {g.id for g in grants}
    changes += [
        (r, _waited(r, e.address in lost, now, stamp))
        for e in entries.values()
        if e.address not in granted and (e.due <= now or (e.address in lost) != e.nowhere)
        if (r := reader.get(e.address)) is not None
    ]
    return Admitted([*left, *((r, s) for r, s in changes if s != r.status)], memory)


# --------------------------------------------------------------------------- the queue


def _entries(reader: Reader, known: Mapping[Head, Entry]) -> dict[Head, Entry]:
    """Those who wait; what is known of them is not read again."""
    heads = reader.heads(TASKS, WAITING)
    missing = [h for h in heads if h not in known]
    if len(missing) > _FEW:
        found: Iterable[Resource] = reader.find(TASKS, WAITING)
    else:
        found = [r for h in missing if (r := reader.get(h.address)) is not None]
    new = {Head(r.address, r.revision): r for r in found}
    return {h: known.get(h) or _entry(new[h]) for h in heads if h in known or h in new}


def _entry(r: Resource) -> Entry:
    spec, status = r.spec or {}, r.status
    usage = CONTAINER if spec.get("containerImage") else DEFAULT
    return Entry(
        r.address,
        (account_of(spec), usage, text(spec["gpuSpecification"])),
        spec["gpuSpecification"],
        spec.get("nodes", 1),
        spec.get("priority", 0),
        times.parse(status["createdAt"]).timestamp(),
        lifecycle.next_due(spec, status),
        "nowhereSince" in status,
    )


def _holds(
    reader: Reader,
    placed: Iterable[Resource],
    before: Mapping[str, Hold],
    running: Iterable[Instance],
) -> dict[str, Hold]:
    """What each instance that runs holds: as its task or deployment says, or said while there was
    one."""
    of = {r.uid: Hold(_pool(p), p["gpus"]) for r in placed for p in r.status["placements"]}
    seen = {i.id: of.get(_uid(i.id)) or before.get(i.id) or _held(reader, i) for i in running}
    return {id_: hold for id_, hold in seen.items() if hold is not None}


def _held(reader: Reader, instance: Instance) -> Hold | None:
    """What an instance of a deployment holds: its name begins with the index of its place's GPU
    specification."""
    r = reader.get(instance.address)
    if r is None or r.uid != _uid(instance.id) or "gpuSpecificationIds" not in r.status:
        return None
    id_ = r.status["gpuSpecificationIds"][int(instance.name.partition(".")[0])]
    here = clusters.of_this_machine(reader)
    for p in r.status.get("placements", ()):
        if p["gpuSpecificationId"] == id_ and p["clusterId"] in here:
            types = [t for c in reader.find(clusters.CLUSTERS, clusters.by_id(p["clusterId"]))
                     for g in clusters.gpus_of(c.spec or {}, c.status)
                     if g["name"] == p["gpu"] for t in g["instanceTypes"]]  # fmt: skip
            gpus = [t.get("gpuCount", 1) for t in types if t["name"] == p["instanceType"]]
            return Hold(_pool(p), max(gpus, default=1))
    return None


def _ending(waiting: Waiting, placed: Iterable[Resource], holds: Mapping[str, Hold]) -> list[Hold]:
    """Holds of instances whose tasks or deployments are gone. (Others count as placed.)"""
    uids = {r.uid for r in placed}
    left = [i for i in waiting.running if i.id in holds and _uid(i.id) not in uids]
    return [holds[i.id] for i in left if not _is_placed(waiting.reader, i)]


def _is_placed(reader: Reader, instance: Instance) -> bool:
    r = reader.get(instance.address)
    return r is not None and r.uid == _uid(instance.id) and "placements" in r.status


def _uid(instance: str) -> str:
    return instance.partition("/")[0]


def _pool(placement: Spec) -> Pool:
    return Pool(placement["clusterId"], placement["gpu"])


# --------------------------------------------------------------------------- what there is


class Offer(NamedTuple):
    """Where tasks with one wish can run: with how many GPUs a node, on which type in each pool."""

    gpus: int
    types: Mapping[Pool, str]


class Market:
    """What clusters have, as the tasks of one pass ask for it; each question is asked once."""

    def __init__(self, reader: Reader, now: float) -> None:
        self._reader = reader
        self._moment = datetime.fromtimestamp(now, UTC)
        self._groups: dict[tuple[str, str], list[clusters.Group]] = {}
        self._clusters: dict[str, Cluster] = {}
        self._offers: dict[Wish, Offer] = {}

    def request(self, e: Entry) -> Request:
        offer = self._offers.get(e.wish) or self._asked(e)
        return Request(e.address, offer.gpus, tuple(offer.types), e.nodes, e.priority, e.since)

    def offer(self, e: Entry) -> Offer:
        return self._offers[e.wish]

    def _asked(self, e: Entry) -> Offer:
        account, usage, _ = e.wish
        if (account, usage) not in self._groups:
            offers = clusters.offers(self._reader, account, usage, now=self._moment)
            self._groups[account, usage] = offers
            # As they are in full: what is offered leaves out what is not for this usage.
            seen = clusters.visible(self._reader, account, self._moment)
            self._clusters.update({c.id: c for c in seen})
        places = list(placing.places(self._groups[account, usage], e.gpu))
        types = {Pool(p.cluster.id, p.gpu.name): p.type.name for p in reversed(places)}
        gpus = max((p.type.gpu_count for p in places), default=1)
        self._offers[e.wish] = Offer(gpus, types)
        return self._offers[e.wish]

    @property
    def capacity(self) -> dict[Pool, int]:
        return {Pool(c.id, g.name): g.capacity for c in self._clusters.values() for g in c.gpus}

    def free(self, holds: Iterable[Hold], gone: Iterable[Resource]) -> dict[Pool, int]:
        """What nothing runs on, and nothing is still ending on; what agents say is in use is. Of
        `gone` nothing is left but a place in their statuses."""
        used = [(hold.pool, hold.gpus) for hold in holds]
        for c in self._clusters.values():
            counts = {(g.name, t.name): t.gpu_count for g in c.gpus for t in g.instance_types}
            for p in clusters.placements(self._reader, c.id):
                one = counts.get((p.gpu, p.instance_type), 1)
                used.append((Pool(c.id, p.gpu), one * p.instances))
            for q in (q for r in gone for q in r.status["placements"] if q["clusterId"] == c.id):
                one = counts.get((q["gpu"], q["instanceType"]), 1)
                used.append((Pool(c.id, q["gpu"]), -one * q["instances"]))
        left = scheduler.free(self.capacity, used)
        for c in (c for c in self._clusters.values() if c.reports):
            for g in c.gpus:
                left[Pool(c.id, g.name)] = min(left[Pool(c.id, g.name)], g.available)
        return left


# --------------------------------------------------------------------------- statuses


def _launched(r: Resource, pool: Pool, offer: Offer, now: str) -> Spec:
    """A task that has its place, with what is going to run there."""
    spec = r.spec or {}
    placement = {
        "clusterId": pool.cluster,
        "ncaId": account_of(spec),
        "gpu": pool.gpu,
        "instanceType": offer.types[pool],
        "instances": spec.get("nodes", 1),
        "gpus": offer.gpus,
    }
    kept = {k: v for k, v in r.status.items() if k != "nowhereSince"}
    status = {**lifecycle.moved(kept, [lifecycle.PLACED], now), "placements": [placement]}
    return {**status, "workload": workload(spec, status)}


def _without_place(r: Resource) -> Spec:
    """A task that has ended, and of which nothing runs any more."""
    return {k: v for k, v in r.status.items() if k != "placements"}


def _waited(r: Resource, lost: bool, now: float, stamp: str) -> Spec:
    """A task that still waits: with nowhere to go, or for too long."""
    spec = r.spec or {}
    status: dict[str, Any] = {k: v for k, v in r.status.items() if k != "nowhereSince"}
    if lost:
        status["nowhereSince"] = r.status.get("nowhereSince", stamp)
    timeout = lifecycle.due(spec, status, now)
    if timeout is None:
        return status
    words = timeout.words
    return ended(lifecycle.moved(status, [timeout.happening], stamp, words), spec, words)
