"""Answers that are still true, since nothing was committed anywhere since they were made."""

from __future__ import annotations

from collections.abc import Hashable

from controlplane.state.protocol import Store

MAX_ANSWERS = 4096


class Unchanged:
    """Answers by what was asked, and by whom: all that an answer depends on beside the state.

    Used on the event loop only.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[Hashable, bytes] = {}
        self._version: int | None = None

    def get(self, asked: Hashable) -> bytes | None:
        """An answer to the same question, as it would be made now."""
        version = self._store.version()
        if version is None or version != self._version:
            self._known.clear()
            self._version = version
        return self._known.get(asked)

    @property
    def version(self) -> int | None:
        """When `get` was asked last; what is read afterwards may be put if it is still then."""
        return self._version

    def put(self, asked: Hashable, answer: bytes, version: int | None) -> None:
        """Keep an answer that was read after `version`; what came later is left out."""
        if version is None or version != self._version:
            return
        if len(self._known) >= MAX_ANSWERS:
            self._known.clear()
        self._known[asked] = answer
