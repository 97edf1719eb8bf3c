"""The life of an instance as a table."""

from __future__ import annotations

from collections.abc import Mapping

from controlplane.runtime.protocol import ENDED, FAILED, RUNNING, STARTING

# Beside the states that everybody knows: it was not well and is made to end; it is stopped, and
# drains; and it is forgotten.
ENDING, STOPPING, GONE = "ending", "stopping", "gone"
# What happens to it: it answers as it should, or no longer; it ended, well or not; it is stopped.
WELL, SICK, DONE, BROKE, STOP = "well", "sick", "done", "broke", "stop"

# State -> what happens -> state afterwards; what is not there changes nothing.
TRANSITIONS: Mapping[str, Mapping[str, str]] = {
    STARTING: {WELL: RUNNING, DONE: ENDED, BROKE: FAILED, STOP: STOPPING},
    RUNNING: {SICK: ENDING, DONE: ENDED, BROKE: FAILED, STOP: STOPPING},
    ENDING: {DONE: FAILED, BROKE: FAILED, STOP: STOPPING},
    STOPPING: {DONE: GONE, BROKE: GONE},
    FAILED: {STOP: GONE},
    ENDED: {STOP: GONE},
    GONE: {},
}
# As which it is shown.
SHOWN = {ENDING: STARTING}


def after(state: str, what: str) -> str:
    """The state after something happened."""
    return TRANSITIONS[state].get(what, state)
