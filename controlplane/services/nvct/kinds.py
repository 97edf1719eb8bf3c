"""Tasks as a kind of resources: `nvct.tasks.NAME` runs once. That it has ended is status, and no
drift; another spec is another task, which replaces it."""

from __future__ import annotations

from collections.abc import Iterable

from controlplane import clusters, registries
from controlplane.access import times
from controlplane.access.kinds import ACCOUNTS
from controlplane.kinds import Kind, Kinds, Making, Spec, table
from controlplane.services.nvct import checks, instances, queue
from controlplane.services.nvct.lifecycle import QUEUED, TERMINAL
from controlplane.services.nvct.lookups import ENDING, LIVE, WAITING, by_task
from controlplane.services.nvct.models import TaskSpec
from controlplane.state.protocol import Line, Lookup, Resource, Transaction
from controlplane.vendor.checks import artifacts, telemetries
from controlplane.vendor.lookups import (
    TASKS,
    TELEMETRIES,
    TELEMETRY_FIELDS,
    account_of,
    by_account,
    by_telemetry,
)


def _lookups(spec: Spec, status: Spec) -> Iterable[Lookup]:
    yield by_account(account_of(spec))
    yield from registries.uses(account_of(spec), artifacts(spec))
    for name in sorted(set((spec.get("telemetries") or {}).values())):
        yield by_telemetry(name)
    if not status:
        return
    yield by_task(status["taskId"])
    if status["status"] == QUEUED:
        yield WAITING
    elif status["status"] not in TERMINAL:
        yield LIVE
    elif "placements" in status:
        yield ENDING
    yield from clusters.placed(status)


def task_status(making: Making) -> Spec:
    """A new task waits; what may be changed of one changes nothing of what it does."""
    if making.before:
        kept = {k: v for k, v in making.before.items() if k != "telemetries"}
        return {**kept, **telemetries(making.reader, making.spec)}
    checks.task(making.reader, making.spec, making.spec.get("secrets", {}))
    return new(making, checks.others(making.reader, making.spec, making.registry_check))


def new(making: Making, found: Spec) -> Spec:
    """The status of a task that waits, with what checks have found."""
    now = times.stamp(times.parse(making.now))
    status = {"taskId": making.uid, "status": QUEUED, "createdAt": now, "lastUpdatedAt": now}
    own = making.address == f"{TASKS}.{making.uid}"
    return {**status, **found, **({} if own else {"address": making.address})}


def _after(tx: Transaction, kinds: Kinds, task: Resource, there: bool) -> None:
    """Keep the last result among the lines of the task."""
    last = task.status.get("result")
    if there and last is not None:
        tx.put_line(Line(task.address, last["position"], last["at"], last["data"]))


# What a plan may change of a task without running it again.
_MUTABLE = frozenset(("tags", "description", "secrets", "priority"))

KINDS = table(
    Kind(
        TASKS,
        TaskSpec,
        "Tasks, which run once.",
        immutable=frozenset(TaskSpec.model_fields) - _MUTABLE,
        references={
            "account": ACCOUNTS,
            **{f"telemetries.{field}": TELEMETRIES for field in TELEMETRY_FIELDS},
        },
        secrets=frozenset({"secrets.*"}),
        lookups=_lookups,
        status=task_status,
        instances=instances.wanted,
        live=LIVE,
        admit=queue.admit,
        observed=instances.observed,
        after=_after,
    ),
)
