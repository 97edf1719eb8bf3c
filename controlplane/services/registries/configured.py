"""Registries of the settings as resources: one road for whoever adds a registry.

NVCF_REGISTRIES_RECOGNIZED_<TYPE>_<KEY>_{NAME,HOSTNAME}, as the vendor has them, become
nvcf.recognizedRegistries.env-<type>-<key>.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from controlplane.access.bootstrap import ACTOR
from controlplane.changes import Changes
from controlplane.engine import Engine
from controlplane.registries import RECOGNIZED
from controlplane.state.protocol import Reader, Resource

_PREFIX = "env-"
Wanted = Mapping[str, Mapping[str, Any]]


def ensure(engine: Engine, given: Wanted) -> None:
    """Make the registries of the settings those of the state; writes only what differs."""
    wanted = {f"{RECOGNIZED}.{_PREFIX}{key}": spec for key, spec in given.items()}
    if any(_differences(engine.store.read(_ours), wanted)):
        engine.change_now(ACTOR, lambda changes: _ensure(changes, wanted))


def _ours(reader: Reader) -> dict[str, Resource]:
    """What earlier settings made, and no plan manages."""
    return {
        r.address: r
        for r in reader.resources(RECOGNIZED)
        if r.address.startswith(f"{RECOGNIZED}.{_PREFIX}") and r.applied is None
    }


def _differences(known: Mapping[str, Resource], wanted: Wanted) -> tuple[set[str], set[str]]:
    """Addresses of what is to go, and of what is to be written."""
    changed = {a for a, spec in wanted.items() if a not in known or known[a].spec != spec}
    return {*known} - {*wanted}, changed


def _ensure(changes: Changes, wanted: Wanted) -> None:
    known = _ours(changes.tx)
    gone, changed = _differences(known, wanted)
    for address in sorted(gone):
        changes.delete(known[address])
    for address in sorted(changed):
        if address in known:
            changes.update(known[address], spec=wanted[address])
        elif changes.tx.get(address, deleted=True) is None:
            changes.create(address, wanted[address])
