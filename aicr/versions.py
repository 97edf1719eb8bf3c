"""Kubernetes and driver versions as constraints compare them (contract section 11.2).

`v1.33.0-gke.200` and `6.8.0-1028-aws` are versions here, which packaging.version refuses. The
smaller precision of the two sides decides: 1.33.1 is not > 1.33.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_SUFFIX = re.compile(r"(?<=[0-9])[-+].*\Z", re.DOTALL)

Version = tuple[int, ...]


def parse(text: str) -> Version:
    """One to three numbers; `v` in front and what follows `-` or `+` are dropped.

    Raises ValueError with AICR's wording.
    """
    core = _SUFFIX.sub("", text.strip()).removeprefix("v")
    if not core:
        raise ValueError("version string is empty")
    parts = core.split(".")
    if len(parts) > 3:
        raise ValueError("version has more than 3 components")
    for part in parts:
        if not (part.isascii() and part.isdigit()):
            why = "version component is not numeric"
            raise ValueError(f'[INVALID_REQUEST] non-numeric component: "{part}": {why}')
    return tuple(int(part) for part in parts)


def _compare(left: Version, right: Version) -> int:
    shared = min(len(left), len(right))
    a, b = left[:shared], right[:shared]
    return (a > b) - (a < b)


ORDERINGS: dict[str, Callable[[Version, Version], bool]] = {
    ">=": lambda a, b: _compare(a, b) >= 0,
    "<=": lambda a, b: _compare(a, b) <= 0,
    ">": lambda a, b: _compare(a, b) > 0,
    "<": lambda a, b: _compare(a, b) < 0,
}


def equal(left: Version, right: Version) -> bool:
    """Equality on three numbers, missing ones being 0."""
    return (*left, 0, 0)[:3] == (*right, 0, 0)[:3]
