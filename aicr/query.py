"""Selectors: one value out of a document by dotted path (contract section 8)."""

from __future__ import annotations

from typing import Any

from aicr.diagnostics import did_you_mean
from aicr.errors import NotFound


def steps_of(selector: str) -> list[str]:
    """The keys of a selector; one leading dot is allowed, an empty selector is everything."""
    path = selector.removeprefix(".")
    return path.split(".") if path else []


def select(document: Any, selector: str) -> Any:
    """The value at the selector.

    Raises NotFound naming the missing key and what there is instead.
    """
    shown = selector.removeprefix(".")
    steps = steps_of(selector)
    value = document
    for i, key in enumerate(steps):
        if not isinstance(value, dict):
            at = ".".join(steps[:i])
            raise NotFound(
                f'selector "{shown}": cannot descend into non-map value at "{at}"',
                details={"selector": shown},
            )
        if key not in value:
            near = did_you_mean(key, value)
            raise NotFound(
                f'selector "{shown}": key "{key}" not found, '
                f"available keys: {', '.join(sorted(value))}{'; ' + near if near else ''}",
                details={"selector": shown},
            )
        value = value[key]
    return value
