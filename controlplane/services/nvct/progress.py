"""The file in which a task writes how far it is (contract 11.3): text to facts, nothing else."""

from __future__ import annotations

from typing import Any

from aicr import jsonio
from aicr.errors import InvalidRequest
from controlplane.access import times

# Larger ones are not read.
MAX_BYTES = 64 * 1024
MAX_NAME = 256


def parse(data: bytes, changed: float) -> dict[str, Any] | None:
    """What a progress file says: {percentComplete, at, name?, metadata?}. `changed` is when it was
    written, in Unix seconds: that counts, not what programs say of it. None for what says nothing,
    as a file that is being written."""
    if len(data) > MAX_BYTES:
        return None
    try:
        said = jsonio.parse(data, "the progress file")
    except InvalidRequest:
        return None
    if not isinstance(said, dict) or not _is_percent(said.get("percentComplete")):
        return None
    found: dict[str, Any] = {
        "percentComplete": int(said["percentComplete"]),
        "at": times.stamp(times.of_seconds(changed)),
    }
    name, metadata = said.get("name"), said.get("metadata")
    if isinstance(name, str) and 0 < len(name) <= MAX_NAME:
        found["name"] = name
    if isinstance(metadata, dict):
        found["metadata"] = metadata
    return found


def _is_percent(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and 1 <= value <= 100
