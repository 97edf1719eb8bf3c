"""The life of a version and its deployment as tables (contract 5): states, gates, transitions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

INACTIVE, DEPLOYING, ACTIVE, ERROR = "INACTIVE", "DEPLOYING", "ACTIVE", "ERROR"
DEGRADED, DEGRADING = "DEGRADED", "DEGRADING"
STATES = (INACTIVE, DEPLOYING, ACTIVE, ERROR, DEGRADED, DEGRADING)
BUSY = frozenset((ACTIVE, DEPLOYING, DEGRADED, DEGRADING))
# In these the queue of a version is shown, and it can be invoked.
QUEUED = frozenset((ACTIVE, DEPLOYING))
INVOCABLE = frozenset((ACTIVE, DEGRADING))

ALL = frozenset(STATES)
# What may be done to a version in which state. Undeploying asks for a deployment, not for a state.
CREATE_VERSION, UPDATE, DELETE, DEPLOY = "create version", "update", "delete", "deploy"
CHANGE, UNDEPLOY, INVOKE = "change deployment", "undeploy", "invoke"
ALLOWED: Mapping[str, frozenset[str]] = {
    CREATE_VERSION: ALL,
    UPDATE: ALL,
    DELETE: ALL,
    DEPLOY: frozenset((INACTIVE,)),
    CHANGE: BUSY,
    UNDEPLOY: ALL,
    INVOKE: INVOCABLE,
}
# Why not, in the state in which it is not.
_USE_PATCH = "is deployed already: PATCH its gpu-specification to change the deployment"
REFUSED: Mapping[str, Mapping[str, str]] = {
    DEPLOY: {
        **dict.fromkeys(sorted(BUSY), _USE_PATCH),
        ERROR: "already has a deployment with errors: undeploy it first",
    },
    CHANGE: dict.fromkeys((INACTIVE, ERROR), "is not deployed: its deployment cannot be changed"),
}
DRAINING = "has a deployment that is still draining: try again when it is gone"


def refusal(action: str, state: str) -> str:
    """Why an action is not allowed in a state; empty when it is."""
    return "" if state in ALLOWED[action] else REFUSED[action][state]


class Seen(NamedTuple):
    """The instances of one GPU specification: how many it wants at least, and what they are."""

    minimum: int
    running: int = 0
    starting: int = 0
    failed: int = 0


ENOUGH, NONE, SOME, BROKEN, LESS = "enough", "none", "some", "broken", "less"


def condition(seen: list[Seen]) -> str:
    """What is seen of a deployment, in the words of the table."""
    if all(s.running >= s.minimum for s in seen):
        return ENOUGH
    wanted = sum(s.minimum for s in seen)
    if all(s.failed >= s.minimum for s in seen) and sum(s.failed for s in seen) >= wanted:
        return BROKEN
    if not any(s.running or s.starting for s in seen):
        return NONE
    return SOME if any(s.running for s in seen) else LESS


# State -> condition -> state afterwards (5.7); what is not there stays.
TRANSITIONS: Mapping[str, Mapping[str, str]] = {
    DEPLOYING: {ENOUGH: ACTIVE, BROKEN: ERROR},
    ACTIVE: {NONE: DEGRADED, BROKEN: DEGRADED, SOME: DEGRADING},
    DEGRADING: {ENOUGH: ACTIVE, NONE: DEGRADED, BROKEN: DEGRADED, SOME: DEGRADING},
    DEGRADED: {ENOUGH: ACTIVE, NONE: DEGRADED, BROKEN: DEGRADED, SOME: DEGRADING},
    INACTIVE: {},
    ERROR: {},
}


# In these a deployment is kept for so long, in seconds, and then cleaned to INACTIVE (5.7).
KEPT: Mapping[str, float] = {ERROR: 7 * 24 * 3600.0}


def outlived(state: str, age: float) -> bool:
    """Whether a deployment that last changed `age` seconds ago is to be cleaned."""
    return state in KEPT and age > KEPT[state]


def after(state: str, seen: list[Seen]) -> str:
    """The state after what was seen."""
    return TRANSITIONS[state].get(condition(seen), state)


def first(minimums: list[int]) -> str:
    """The state of a new deployment."""
    return DEPLOYING if any(minimums) else ACTIVE


class Steps(NamedTuple):
    create: int
    terminate: int


def scaling(minimum: int, maximum: int, running: int, starting: int) -> Steps:
    """How many instances to create and to terminate; what starts is never terminated (5.7)."""
    return Steps(max(0, minimum - running - starting), max(0, running - maximum))
