"""Paths below a prefix, by whole segments: /v1/keys has /v1/keys/a in it, and not /v1/keysets."""

from __future__ import annotations

from collections.abc import Iterable


class Prefixes:
    """A set of path prefixes."""

    def __init__(self, prefixes: Iterable[str] = ()) -> None:
        self._whole = frozenset(prefixes)
        self._below = tuple(f"{prefix}/" for prefix in self._whole)

    def has(self, path: str) -> bool:
        return path in self._whole or path.startswith(self._below)
