"""The engine as one process holds it: a store, what kinds there are, and what secrets need.

Handlers and commands read with `read`, and change with `change`; nobody else writes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import MappingProxyType
from typing import TypeVar

from controlplane.changes import Changes
from controlplane.kinds import Kinds
from controlplane.state.protocol import Actor, Json, Reader, Store, Transaction
from controlplane.vault import Vault

T = TypeVar("T")
# How long a stage of a plan may take before others may think that its process is gone.
LOCK_SECONDS = 30.0


class Engine:
    def __init__(
        self, store: Store, kinds: Kinds, vault: Vault, *, lock_seconds: float = LOCK_SECONDS
    ) -> None:
        self.store, self.kinds, self.vault = store, kinds, vault
        self.lock_seconds = lock_seconds
        # What plans do about artifacts that an account cannot pull: throw or log.
        self.registry_check = "throw"
        # Called after every change that this process made and that is durable.
        self.on_change: Callable[[], None] = _nothing

    async def read(self, work: Callable[[Reader], T]) -> T:
        """What `work` makes of one consistent state, in a thread."""
        return await asyncio.to_thread(self.store.read, work)

    async def change(
        self, actor: Actor, work: Callable[[Changes], T], about: Json = MappingProxyType({})
    ) -> T:
        """`work` as one transaction, durable when this returns. It runs on the writer's thread, so
        that what it reads cannot change before what it writes. `about` goes into the audit."""
        result = await asyncio.wrap_future(self.store.submit(self._changing(actor, work, about)))
        self.on_change()
        return result

    def change_now(self, actor: Actor, work: Callable[[Changes], T]) -> T:
        """The same, for commands."""
        return self.store.write(self._changing(actor, work))

    def _changing(
        self, actor: Actor, work: Callable[[Changes], T], about: Json = MappingProxyType({})
    ) -> Callable[[Transaction], T]:
        return lambda tx: work(Changes(tx, self.kinds, actor, about))


def _nothing() -> None:
    """Nobody wants to know."""
