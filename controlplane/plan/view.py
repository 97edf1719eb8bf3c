"""A plan for people: what changes and who asks for it, in as few lines as that takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from aicr import jsonio
from controlplane.plan.definition import (
    ADOPT,
    CREATE,
    DELETE,
    PROTECT,
    REPLACE,
    UNPROTECT,
    UPDATE,
    Difference,
    Drift,
    Plan,
    Stage,
)

SIGNS = {
    CREATE: "+",
    UPDATE: "~",
    REPLACE: "-/+",
    DELETE: "-",
    ADOPT: "<-",
    PROTECT: "#",
    UNPROTECT: "#",
}
_WORDS = {
    CREATE: "to create",
    UPDATE: "to update",
    REPLACE: "to replace",
    DELETE: "to delete",
    ADOPT: "to adopt",
    PROTECT: "to protect",
    UNPROTECT: "to unprotect",
}
# As much of a value as a line shows; --full shows all of it.
_WIDTH = 60


def text(plan: Plan, *, full: bool = False) -> str:
    """Stages, then drift, then a line that sums up."""
    return "".join(f"{line}\n" for line in _lines(plan, full))


def _lines(plan: Plan, full: bool) -> Iterator[str]:
    for stage in plan.stages:
        yield from _stage(stage, full)
    if plan.stages:
        yield ""
    if plan.drift:
        yield from drift_lines(plan.drift)
        yield ""
    yield summary(plan)


def _stage(stage: Stage, full: bool) -> Iterator[str]:
    yield f"{SIGNS[stage.action]:>3} {stage.address}{_note(stage)}"
    if full or stage.action != CREATE:
        for change in stage.changes:
            yield f"      {_change(change, full)}"


def _note(stage: Stage) -> str:
    if stage.action == CREATE and stage.changes:
        return f"  ({_plain(min(c.origin for c in stage.changes).rsplit(':', 2)[0])})"
    if stage.action == DELETE and stage.before is None:
        return "  (is gone already)"
    return "" if stage.action in (UPDATE, REPLACE, DELETE) else f"  ({stage.action})"


def _change(change: Difference, full: bool) -> str:
    forced = "  forces the replacement" if change.forces else ""
    origin = f"  {_plain(change.origin)}" if change.origin else ""
    return f"{_plain(change.path)}: {_arrow(change, full)}{forced}{origin}"


def _plain(words: str) -> str:
    """Names from documents, so that none of them can look like a line of ours."""
    return words if words.isprintable() and "  " not in words else jsonio.compact(words)


def _arrow(change: Difference, full: bool) -> str:
    if change.before is None:
        return _value(change.after, full)
    return f"{_value(change.before, full)} -> {_value(change.after, full)}"


def _value(value: Any, full: bool) -> str:
    if value is None:
        return "(none)"
    if isinstance(value, Mapping) and set(value) == {"secret", "digest"}:
        return f"secret {value['secret']} ({value['digest']})"
    said = jsonio.compact(value)
    said = said if said.isprintable() else jsonio.canonical(value).decode()
    return said if full or len(said) <= _WIDTH else f"{said[: _WIDTH - 1]}…"


def drift_lines(drift: tuple[Drift, ...]) -> Iterator[str]:
    """What was changed by other ways than a plan since the last one."""
    yield "Drift, changed since the last plan by other ways:"
    for d in drift:
        if d.deleted:
            yield f"    {d.address}: was deleted"
        for change in d.changes:
            yield f"    {d.address}: {_plain(change.path)}: {_arrow(change, False)}"


def summary(plan: Plan) -> str:
    counts = plan.summary()
    what = ", ".join(f"{count} {_WORDS[action]}" for action, count in counts.items())
    left = f" {plan.unmanaged} unmanaged left alone." if plan.unmanaged else ""
    return f"Plan: {what}.{left}" if what else f"No changes.{left}"
