"""The life of a task as tables (contract 11.3): states, what happens to them, and timeouts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from controlplane import durations
from controlplane.access import times
from controlplane.kinds import Spec

QUEUED, LAUNCHED, RUNNING = "QUEUED", "LAUNCHED", "RUNNING"
COMPLETED, ERRORED, CANCELED = "COMPLETED", "ERRORED", "CANCELED"
TOO_LONG = "EXCEEDED_MAX_RUNTIME_DURATION"
TOO_LATE = "EXCEEDED_MAX_QUEUED_DURATION"
TERMINAL = (COMPLETED, ERRORED, CANCELED, TOO_LONG, TOO_LATE)
STATES = (QUEUED, LAUNCHED, RUNNING, *TERMINAL)

# What happens to a task.
PLACED, BEAT, DONE, FAILED, CANCEL = "placed", "beat", "done", "failed", "cancel"
OVERRUN, OVERDUE = "overrun", "overdue"

# State -> what happens -> state afterwards; what is not there changes nothing.
TRANSITIONS: Mapping[str, Mapping[str, str]] = {
    QUEUED: {PLACED: LAUNCHED, FAILED: ERRORED, OVERDUE: TOO_LATE, CANCEL: CANCELED},
    LAUNCHED: {
        BEAT: RUNNING,
        DONE: COMPLETED,
        FAILED: ERRORED,
        OVERRUN: TOO_LONG,
        CANCEL: CANCELED,
    },
    RUNNING: {DONE: COMPLETED, FAILED: ERRORED, OVERRUN: TOO_LONG, CANCEL: CANCELED},
    **{state: {} for state in TERMINAL},
}


def after(state: str, happening: str) -> str:
    """The state after something has happened."""
    return TRANSITIONS[state].get(happening, state)


class Timeout(NamedTuple):
    """What happens when a task has been in a state for longer than so many seconds, since the
    moment in a field of its status; `limit` is None where there is no bound."""

    state: str
    since: str
    limit: Callable[[Spec], float | None]
    happening: str
    words: str


def seconds(text: str) -> float:
    """Of a duration."""
    return durations.parse(text) / 1e9


def _fixed(limit: float) -> Callable[[Spec], float]:
    return lambda spec: limit


def _queued(spec: Spec) -> float:
    return seconds(spec["maxQueuedDuration"]) + QUEUE_SLACK


def _runtime(spec: Spec) -> float | None:
    return seconds(spec["maxRuntimeDuration"]) if "maxRuntimeDuration" in spec else None


QUEUE_SLACK, NOWHERE, LAUNCH, HEARTBEAT, PROGRESS = 180.0, 120.0, 300.0, 240.0, 300.0
TIMEOUTS = (
    Timeout(QUEUED, "nowhereSince", _fixed(NOWHERE), FAILED, "no cluster has what it needs"),
    Timeout(QUEUED, "createdAt", _queued, OVERDUE, ""),
    Timeout(LAUNCHED, "lastUpdatedAt", _fixed(LAUNCH), FAILED, "it did not start in time"),
    Timeout(RUNNING, "runningSince", _runtime, OVERRUN, "it ran longer than maxRuntimeDuration"),
    Timeout(RUNNING, "lastHeartbeatAt", _fixed(HEARTBEAT), FAILED, "nothing was heard from it"),
    Timeout(RUNNING, "progressAt", _fixed(PROGRESS), FAILED, "its progress file is out of date"),
)


def due(spec: Spec, status: Spec, now: float) -> Timeout | None:
    """The timeout that has passed, at this Unix time; the first of the table."""
    for timeout in TIMEOUTS:
        end = _end(timeout, spec, status)
        if end is not None and now >= end:
            return timeout
    return None


def next_due(spec: Spec, status: Spec) -> float:
    """The Unix time at which the next timeout passes."""
    ends = (_end(timeout, spec, status) for timeout in TIMEOUTS)
    return min((end for end in ends if end is not None), default=float("inf"))


def _end(timeout: Timeout, spec: Spec, status: Spec) -> float | None:
    if status["status"] != timeout.state or timeout.since not in status:
        return None
    limit = timeout.limit(spec)
    return None if limit is None else times.parse(status[timeout.since]).timestamp() + limit


def moved(status: Spec, happenings: Iterable[str], now: str, error: str = "") -> Spec:
    """A status after something has happened, with every change of state in its history. `error`
    says why, where it ends badly. `now` is an instant."""
    state, history = status["status"], list(status.get("history", ()))
    for happening in happenings:
        then = after(state, happening)
        if then == state:
            continue
        said = {"from": state, "to": then, "at": now}
        history.append({**said, "error": error} if error and then in _SAYS_WHY else said)
        state = then
    if state == status["status"]:
        return status
    found = {**status, "status": state, "history": history, "lastUpdatedAt": now}
    return {**found, "runningSince": now} if state == RUNNING else found


_SAYS_WHY = (ERRORED, TOO_LONG, TOO_LATE)


def message(change: Spec) -> str:
    """A change of state as an event says it."""
    words = f"Changing status from '{change['from']}' to '{change['to']}'"
    return f"{words} with error '{change['error']}'" if "error" in change else words
