"""What can be asked of an engine about plans: the same for the server and for local commands."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

from aicr.catalog import Catalog
from aicr.errors import InvalidRequest, NotFound
from controlplane import secretrefs
from controlplane.compile import Desired, compile_desired
from controlplane.documents import Manifest
from controlplane.engine import Engine
from controlplane.failpoints import hit
from controlplane.plan import builder
from controlplane.plan.builder import Options, State
from controlplane.plan.definition import DELETE, Plan, parse
from controlplane.plan.recover import PLANNED
from controlplane.state.protocol import Actor, StoredPlan, Transaction


class Asked(NamedTuple):
    """What a plan is asked for: manifests, criteria by field, values of secrets by reference."""

    manifests: Sequence[Manifest]
    criteria: Mapping[str, str]
    secrets: Mapping[str, str]
    options: Options


class Made(NamedTuple):
    """A plan, and warnings about what it was made of, as text."""

    plan: Plan
    warnings: list[str]


def make(engine: Engine, catalog: Catalog, asked: Asked) -> Made:
    """The plan that makes the state as the manifests want it. Writes nothing."""
    desired = compile_desired(asked.manifests, asked.criteria, engine.kinds, catalog)
    state = engine.store.read(builder.state_of)
    digest = _digests(engine, desired, state, asked.secrets)
    plan = builder.build(desired, state, engine.kinds, digest, asked.options)
    return Made(plan, [w.text for w in desired.warnings])


def wish(engine: Engine, action: str, addresses: Collection[str]) -> Plan:
    """The plan of one command about resources that are there. Writes nothing."""
    state = engine.store.read(builder.state_of)
    return builder.wish(action, addresses, state, engine.kinds)


def destroy(engine: Engine) -> Plan:
    """The plan that deletes everything that plans manage. Writes nothing."""
    state = engine.store.read(builder.state_of)
    managed = [a for a, r in state.resources.items() if r.applied is not None]
    return builder.wish(DELETE, managed, state, engine.kinds)


def keep(engine: Engine, plan: Plan, actor: Actor) -> None:
    """Store a plan, so that it can be applied by its digest."""
    digest, text = plan.digest, plan.text()

    def work(tx: Transaction) -> None:
        if tx.plan(digest) is None:
            tx.put_plan(StoredPlan(digest, PLANNED, text, tx.now, actor.name, {}, 0))

    hit("plan.before_save")
    engine.store.write(work)
    hit("plan.after_save")


def kept(engine: Engine, digest: str) -> tuple[StoredPlan, Plan]:
    """Raises NotFound."""
    stored = engine.store.read(lambda reader: reader.plan(digest))
    if stored is None:
        raise NotFound(f"no plan {digest}")
    return stored, parse(stored.document.encode(), f"plan {digest}")


def _digests(
    engine: Engine, desired: Desired, state: State, values: Mapping[str, str]
) -> Callable[[str], str]:
    """Digests of secrets by reference."""

    def digest(reference: str) -> str:
        kind, name = secretrefs.parse(reference) or ("", "")
        if kind == secretrefs.STORE:
            return of_store(f"{secretrefs.STORE_KIND}.{name}", reference)
        if reference not in values:
            where = desired.secrets.get(reference, "")
            raise InvalidRequest(f"{where}: the value of {reference} is needed to plan this")
        return engine.vault.digest(values[reference])

    def of_store(where: str, reference: str) -> str:
        if where in desired.resources:
            return digest(desired.resources[where].spec["value"][secretrefs.REFERENCE])
        known = state.resources.get(where)
        if known is None or known.spec is None:
            place = desired.secrets.get(reference, "")
            raise InvalidRequest(f"{place}: {reference}: there is no {where}")
        found: str | None = known.spec["value"].get(secretrefs.DIGEST)
        if found is None:
            place = desired.secrets.get(reference, "")
            text = f"{place}: {reference}: {where} was imported without its value: declare it"
            raise InvalidRequest(text)
        return found

    return digest


STATE_FORMAT = "1.0"


def exported(state: State) -> dict[str, Any]:
    """A state as a document. Secrets are not in it, only their digests."""
    return {
        "formatVersion": STATE_FORMAT,
        "kind": "State",
        "lineage": state.meta.lineage,
        "serial": state.meta.serial,
        "revision": state.meta.revision,
        "resources": [state.resources[a]._asdict() for a in sorted(state.resources)],
    }
