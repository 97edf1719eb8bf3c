"""Desired state and stored state to a plan. Pure: reads, compares, orders; writes nothing.

Three specs are compared: what documents want (desired), what the last plan wanted (applied), and
what there is (spec). Intent is desired against spec; drift is spec against applied.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from aicr.diff import differences
from aicr.errors import Conflict, InvalidRequest
from aicr.order import deployment_order
from controlplane import secretrefs
from controlplane.address import parse
from controlplane.compile import Declared, Desired, depends_of
from controlplane.kinds import Kind, Kinds, kind_of
from controlplane.plan.definition import (
    ADOPT,
    CREATE,
    DELETE,
    PROTECT,
    REPLACE,
    UNPROTECT,
    UPDATE,
    Difference,
    Drift,
    Plan,
    Stage,
)
from controlplane.state.protocol import Meta, Reader, Resource
from controlplane.state.rows import text

Spec = Mapping[str, Any]


class State(NamedTuple):
    """What a plan is made against: all resources, those that were deleted behind its back, too."""

    meta: Meta
    resources: Mapping[str, Resource]


def state_of(reader: Reader) -> State:
    found = {r.address: r for r in reader.resources(deleted=True)}
    return State(reader.meta(), found)


class Options(NamedTuple):
    """`prune`: delete what nobody declares and no plan ever managed, too."""

    prune: bool = False


def build(
    desired: Desired, state: State, kinds: Kinds, digest: Callable[[str], str], options: Options
) -> Plan:
    """The plan that makes a state as desired.

    `digest` gives the digest of the secret that a reference stands for. Raises Conflict when it
    would delete or replace what is protected, and InvalidRequest for references to nothing.
    """
    wanted = {a: _resolved(d, kinds, digest) for a, d in desired.resources.items()}
    _check_references(desired, state, options)
    made = list(_made(desired, wanted, state, kinds))
    gone = [r for r in state.resources.values() if r.address not in wanted]
    stages = [*made, *_deletions(gone, kinds, options)]
    _check_protected(stages, state)
    _check_users(stages, {*wanted}, state, kinds)
    return _plan(desired.digest, desired.config, state, stages)


def _made(
    desired: Desired, wanted: Mapping[str, Spec], state: State, kinds: Kinds
) -> Iterator[Stage]:
    """Stages for what is declared, in order. What follows something that is replaced is, too."""
    replaced: set[str] = set()
    for address in desired.order:
        declared, spec = desired.resources[address], wanted[address]
        stage = _wanted(declared, spec, state, kinds)
        known = state.resources.get(address)
        led = list(_led(declared, spec, replaced, kinds))
        if led and known is not None and known.exists:
            stage = _following(stage, declared, spec, known, led)
        if stage is None:
            continue
        if stage.action == REPLACE:
            replaced.add(address)
        yield stage


def _following(
    stage: Stage | None, declared: Declared, spec: Spec, known: Resource, led: list[Difference]
) -> Stage:
    """A replacement because of what leads a resource."""
    found = () if stage is None else stage.changes
    protected = known.protected if declared.protect is None else declared.protect
    every = (*found, *led)
    return Stage(declared.address, REPLACE, known.spec, spec, every, declared.depends, protected)


def _led(
    declared: Declared, spec: Spec, replaced: Collection[str], kinds: Kinds
) -> Iterator[Difference]:
    """References that a resource follows to what is replaced."""
    kind = kind_of(kinds, declared.address)
    for path in sorted(kind.follows):
        name = secretrefs.at(spec, path)
        if f"{kind.references[path]}.{name}" in replaced:
            yield Difference(path, name, name, declared.origin(tuple(path.split("."))), True)


def _plan(digest: str, config: str, state: State, stages: list[Stage]) -> Plan:
    meta = state.meta
    touched = {stage.address for stage in stages}
    unmanaged = sum(
        r.applied is None and r.address not in touched for r in state.resources.values()
    )
    drift = tuple(drift_of(state))
    return Plan(
        meta.lineage, meta.serial, meta.parent, digest, config, tuple(stages), drift, unmanaged
    )


# --------------------------------------------------------------------------- what is wanted


def _resolved(declared: Declared, kinds: Kinds, digest: Callable[[str], str]) -> dict[str, Any]:
    """A spec with the digest of every secret beside its reference."""
    spec = dict(declared.spec)
    for path in secretrefs.paths(spec, kind_of(kinds, declared.address).secrets):
        reference = secretrefs.at(spec, path)[secretrefs.REFERENCE]
        marked = {secretrefs.REFERENCE: reference, secretrefs.DIGEST: digest(reference)}
        spec = secretrefs.replaced(spec, path, marked)
    return spec


def _wanted(declared: Declared, spec: Spec, state: State, kinds: Kinds) -> Stage | None:
    """The stage that makes one resource as declared; None when it is."""
    known = state.resources.get(declared.address)
    if known is None or known.spec is None:
        return _creation(declared, spec, known)
    kind = kind_of(kinds, declared.address)
    protected = known.protected if declared.protect is None else declared.protect
    wanted = text(spec)
    same = wanted == text(known.spec)
    managed = known.applied is not None
    settled = same and managed and (known.applied is known.spec or text(known.applied) == wanted)
    if settled and protected == known.protected:
        return None
    found = () if same else tuple(_differences(known.spec, spec, declared.origin, kind))
    action = _action(found, managed, settled, protected)
    return Stage(declared.address, action, known.spec, spec, found, declared.depends, protected)


def _action(found: tuple[Difference, ...], managed: bool, settled: bool, protected: bool) -> str:
    if any(d.forces for d in found):
        return REPLACE
    if found and managed:
        return UPDATE
    if not settled:
        return ADOPT  # as it is: by others, or changed by others to what is wanted
    return PROTECT if protected else UNPROTECT


def _creation(declared: Declared, spec: Spec, known: Resource | None) -> Stage:
    protected = (known is not None and known.protected) or bool(declared.protect)
    found = tuple(_differences({}, spec, declared.origin, None))
    return Stage(declared.address, CREATE, None, spec, found, declared.depends, protected)


def _differences(
    before: Spec, after: Spec, origin: Callable[[Any], str], kind: Kind | None
) -> Iterator[Difference]:
    for d in differences(before, after):
        path = ".".join(d.path)
        forces = kind is not None and _forces(path, kind)
        yield Difference(path, d.old, d.new, origin(d.path), forces)


def _forces(path: str, kind: Kind) -> bool:
    under = any(path == p or path.startswith(f"{p}.") for p in kind.immutable)
    return under and not any(fnmatchcase(path, p) for p in kind.mutable)


def _nowhere(_path: Any) -> str:
    return ""


# --------------------------------------------------------------------------- what is not


def _deletions(gone: list[Resource], kinds: Kinds, options: Options) -> Iterator[Stage]:
    """Stages for what is no longer declared, users before what they use."""
    yield from deletions({r.address: r for r in gone if _goes(r, options)}, kinds)


def _goes(undeclared: Resource, options: Options) -> bool:
    """Whether a resource that nobody declares is deleted."""
    return undeclared.applied is not None or (options.prune and not undeclared.protected)


def deletions(doomed: Mapping[str, Resource], kinds: Kinds) -> Iterator[Stage]:
    """Stages that delete resources, users before what they use."""
    depends = {
        a: tuple(sorted(set(depends_of(r.spec or {}, kind_of(kinds, a)))))
        for a, r in doomed.items()
    }
    refs = [{"name": a, "dependencyRefs": [t for t in depends[a] if t in doomed]} for a in doomed]
    users: dict[str, list[str]] = {a: [] for a in doomed}
    for a, targets in depends.items():
        for target in targets:
            if target in users:
                users[target].append(a)
    for address in reversed(deployment_order(refs)):
        r = doomed[address]
        yield Stage(address, DELETE, r.spec, None, (), tuple(users[address]), False)


def _check_protected(stages: list[Stage], state: State) -> None:
    """Protection is the state's: what a plan lifts it from can be deleted by the next one."""
    held = [
        s.address
        for s in stages
        if s.action in (DELETE, REPLACE)
        and state.resources[s.address].protected
        and state.resources[s.address].exists
    ]
    if held:
        names = ", ".join(held[:5]) + (f" and {len(held) - 5} more" if len(held) > 5 else "")
        raise Conflict(
            f"{names}: protected, and this would delete or replace it; "
            f"lift that first, by a plan of its own: aicr state unprotect {held[0]}",
            details={"protected": held},
        )


