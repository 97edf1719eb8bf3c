"""Where commands find the engine: on this host, or behind a server. Both answer the same."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Protocol

from controlplane import imports, planner
from controlplane.engine import Engine
from controlplane.plan import apply as applying
from controlplane.plan.apply import Outcome
from controlplane.plan.builder import State, state_of
from controlplane.plan.definition import Plan
from controlplane.planner import Asked, Made
from controlplane.state.protocol import Actor


class Backend(Protocol):
    def plan(self, asked: Asked) -> Made: ...

    def wish(self, action: str, addresses: Collection[str]) -> Plan:
        """The plan of one command: adopt, protect, unprotect, or delete."""

    def destroy(self) -> Plan: ...

    def apply(self, plan: Plan, secrets: Mapping[str, str]) -> Outcome: ...

    def state(self) -> State: ...

    def restore(self, document: Any) -> int:
        """Put an exported state into an empty one; how many resources it has."""


class Local:
    """The engine of this host."""

    def __init__(self, engine: Engine, data_dir: str | None, actor: Actor) -> None:
        self._engine, self._data_dir, self._actor = engine, data_dir, actor

    def plan(self, asked: Asked) -> Made:
        from aicr import catalog as catalogs

        return planner.make(self._engine, catalogs.load(self._data_dir), asked)

    def wish(self, action: str, addresses: Collection[str]) -> Plan:
        return planner.wish(self._engine, action, addresses)

    def destroy(self) -> Plan:
        return planner.destroy(self._engine)

    def apply(self, plan: Plan, secrets: Mapping[str, str]) -> Outcome:
        return applying.apply(self._engine, plan, self._actor, secrets)

    def state(self) -> State:
        return self._engine.store.read(state_of)

    def restore(self, document: Any) -> int:
        return imports.restore(self._engine, document, self._actor)
