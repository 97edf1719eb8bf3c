"""The instances of a deployment: what should run, and what it means when it does not (5.7)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import count, islice
from typing import Any

from controlplane import clusters
from controlplane.access import times
from controlplane.kinds import Look, Observation, Spec
from controlplane.runtime.workload import Workload
from controlplane.services.nvcf import autoscaling, lifecycle, workloads
from controlplane.services.nvcf.autoscaling import Memory, Sample
from controlplane.services.nvcf.lifecycle import ACTIVE, ERROR, INACTIVE
from controlplane.services.nvcf.lookups import FUNCTIONS

RUNNING, STARTING, ERRORED = "RUNNING", "STARTING", "ERRORED"
# States of runtimes as deployments keep them.
STATES = {"running": RUNNING, "starting": STARTING, "failed": ERRORED}


def scaled(look: Look) -> tuple[Memory, ...]:
    """How many instances every GPU specification should have, and why. At first as many as there
    are; the first one of all starts as soon as somebody waits for it."""
    gpus, before = look.spec["deploymentSpecifications"], look.memory or ()
    alive = [len(_alive(look.status, i)) for i in range(len(gpus))]
    places = sum(
        n * gpu.get("maxRequestConcurrency", 1) for n, gpu in zip(alive, gpus, strict=True)
    )
    sample = Sample(look.now, autoscaling.percent(look.load, places))
    known = [before[i] if i < len(before) else Memory(n) for i, n in enumerate(alive)]
    found = [autoscaling.decide(gpu, m, sample) for gpu, m in zip(gpus, known, strict=True)]
    if look.load.waiting and not any(m.target for m in found):
        found[autoscaling.first(gpus)] = Memory(1)
    return tuple(found)


def wanted(look: Look) -> Mapping[str, Workload]:
    """What should run, by name: `0.1` is the second one of the first GPU specification; nothing
    once everything failed, or while its function is not there (any more)."""
    status = look.status
    function = look.reader.get(f"{FUNCTIONS}.{look.spec['function']}")
    if status.get("status") in (None, ERROR, INACTIVE) or function is None:
        return {}
    return {
        f"{i}.{n}": workloads.of(function, look, gpu)
        for i, gpu in enumerate(look.spec["deploymentSpecifications"])
        for n in _numbers(min(look.memory[i].target, _room(look, i)), _alive(status, i))
    }


def _room(look: Look, index: int) -> int:
    """How many instances of a GPU specification have their place on this machine."""
    here = clusters.of_this_machine(look.reader)
    id_ = look.status["gpuSpecificationIds"][index]
    placements = look.status.get("placements", ())
    return sum(
        p["instances"]
        for p in placements
        if p["gpuSpecificationId"] == id_ and p["clusterId"] in here
    )


def drained(look: Look) -> bool:
    """Whether a deployment that ends gracefully has nothing left to answer (5.6)."""
    return bool(look.status.get("draining")) and not any(look.load)


def over(look: Look) -> bool:
    """Whether a deployment is to be deleted: it has drained, or was in error for too long."""
    return drained(look) or outlived(look.status, look.now)


def outlived(status: Spec, now: float) -> bool:
    """Whether the state of a deployment has been what it is for longer than it is kept."""
    if status.get("status") not in lifecycle.KEPT:
        return False
    changed = times.parse(status["lastUpdatedAt"]).timestamp()
    return lifecycle.outlived(status["status"], now - changed)


def _alive(status: Spec, index: int) -> dict[int, str]:
    """What runs or starts for a GPU specification: states by number."""
    found = {}
    for instance in status.get("instances", ()):
        of, _, number = instance["name"].partition(".")
        if int(of) == index and instance["state"] in (RUNNING, STARTING):
            found[int(number)] = instance["state"]
    return found


def _numbers(target: int, alive: Mapping[int, str]) -> list[int]:
    """The numbers of the instances that should run: those that do, without the youngest that are
    too many, and new ones where they are too few."""
    states = list(alive.values())
    running, starting = states.count(RUNNING), states.count(STARTING)
    steps = lifecycle.scaling(target, target, running, starting)
    youngest = sorted((n for n in alive if alive[n] == RUNNING), reverse=True)
    kept = set(alive) - set(youngest[: steps.terminate])
    fresh = (n for n in count() if n not in alive)
    return sorted([*kept, *islice(fresh, steps.create)])


def number(spec: Spec, status: Spec, index: int) -> int:
    """How many instances of a GPU specification should run: as many as `wanted` names, which may
    be far too many to name them."""
    gpu = spec["deploymentSpecifications"][index]
    states = list(_alive(status, index).values())
    running, starting = states.count(RUNNING), states.count(STARTING)
    least = max(gpu["minInstances"], min(_target(status, index), gpu["maxInstances"]))
    steps = lifecycle.scaling(least, gpu["maxInstances"], running, starting)
    return running + starting - steps.terminate + steps.create


def _target(status: Spec, index: int) -> int:
    """How many instances the load asked for when it was last looked at."""
    targets = status.get("targets", ())
    return int(targets[index]) if index < len(targets) else 0


def short(spec: Spec, status: Spec) -> bool:
    """Whether more instances should run than have a place."""
    return any(missing(spec, status))


def missing(spec: Spec, status: Spec) -> list[int]:
    """How many instances have no place yet, by GPU specification."""
    if status.get("status") in (None, ERROR, INACTIVE):
        return []
    has = Counter[str]()
    for p in status.get("placements", ()):
        has[p["gpuSpecificationId"]] += p["instances"]
    ids = status["gpuSpecificationIds"]
    return [max(0, number(spec, status, i) - has[id_]) for i, id_ in enumerate(ids)]


def _waits(spec: Spec, status: Spec) -> list[dict[str, Any]]:
    """What is said of instances for which there is no room yet (5.7: still DEPLOYING)."""
    gpus = spec["deploymentSpecifications"]
    return [
        {**_shown(gpu), "error": f"waits until there is room for {count} more of its instances"}
        for gpu, count in zip(gpus, missing(spec, status), strict=False)
        if count
    ]


def _shown(gpu: Spec) -> dict[str, Any]:
    return {k: gpu[k] for k in ("gpu", "backend", "instanceType") if k in gpu}


def observed(seen: Observation) -> Spec:
    """The status after a look at the instances (5.7)."""
    before = seen.status
    if before.get("status") in (None, ERROR, INACTIVE):
        return before
    counts = [_seen(i, gpu, seen) for i, gpu in enumerate(seen.spec["deploymentSpecifications"])]
    state = lifecycle.after(before["status"], counts)
    errors = [] if state == ACTIVE else [_error(i, seen) for i in _unwell(seen)]
    kept = {k: v for k, v in before.items() if k not in ("healthInfo", "instances", "targets")}
    found = {**kept, "status": state}
    if seen.memory is not None:
        found["targets"] = [m.target for m in seen.memory]
    errors += [] if state == ERROR else _waits(seen.spec, found)
    if errors:
        found["healthInfo"] = errors
    if state == ERROR:
        found.pop("placements", None)
        return {**found, "lastUpdatedAt": seen.now}
    if seen.instances:
        known = {i["id"]: i for i in before.get("instances", ())}
        found["instances"] = [_instance(i, known, seen) for i in seen.instances]
    return found


def _seen(index: int, gpu: Spec, seen: Observation) -> lifecycle.Seen:
    states = [i["state"] for i in seen.instances if int(i["name"].partition(".")[0]) == index]
    return lifecycle.Seen(
        gpu["minInstances"], *(states.count(s) for s in ("running", "starting", "failed"))
    )


# An instance that has been starting for so long says what it waits for.
_PATIENCE_SECONDS = 10.0


def _unwell(seen: Observation) -> list[Spec]:
    """Instances that failed, and those that should have started by now."""
    since = {i["id"]: i["createdAt"] for i in seen.status.get("instances", ())}
    return [i for i in seen.instances if i["state"] == "failed" or _is_late(i, since, seen.now)]


def _is_late(instance: Spec, since: Mapping[str, str], now: str) -> bool:
    began = since.get(instance["id"])
    if began is None or instance["state"] != "starting" or not instance.get("reason"):
        return False
    return (times.parse(now) - times.parse(began)).total_seconds() >= _PATIENCE_SECONDS


def _gpu(instance: Spec, seen: Observation) -> Spec:
    found: Spec = seen.spec["deploymentSpecifications"][int(instance["name"].partition(".")[0])]
    return found


def _error(instance: Spec, seen: Observation) -> dict[str, Any]:
    return {
        **_shown(_gpu(instance, seen)),
        "error": instance.get("reason") or "the instance failed",
    }


def _instance(instance: Spec, known: Mapping[str, Spec], seen: Observation) -> dict[str, Any]:
    """An instance as answers show it; its times change when its state does."""
    before = known.get(instance["id"], {})
    state = STATES[instance["state"]]
    same = before.get("state") == state
    return {
        "id": instance["id"],
        "name": instance["name"],
        "state": state,
        "createdAt": before.get("createdAt", seen.now),
        "updatedAt": before["updatedAt"] if same else seen.now,
    }
