"""Answers that are still true, since nothing was committed anywhere since they were made."""

from __future__ import annotations

import asyncio
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
        self._looked = False

    def get(self, asked: Hashable) -> bytes | None:
        """An answer to the same question, as it would be made now."""
        if not self._looked:
            self._look()
        return self._known.get(asked)

    def _look(self) -> None:
        """Ask the store for its version, once for all requests of one turn of the event loop.

        Nobody is told old news: a request that arrives after this look becomes a task after it,
        and tasks begin in order, so that `_look_again` comes before it. Hence whatever was
        committed before such a request was sent is seen by it, whoever committed it.
        """
        version = self._store.version()
        if version is None or version != self._version:
            self._known.clear()
            self._version = version
        self._looked = True
        asyncio.get_running_loop().call_soon(self._look_again)

    def _look_again(self) -> None:
        self._looked = False

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
