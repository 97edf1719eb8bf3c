"""Objects of a shape that nobody expected: each costs itself only."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

T = TypeVar("T")

# What reading a document of another shape raises.
SHAPE = (LookupError, TypeError, ValueError, AttributeError)


def described(error: Exception) -> str:
    """What was odd about an answer."""
    return f"unexpected answer ({type(error).__name__}: {error})"


def each(
    parse: Callable[[Mapping[str, Any]], T], objects: Iterable[Any]
) -> tuple[list[T], tuple[str, ...]]:
    """What `parse` makes of each object of the cluster, and one warning (or none) about those that
    it cannot read: the first by name, and how many more."""
    parsed, failures = [], []
    for thing in objects:
        try:
            parsed.append(parse(thing))
        except SHAPE as e:
            failures.append(f"{_name(thing)} is left out: {described(e)}")
    more = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
    return parsed, (failures[0] + more,) if failures else ()


def _name(thing: Any) -> str:
    metadata = thing.get("metadata") if isinstance(thing, dict) else None
    names = metadata if isinstance(metadata, dict) else {}
    parts = [str(names[key]) for key in ("namespace", "name") if names.get(key)]
    return "/".join(parts) or "an object without a name"
