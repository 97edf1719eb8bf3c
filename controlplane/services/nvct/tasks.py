"""Tasks: what each endpoint of contract 11 reads and changes."""

from __future__ import annotations

from uuid import uuid4

from controlplane.access import guard, times
from controlplane.access.policy import NEW_TASK, TASK, Target, permits
from controlplane.changes import Changes
from controlplane.kinds import Making, Spec
from controlplane.registries import Artifact
from controlplane.services.nvct import (
    answers,
    checks,
    compile,  # noqa: A004
    errors,
    lifecycle,
    pages,
)
from controlplane.services.nvct.instances import ended
from controlplane.services.nvct.kinds import new
from controlplane.services.nvct.lookups import by_task
from controlplane.state.protocol import Reader, Resource
from controlplane.vendor import checks as shared
from controlplane.vendor.calls import Answer, Call
from controlplane.vendor.compile import by_path, keep, with_secrets
from controlplane.vendor.errors import bad
from controlplane.vendor.lookups import TASKS, account_of, by_account

# --------------------------------------------------------------------------- finding


def _known(reader: Reader, call: Call, id_: str) -> Resource:
    """A task of the caller's account. Those that came by requests are named by their ids. Raises
    NotFound."""
    found = reader.get(f"{TASKS}.{id_}")
    if found is None or not found.status or found.status["taskId"] != id_:
        found = next((r for r in reader.find(TASKS, by_task(id_)) if r.status), None)
    if found is None or account_of(found.spec or {}) != call.account:
        raise errors.no_task(id_, call.account)
    return found


def owned(reader: Reader, call: Call, id_: str = "") -> Resource:
    """The task of the path, or of an id, which the caller may touch. Raises NotFound, or Refused
    403."""
    found = _known(reader, call, id_ or call.ids["taskId"])
    guard.check(call.caller, _target(found))
    return found


def _target(r: Resource) -> Target:
    return Target(TASK, r.status["taskId"])


# --------------------------------------------------------------------------- reading


def listed(reader: Reader, call: Call) -> Answer:
    """A page of the tasks of an account; what is filtered out of it leaves it short."""
    page, status = call.options["page"], call.options["status"]
    found = reader.page(TASKS, by_account(call.account), page.after, page.limit + 1)

    def shown(rows: list[Resource]) -> list[Answer]:
        seen = [r for r in rows if r.status and permits(call.caller.grants, _target(r))]
        return [answers.task(r) for r in seen if status in ("", r.status["status"])]

    return pages.answer("tasks", found, page, shown, lambda r: r.address)


def bulk(reader: Reader, call: Call) -> Answer:
    """Tasks by their ids: all of them, or nothing."""
    ids = list(dict.fromkeys(call.body.taskIds))
    found = [_known(reader, call, id_) for id_ in ids]
    for r in found:
        guard.check(call.caller, _target(r))
    return {"ncaId": call.account, "tasks": [answers.brief(r) for r in found]}


def get(reader: Reader, call: Call) -> Answer:
    found = owned(reader, call)
    shown = call.options["includeSecrets"]
    return {"task": answers.task(found, secrets=shown, instances=True)}


def events(reader: Reader, call: Call) -> Answer:
    """What has happened to a task: a handful at most, since it only ever goes on."""
    found, page = owned(reader, call), call.options["page"]
    after = pages.number(page)
    last = min(len(found.status.get("history", ())), after + page.limit + 1)
    positions = list(range(after + 1, last + 1))
    return pages.answer(
        "events", positions, page, lambda ns: [answers.event(found, n) for n in ns], str
    )


def results(reader: Reader, call: Call) -> Answer:
    found, page = owned(reader, call), call.options["page"]
    lines = reader.lines(found.address, pages.number(page), page.limit + 1)
    return pages.answer(
        "results",
        lines,
        page,
        lambda rows: [answers.result(found, n) for n in rows],
        lambda n: str(n.position),
    )


def instances(reader: Reader, call: Call) -> Answer:
    """The instances of a task, as the hosted service lists them."""
    return {"instances": answers.running(owned(reader, call))}


# --------------------------------------------------------------------------- changing


def create(changes: Changes, call: Call) -> Answer:
    tx, body = changes.tx, call.body
    _may_create(tx, call)
    spec: Spec = compile.task(body, call.account, call.vault)
    checks.task(tx, spec, [s.name for s in body.secrets or ()])
    spec = shared.with_telemetries(tx, spec)
    found = checks.others(tx, spec, call.registry_check)
    uid = str(uuid4())
    address = f"{TASKS}.{uid}"
    making = Making(address, uid, spec, {}, {}, tx.now, tx)
    made = changes.create(address, spec, new(making, found), uid=uid)
    keep(tx, call.vault, address, by_path(body.secrets))
    return {"task": answers.task(made, secrets=True)}


def _may_create(reader: Reader, call: Call) -> None:
    shared.account(reader, call.account)
    guard.check(call.caller, NEW_TASK)


def pulls(reader: Reader, call: Call) -> list[Artifact]:
    """What a task that is to be created pulls, once it is clear that it may be created."""
    _may_create(reader, call)
    return list(shared.artifacts(compile.task(call.body, call.account, call.vault)))


def delete(changes: Changes, call: Call) -> Answer:
    """Remove a task, whatever it does; its instances go with it."""
    changes.delete(owned(changes.tx, call))
    return None


def cancel(changes: Changes, call: Call) -> Answer:
    """End a task; what runs is asked to end, and given its grace."""
    found = owned(changes.tx, call)
    state = found.status["status"]
    if state in lifecycle.TERMINAL:
        raise errors.has_ended("cancel", state)
    now = times.stamp(times.parse(changes.tx.now))
    status = lifecycle.moved(found.status, [lifecycle.CANCEL], now)
    made = changes.update(found, status=ended(status, found.spec or {}))
    return {"task": answers.task(made)}


def put_secrets(changes: Changes, call: Call) -> Answer:
    """Put secrets beside those that a task was created with."""
    found = owned(changes.tx, call)
    spec = found.spec or {}
    if not spec.get("secrets"):
        raise bad("A Task that was created without secrets cannot get any")
    if found.status["status"] in lifecycle.TERMINAL:
        raise errors.has_ended("update secrets of", found.status["status"])
    changes.update(found, spec=with_secrets(spec, call.body.secrets, call.vault))
    keep(changes.tx, call.vault, found.address, by_path(call.body.secrets))
    return None
