"""The instances of a task: what runs, and what it means that it does, or not (contract 11.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from controlplane.access import times
from controlplane.kinds import Look, Observation, Spec
from controlplane.plan.effects import secret_name
from controlplane.runtime.protocol import ENDED, FAILED, RUNNING
from controlplane.runtime.workload import Workload
from controlplane.services.nvct import lifecycle
from controlplane.services.nvct.lifecycle import BEAT, DONE, TERMINAL, moved, seconds
from controlplane.services.nvct.models import UPLOAD
from controlplane.vendor.lookups import TASKS, account_of

# Heartbeats are written so seldom, in seconds.
HEARTBEATS = 30.0
COMPLETE = 100
PROGRESS_FILE, RESULTS_DIR = "progress", "results"
# States of runtimes as tasks show them.
STATES = {"running": "RUNNING", "starting": "STARTING", "failed": "ERRORED", "ended": "TERMINATED"}


def workload(spec: Spec, status: Spec) -> Workload:
    """What one node of a task runs. It is fixed when the task is launched, and kept until it ends:
    whatever changes meanwhile, what runs is the same."""
    address = status.get("address") or f"{TASKS}.{status['taskId']}"
    gpu = spec["gpuSpecification"]
    stated = {e["key"]: e["value"] for e in spec.get("containerEnvironment") or ()}
    return {
        "image": spec.get("containerImage") or spec["helmChart"],
        "args": spec.get("containerArgs", ""),
        "environment": {**stated, **_told(spec, status)},
        "directories": [RESULTS_DIR],
        "secrets": {n: secret_name(address, f"secrets.{n}") for n in spec.get("secrets", {})},
        "once": True,
        "grace": seconds(spec["terminationGracePeriodDuration"]),
        "gpu": gpu["gpu"],
        "gpus": status["placements"][0]["gpus"],
    }


def _told(spec: Spec, status: Spec) -> dict[str, str]:
    """What every task is told about itself; nobody can state otherwise."""
    return {
        "NVCT_TASK_ID": status["taskId"],
        "NVCT_TASK_NAME": spec["name"],
        "NVCT_NCA_ID": account_of(spec),
        "NVCT_PROGRESS_FILE_PATH": f"{{work}}/{PROGRESS_FILE}",
        "NVCT_RESULTS_DIR": f"{{work}}/{RESULTS_DIR}",
    }


def wanted(look: Look) -> Mapping[str, Workload]:
    """What should run of a task, by the number of the node."""
    launched = look.status.get("workload")
    if launched is None or look.status["status"] in TERMINAL:
        return {}
    nodes = look.spec.get("nodes", 1)
    if nodes == 1:
        return {"0": launched}
    return {str(n): _node(launched, n, nodes) for n in range(nodes)}


def _node(launched: Workload, number: int, nodes: int) -> Workload:
    told = {"NVCT_NODE_INDEX": str(number), "NVCT_NODE_COUNT": str(nodes)}
    return {**launched, "environment": {**launched["environment"], **told}}


# --------------------------------------------------------------------------- what is seen


def observed(seen: Observation) -> Spec:
    """The status after a look at the instances, and at what they report."""
    before = seen.status
    if before["status"] in TERMINAL or not seen.instances:
        return before
    found: Spec = _reported({**before, "instances": _instances(seen)}, seen)
    happenings, error = _happenings(seen, found)
    found = moved(_alive(found, seen), happenings, seen.now, error)
    if found["status"] not in TERMINAL:
        timeout = lifecycle.due(seen.spec, found, times.parse(seen.now).timestamp())
        if timeout is not None:
            error = timeout.words
            found = moved(found, [timeout.happening], seen.now, error)
    return ended(found, seen.spec, error) if found["status"] in TERMINAL else found


def finished(instances: Sequence[Spec], percent: int) -> bool:
    """Whether a task has done what it was to do: it says so, or all of it has ended well."""
    return percent == COMPLETE or all(i["state"] == ENDED for i in instances)


def _happenings(seen: Observation, status: Spec) -> tuple[list[str], str]:
    """What has happened, in order, and what is wrong where something is."""
    begun = [BEAT] if "progressAt" in status or any(map(_ran, seen.instances)) else []
    if finished(seen.instances, status.get("percentComplete", 0)):
        if seen.spec["resultHandlingStrategy"] == UPLOAD:
            return [*begun, *_uploaded(seen)], seen.report.get("uploadError", "")
        return [*begun, DONE], ""
    broken = next((i for i in seen.instances if i["state"] == FAILED), None)
    if broken is not None:
        return [*begun, lifecycle.FAILED], broken.get("reason") or _exit(broken)
    return begun, ""


def _ran(instance: Spec) -> bool:
    return instance["state"] in (RUNNING, ENDED) or "exit" in instance


def _exit(instance: Spec) -> str:
    return f"it ended with status {instance['exit']}" if "exit" in instance else "it failed"


def _uploaded(seen: Observation) -> list[str]:
    """A task whose results are not uploaded yet goes on."""
    if "uploadError" in seen.report:
        return [lifecycle.FAILED]
    return [DONE] if seen.report.get("uploaded") else []


def _alive(status: Spec, seen: Observation) -> Spec:
    """Note that something was heard of a task, if that was not noted shortly before."""
    field = "lastHeartbeatAt"
    running = any(i["state"] in (RUNNING, ENDED) for i in seen.instances)
    now = times.parse(seen.now)
    last = status.get(field if running else "lastUpdatedAt")
    if last is not None and (now - times.parse(last)).total_seconds() < HEARTBEATS:
        return status
    if any(i["state"] == FAILED for i in seen.instances):
        return status
    return {**status, "lastUpdatedAt": seen.now, **({field: seen.now} if running else {})}


def _reported(status: Spec, seen: Observation) -> Spec:
    """A status with the progress that a task has written down, which becomes a result."""
    progress = seen.report.get("progress")
    if progress is None:
        return status
    if progress["at"] != status.get("progressAt"):
        status = {**status, "progressAt": progress["at"]}
    last = status.get("result")
    percent = max(progress["percentComplete"], status.get("percentComplete", 0))
    name = progress.get("name") or (last or {}).get("data", {}).get("name") or seen.spec["name"]
    metadata = {**progress.get("metadata", {}), "percentComplete": percent}
    data = {"name": name, "metadata": metadata}
    if last is not None and last["data"] == data:
        return status
    position = 1 if last is None else last["position"] + 1
    result = {"position": position, "at": seen.now, "data": data}
    return {**status, "percentComplete": percent, "result": result, "lastUpdatedAt": seen.now}


def ended(status: Spec, spec: Spec, error: str = "") -> Spec:
    """The status of a task that has ended: without what only a running one needs. Its place it
    keeps until its instances are gone."""
    found = {k: v for k, v in status.items() if k not in _OF_RUNNING}
    if not error:
        return found
    gpu = spec["gpuSpecification"]
    health = {k: gpu[k] for k in ("gpu", "backend", "instanceType") if k in gpu}
    return {**found, "healthInfo": {**health, "error": error}}


_OF_RUNNING = (
    "workload", "started", "nowhereSince", "runningSince", "progressAt",
)  # fmt: skip


def _instances(seen: Observation) -> list[dict[str, Any]]:
    known = {i["id"]: i for i in seen.status.get("instances", ())}
    return [_instance(i, known.get(i["id"], {}), seen.now) for i in seen.instances]


def _instance(instance: Spec, before: Spec, now: str) -> dict[str, Any]:
    """An instance as answers show it; its times change when its state does."""
    state = STATES[instance["state"]]
    return {
        "id": instance["id"],
        "name": instance["name"],
        "state": state,
        "createdAt": before.get("createdAt", now),
        "updatedAt": before["updatedAt"] if before.get("state") == state else now,
    }
