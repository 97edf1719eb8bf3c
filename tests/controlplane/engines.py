"""Engines over real stores, and plans without files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from aicr import jsonio
from controlplane import documents, planner
from controlplane.documents import Manifest, Source
from controlplane.engine import LOCK_SECONDS, Engine
from controlplane.kinds import Kinds
from controlplane.plan import apply as applying
from controlplane.plan.apply import Outcome
from controlplane.plan.builder import Options
from controlplane.plan.definition import Plan
from controlplane.state.protocol import Actor
from controlplane.state.sql import SqlStore
from controlplane.vault import Key, Vault
from tests.controlplane.some_kinds import KINDS

ME = Actor("me", "request-1")
RING = (Key("test", b"k" * 32),)
# Documents without clusters need no catalog but its name.
NO_CATALOG: Any = SimpleNamespace(digest="none")


@contextmanager
def opened(
    where: str, kinds: Kinds = KINDS, lock_seconds: float = LOCK_SECONDS
) -> Iterator[Engine]:
    store = SqlStore(where)
    try:
        yield Engine(store, kinds, Vault(RING), lock_seconds=lock_seconds)
    finally:
        store.close()


def manifest(specs: Mapping[str, Any], name: str = "all", **spec: Any) -> Manifest:
    """A document of resources by address."""
    resources: dict[str, Any] = {}
    for address, body in specs.items():
        service, collection, last = address.split(".", 2)
        resources.setdefault(service, {}).setdefault(collection, {})[last] = body
    text = {
        "apiVersion": "aicr.nvidia.com/v1alpha1",
        "kind": "ControlPlane",
        "metadata": {"name": name},
        "spec": {**spec, "resources": resources},
    }
    return documents.parsed([Source(f"{name}.yaml", jsonio.pretty(text).encode())])[0]


def plan(
    engine: Engine,
    specs: Mapping[str, Any],
    secrets: Mapping[str, str] | None = None,
    *,
    prune: bool = False,
) -> Plan:
    asked = planner.Asked([manifest(specs)], {}, secrets or {}, Options(prune))
    return planner.make(engine, NO_CATALOG, asked).plan


def apply(
    engine: Engine,
    plan: Plan,
    secrets: Mapping[str, str] | None = None,
    actor: Actor | None = None,
) -> Outcome:
    """Every plan by an actor of its own, unless a test says by whom."""
    return applying.apply(engine, plan, actor or Actor(plan.digest), secrets or {})


def stages(plan: Plan) -> list[tuple[str, str]]:
    return [(s.action, s.address) for s in plan.stages]
