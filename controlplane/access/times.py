"""Instants as the wire has them: UTC, a fraction only where there is one (contract 3.4)."""

from __future__ import annotations

import re
from datetime import UTC, datetime

PATTERN = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$"
_INSTANT = re.compile(PATTERN, re.ASCII)


def parse(text: str) -> datetime:
    """An instant in UTC. Raises ValueError for anything else."""
    if not _INSTANT.match(text):
        raise ValueError(f"{text[:50]!r} is no instant")
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{text!r} is no instant") from None


def stamp(moment: datetime) -> str:
    """The text of an instant, to the millisecond."""
    whole = moment.astimezone(UTC).replace(tzinfo=None)
    digits = "milliseconds" if whole.microsecond >= 1000 else "seconds"
    return f"{whole.isoformat(timespec=digits)}Z"


def of_seconds(seconds: float) -> datetime:
    """The instant of a Unix time."""
    return datetime.fromtimestamp(seconds, UTC)
