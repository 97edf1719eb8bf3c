"""Durations as vendors write them: ISO 8601 with days at most, printed as java.time prints them."""

from __future__ import annotations

import re

_ISO = re.compile(
    r"([-+]?)P(?:([-+]?\d+)D)?(T(?:([-+]?\d+)H)?(?:([-+]?\d+)M)?(?:([-+]?\d+)(?:[.,](\d{1,9}))?S)?)?",
    re.I | re.ASCII,
)
_SECOND = 1_000_000_000
# What java.time.Duration holds at most.
_LIMIT = 2**63 * _SECOND


def parse(text: str) -> int:
    """Nanoseconds of a duration. Raises ValueError for anything else."""
    found = _ISO.fullmatch(text)
    if found is None or not any(found.group(2, 4, 5, 6)) or (found[3] or "x") in "Tt":
        raise ValueError(f"{text[:50]!r} is no duration, such as PT30S")
    days, hours, minutes, seconds = (int(part or 0) for part in found.group(2, 4, 5, 6))
    fraction = int((found[7] or "").ljust(9, "0"))
    below = -fraction if (found[6] or "").startswith("-") else fraction
    total = (days * 86400 + hours * 3600 + minutes * 60 + seconds) * _SECOND + below
    if abs(total) >= _LIMIT:
        raise ValueError(f"{text[:50]!r} is too long")
    return -total if found[1] == "-" else total


def text(nanoseconds: int) -> str:
    """The text of a duration: hours, minutes and seconds, without what is zero."""
    if not nanoseconds:
        return "PT0S"
    sign, rest = ("-", -nanoseconds) if nanoseconds < 0 else ("", nanoseconds)
    seconds, fraction = divmod(rest, _SECOND)
    hours, minutes = divmod(seconds // 60, 60)
    seconds %= 60
    parts = [f"{sign}{hours}H" if hours else "", f"{sign}{minutes}M" if minutes else ""]
    if seconds or fraction:
        digits = f".{fraction:09d}".rstrip("0") if fraction else ""
        parts.append(f"{sign}{seconds}{digits}S")
    return f"PT{''.join(parts)}"
