"""The instances of a deployment: what should run, and what it means when it does not (5.7)."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count, islice
from typing import Any

from controlplane.kinds import Observation, Spec
from controlplane.services.nvcf import lifecycle
from controlplane.services.nvcf.lifecycle import ACTIVE, ERROR, INACTIVE

RUNNING, STARTING, ERRORED = "RUNNING", "STARTING", "ERRORED"
# States of runtimes as deployments keep them.
STATES = {"running": RUNNING, "starting": STARTING, "failed": ERRORED}


def wanted(spec: Spec, status: Spec) -> Mapping[str, Any]:
    """What should run, by name: `0.1` is the second one of the first GPU specification. As many as
    there are, between minimum and maximum (5.7); nothing once everything failed."""
    if status.get("status") in (None, ERROR, INACTIVE):
        return {}
    found = {}
    for i, gpu in enumerate(spec["deploymentSpecifications"]):
        what = {k: gpu[k] for k in ("gpu", "instanceType", "backend") if k in gpu}
        for n in _numbers(gpu, _alive(status, i)):
            found[f"{i}.{n}"] = {"function": spec["function"], **what}
    return found


def _alive(status: Spec, index: int) -> dict[int, str]:
    """What runs or starts for a GPU specification: states by number."""
    found = {}
    for instance in status.get("instances", ()):
        of, _, number = instance["name"].partition(".")
        if int(of) == index and instance["state"] in (RUNNING, STARTING):
            found[int(number)] = instance["state"]
    return found


def _numbers(gpu: Spec, alive: Mapping[int, str]) -> list[int]:
    """The numbers of the instances that should run: those that do, without the youngest that are
    too many, and new ones where they are too few."""
    states = list(alive.values())
    running, starting = states.count(RUNNING), states.count(STARTING)
    steps = lifecycle.scaling(gpu["minInstances"], gpu["maxInstances"], running, starting)
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
    steps = lifecycle.scaling(gpu["minInstances"], gpu["maxInstances"], running, starting)
    return running + starting - steps.terminate + steps.create


def observed(seen: Observation) -> Spec:
    """The status after a look at the instances (5.7)."""
    before = seen.status
    if before.get("status") in (None, ERROR, INACTIVE):
        return before
    counts = [_seen(i, gpu, seen) for i, gpu in enumerate(seen.spec["deploymentSpecifications"])]
    state = lifecycle.after(before["status"], counts)
    errors = [] if state == ACTIVE else [_error(i, seen) for i in seen.instances if _failed(i)]
    kept = {k: v for k, v in before.items() if k not in ("healthInfo", "instances")}
    found = {**kept, "status": state}
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


def _failed(instance: Spec) -> bool:
    return bool(instance["state"] == "failed")


def _gpu(instance: Spec, seen: Observation) -> Spec:
    found: Spec = seen.spec["deploymentSpecifications"][int(instance["name"].partition(".")[0])]
    return found


def _error(instance: Spec, seen: Observation) -> dict[str, Any]:
    gpu = _gpu(instance, seen)
    shown = {k: gpu[k] for k in ("gpu", "backend", "instanceType") if k in gpu}
    return {**shown, "error": instance.get("reason") or "the instance failed"}


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
