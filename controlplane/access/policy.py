"""What the resources of an API key's policy grant (contract 2.4): one table, and one question.

This is asked after the scope. Whether a thing exists, and whether a function is public, is the
service's own business; public functions are seen whatever a policy says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

FUNCTION, TASK = "function", "task"
ALL = "*"


class Grant(NamedTuple):
    """A resource of a policy, as it was written."""

    type: str
    id: str


# What signed tokens have: everything of their account, and what others share with it.
EVERYTHING = (
    Grant("account-functions", ALL),
    Grant("authorized-functions", ALL),
    Grant("account-tasks", ALL),
)


class Target(NamedTuple):
    """What is to be touched. `id` is FID/VID for a version, FID/* for a version to come, a task's
    id, or * for something new; `own` says that it belongs to the account itself."""

    kind: str
    id: str
    own: bool = True


NEW_FUNCTION, NEW_TASK = Target(FUNCTION, ALL), Target(TASK, ALL)


def version(function: str, version_id: str = ALL, *, own: bool = True) -> Target:
    """One version of a function; without its id, one that is to come."""
    return Target(FUNCTION, f"{function}/{version_id}", own)


def _covers(granted: str, wanted: str) -> bool:
    """FID/VID covers itself, FID/* all versions; an id without a slash covers nothing."""
    function, slash, which = granted.partition("/")
    if not slash or not function:
        return False
    return granted == wanted or (which == ALL and wanted.startswith(f"{function}/"))


Rule = Callable[[str, Target], bool]
_RULES: dict[str, Rule] = {
    "account-functions": lambda granted, t: granted == ALL and t.kind == FUNCTION and t.own,
    "authorized-functions": lambda granted, t: granted == ALL and t.kind == FUNCTION and not t.own,
    "function": lambda granted, t: t.kind == FUNCTION and _covers(granted, t.id),
    "account-tasks": lambda granted, t: granted == ALL and t.kind == TASK and t.own,
    "task": lambda granted, t: t.kind == TASK and granted not in ("", ALL) and granted == t.id,
}


# Types of resources that a policy may name.
TYPES = tuple(_RULES)


def grants(policy: Mapping[str, Any]) -> tuple[Grant, ...]:
    """The resources of a policy; what is none is left out."""
    listed = policy.get("resources")
    entries = listed if isinstance(listed, list) else []
    found = [(e.get("type"), e.get("id")) for e in entries if isinstance(e, dict)]
    return tuple(Grant(t, i) for t, i in found if isinstance(t, str) and isinstance(i, str))


def permits(granted: Iterable[Grant], target: Target) -> bool:
    """Whether any of the grants covers the target. Ids are compared without regard to case, as
    UUIDs are."""
    wanted = target._replace(id=target.id.lower())
    return any(
        grant.type in _RULES and _RULES[grant.type](grant.id.lower(), wanted) for grant in granted
    )