def _check_users(
    stages: list[Stage], declared: Collection[str], state: State, kinds: Kinds
) -> None:
    """What goes is needed by nothing that stays. (What is declared is looked at by itself.)"""
    doomed = {stage.address for stage in stages if stage.action == DELETE}
    if not doomed:
        return
    for address, r in state.resources.items():
        if address in doomed or address in declared or r.spec is None:
            continue
        for target in depends_of(r.spec, kind_of(kinds, address)):
            if target in doomed:
                raise Conflict(f"{target} is still needed by {address}, which stays")


def _check_references(desired: Desired, state: State, options: Options) -> None:
    """What is referred to is declared, or in the state and not about to go."""
    for declared in desired.resources.values():
        for target in declared.depends:
            known = state.resources.get(target)
            stays = known is not None and known.exists and not _goes(known, options)
            if target not in desired.resources and not stays:
                gone = "is no longer declared" if known is not None else "is nowhere"
                raise InvalidRequest(
                    f"{declared.origin(())}: {declared.address} needs {target}, which {gone}"
                )


# --------------------------------------------------------------------------- drift, single wishes


def drift_of(state: State) -> Iterator[Drift]:
    """Managed resources that are not as the last plan left them, in order of address."""
    for address in sorted(state.resources):
        r = state.resources[address]
        if r.applied is None:
            continue
        if r.spec is None:
            yield Drift(address, True, ())
        elif r.spec is not r.applied and text(r.spec) != text(r.applied):
            yield Drift(address, False, tuple(_differences(r.applied, r.spec, _nowhere, None)))


