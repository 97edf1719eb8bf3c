"""What a collector hands back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

Scalar = str | int | float | bool
Data = dict[str, Scalar]


class Facts(NamedTuple):
    """Readings by subtype, and what could not be read and why.

    A subtype that is absent was not measured; one without readings was, and nothing was there.
    """

    subtypes: Mapping[str, Data]
    warnings: tuple[str, ...] = ()
