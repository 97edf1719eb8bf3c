"""Structural differences between two JSON documents, as data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from aicr.jsonio import canonical

FORMAT_VERSION = "1.0"
ADD, REMOVE, REPLACE = "add", "remove", "replace"
_MISSING = object()


class Difference(NamedTuple):
    """One change from A to B; `old` or `new` is absent when something was added or removed."""

    path: tuple[str, ...]
    kind: str
    old: Any = None
    new: Any = None

    def document(self) -> dict[str, Any]:
        body: dict[str, Any] = {"path": ".".join(self.path), "change": self.kind}
        if self.kind != ADD:
            body["old"] = self.old
        if self.kind != REMOVE:
            body["new"] = self.new
        return body


def differences(a: Any, b: Any, path: tuple[str, ...] = ()) -> Iterator[Difference]:
    """What changes from `a` to `b`, in path order. Maps are compared key by key, lists of named
    maps by name, any other list as a whole."""
    left, right = _children(a), _children(b)
    if left is None or right is None or _kind(a) is not _kind(b):
        if canonical(a) != canonical(b):  # not `!=`: to Python [True] is [1]
            yield Difference(path, REPLACE, a, b)
        return
    for key in sorted({**left, **right}):
        old, new = left.get(key, _MISSING), right.get(key, _MISSING)
        if old is _MISSING:
            yield Difference((*path, key), ADD, new=new)
        elif new is _MISSING:
            yield Difference((*path, key), REMOVE, old=old)
        else:
            yield from differences(old, new, (*path, key))


def _kind(value: Any) -> type:
    return list if isinstance(value, list) else dict


def _children(value: Any) -> dict[str, Any] | None:
    """A node's parts by key; None for a leaf. Lists have parts when every item has its own name."""
    if isinstance(value, dict):
        return value
    if not isinstance(value, list) or not value:
        return None
    named = {str(item.get("name")): item for item in value if isinstance(item, dict)}
    distinct = len(named) == len(value) and all(isinstance(i.get("name"), str) for i in value)
    return named if distinct else None
