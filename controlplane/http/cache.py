"""Answers kept as bytes, within a bound of memory; the least recently used goes first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

Kept = TypeVar("Kept")
# What an entry costs beside its bytes, roughly.
_OVERHEAD = 500


class Cache(Generic[Kept]):
    """A mapping that forgets. Used from one thread."""

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._size = 0
        self._entries: OrderedDict[Hashable, tuple[Kept, int]] = OrderedDict()

    def get(self, key: Hashable) -> Kept | None:
        entry = self._entries.get(key)
        if entry is None:
            return None
        self._entries.move_to_end(key)
        return entry[0]

    def put(self, key: Hashable, value: Kept, size: int) -> None:
        """Keep a value of a size in bytes; what is larger than the bound is not kept."""
        size += _OVERHEAD
        if size > self._bound:
            return
        old = self._entries.pop(key, None)
        self._size += size - (old[1] if old else 0)
        self._entries[key] = (value, size)
        while self._size > self._bound:
            _, (_, gone) = self._entries.popitem(last=False)
            self._size -= gone

    @property
    def size(self) -> int:
        return self._size
