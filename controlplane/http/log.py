"""Log lines: one JSON object each, to standard error."""

from __future__ import annotations

import sys
import traceback
from datetime import UTC, datetime
from typing import Any

from aicr import jsonio
from controlplane.http.settings import LOG_LEVELS

_level = [LOG_LEVELS.index("info")]


def set_level(level: str) -> None:
    """From which level on lines are written; for the whole process."""
    _level[0] = LOG_LEVELS.index(level)


def enabled(level: str) -> bool:
    return LOG_LEVELS.index(level) >= _level[0]


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
    """One line, whole: several workers share the stream."""
    sys.stderr.buffer.write(line.encode("utf-8", "backslashreplace") + b"\n")
    sys.stderr.buffer.flush()
