"""Log lines: one JSON object each, to standard error."""

from __future__ import annotations

import asyncio
import atexit
import sys
import threading
import traceback
from datetime import UTC, datetime
from typing import Any

from aicr import jsonio
from controlplane.http.settings import LOG_LEVELS

# The levels that are written.
_written: set[str] = set()


def set_level(level: str) -> None:
    """From which level on lines are written; for the whole process."""
    _written.clear()
    _written.update(LOG_LEVELS[LOG_LEVELS.index(level) :])


set_level("info")


def enabled(level: str) -> bool:
    return level in _written


def log(level: str, message: str, *, trace: BaseException | None = None, **facts: Any) -> None:
    """Write a line, when the level is written at all."""
    if enabled(level):
        write(text_of(level, message, trace, facts))


def text_of(level: str, message: str, trace: BaseException | None, facts: dict[str, Any]) -> str:
    """The JSON of a line."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    line = {"time": now, "level": level.upper(), "msg": message, **facts}
    if trace is not None:
        line["trace"] = "".join(traceback.format_exception(trace))
    return jsonio.compact(line)


def write(line: str) -> None:
    """One line, whole and at once: several workers share the stream."""
    _waiting.append(line)
    flush()


_waiting: list[str] = []
_writing = threading.Lock()
_SECONDS = 0.05
_LINES = 200


def soon(line: str) -> None:
    """One line of many: written together with others, within a twentieth of a second.

    A write for each request is an eighth of what a request costs.
    """
    _waiting.append(line)
    if len(_waiting) == 1:
        asyncio.get_running_loop().call_later(_SECONDS, flush)
    elif len(_waiting) >= _LINES:
        flush()


def flush() -> None:
    """Write what waits. A reload logs from a thread of its own, hence the lock."""
    with _writing:
        count = len(_waiting)
        if count:
            text = "\n".join((*_waiting[:count], ""))
            del _waiting[:count]
            sys.stderr.buffer.write(text.encode("utf-8", "backslashreplace"))
            sys.stderr.buffer.flush()


atexit.register(flush)
