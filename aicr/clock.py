"""The time, for the few documents that say when they were made."""

from __future__ import annotations

import os
from datetime import UTC, datetime

from aicr.errors import InvalidRequest


def now() -> datetime:
    """The time in UTC; SOURCE_DATE_EPOCH (seconds since 1970) stands in for it where it is set,
    so that a document can be made again. Raises InvalidRequest when that is no such number.
    """
    fixed = os.environ.get("SOURCE_DATE_EPOCH")
    if not fixed:
        return datetime.now(UTC)
    try:
        return datetime.fromtimestamp(int(fixed), UTC)
    except (ValueError, OverflowError, OSError):
        text = f"SOURCE_DATE_EPOCH must be a number of seconds since 1970, not {fixed!r}"
        raise InvalidRequest(text) from None


def stamp(moment: datetime) -> str:
    """A UTC time to the second, as documents write it: 2026-01-01T00:00:00Z."""
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
