"""Named places where a test can make this process die, fail or stall.

`AICR_FAILPOINTS="apply.after_intent=kill;store.before_commit=stall"`. Without the variable a point
costs one look into an empty map.
"""

from __future__ import annotations

import os
import signal
import time

from aicr.errors import InvalidRequest

VARIABLE = "AICR_FAILPOINTS"
STALL_SECONDS = 2.0
NAMES = (
    "migrate.before",
    "migrate.after",
    "store.begun",
    "store.before_flush",
    "store.mid_flush",
    "store.before_commit",
    "store.after_commit",
    "plan.before_save",
    "plan.after_save",
    "apply.before_lock",
    "apply.after_lock",
    "apply.before_intent",
    "apply.after_intent",
    "apply.in_effect",
    "apply.after_effect",
    "apply.before_finish",
    "apply.after_finish",
    "recover.before",
    "recover.after",
)
KILL, RAISE, STALL = "kill", "exception", "stall"


class Injected(Exception):
    """What a point raises."""


def _parsed(text: str) -> dict[str, str]:
    found = {}
    for pair in filter(None, text.split(";")):
        name, _, action = pair.partition("=")
        if name not in NAMES or action not in (KILL, RAISE, STALL):
            raise InvalidRequest(f"{VARIABLE}: no such failpoint: {pair!r}")
        found[name] = action
    return found


active: dict[str, str] = _parsed(os.environ.get(VARIABLE, ""))


def hit(name: str) -> None:
    """Do what the point of this name is set to do; each does it once."""
    if not active or name not in active:
        return
    action = active.pop(name)
    if action == KILL:
        os.kill(os.getpid(), signal.SIGKILL)
    elif action == STALL:
        time.sleep(STALL_SECONDS)
    else:
        raise Injected(name)