def wish(action: str, addresses: Collection[str], state: State, kinds: Kinds) -> Plan:
    """The plan of one command about resources that are there: adopt, protect, unprotect, delete.

    Raises InvalidRequest for an address that is not there, or of which it is true already, and
    Conflict for the deletion of what is protected.
    """
    stages = []
    if action == DELETE:
        stages = list(deletions({a: _present(a, state) for a in addresses}, kinds))
        _check_protected(stages, state)
        _check_users(stages, set(), state, kinds)
        return _plan("", "", state, stages)
    for address in sorted(set(addresses)):
        r = _present(address, state)
        if not r.exists:
            raise InvalidRequest(f"{address} was deleted; the next plan creates or forgets it")
        done = {
            ADOPT: r.applied is not None,
            PROTECT: r.protected,
            UNPROTECT: not r.protected,
        }[action]
        if done:
            raise InvalidRequest(f"{address}: {_DONE[action]}")
        protected = {PROTECT: True, UNPROTECT: False}.get(action, r.protected)
        stages.append(Stage(address, action, r.spec, r.spec, (), (), protected))
    return _plan("", "", state, stages)


_DONE = {
    ADOPT: "a plan manages it already",
    PROTECT: "it is protected already",
    UNPROTECT: "it is not protected",
}


def _present(address: str, state: State) -> Resource:
    parse(address)
    known = state.resources.get(address)
    if known is None or (not known.exists and known.applied is None):
        raise InvalidRequest(f"{address} is not in the state: aicr state list shows what is")
    return known
