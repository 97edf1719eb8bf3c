"""What a stage does, inside one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import uuid4

from aicr.errors import Conflict, InvalidRequest
from controlplane import secretrefs
from controlplane.changes import CREATED, UPDATED, Changes
from controlplane.kinds import Making, kind_of
from controlplane.plan.definition import CREATE, DELETE, PROTECT, REPLACE, UNPROTECT, Stage
from controlplane.state.protocol import Json, Resource, Transaction
from controlplane.state.rows import text_if_any
from controlplane.vault import Vault


class Effects:
    """Performs stages. `values` are those of `env:` and `file:` references; `registry_check` says
    what happens to artifacts that cannot be pulled."""

    def __init__(
        self, vault: Vault, values: Mapping[str, str], registry_check: str = "throw"
    ) -> None:
        self._vault, self._values, self._registry_check = vault, values, registry_check

    def perform(self, changes: Changes, stage: Stage) -> None:
        """Raises Conflict when the resource is not as it was when this was planned."""
        known = changes.tx.get(stage.address, deleted=True)
        before = None if known is None else known.spec
        if text_if_any(before) != text_if_any(stage.before):
            raise Conflict(f"{stage.address} has changed since the plan: plan again")
        if known is not None and known.exists and known.protected and _destroys(stage):
            raise Conflict(f"{stage.address} is protected")
        stays = stage.action != REPLACE and text_if_any(stage.after) == text_if_any(before)
        if known is not None and stage.after is not None and stays:
            # It stays as it is; what changes is who manages it, or that it is protected.
            applied = known.applied if stage.action in (PROTECT, UNPROTECT) else known.spec
            kept = known._replace(applied=applied, protected=stage.protected)
            changes.put(kept._replace(updated=changes.tx.now), UPDATED)
        elif stage.after is not None:
            self._put(changes, stage, stage.after, known)
        elif known is not None:
            changes.forget(known)

    def _put(self, changes: Changes, stage: Stage, spec: Json, known: Resource | None) -> None:
        tx, kind = changes.tx, kind_of(changes.kinds, stage.address)
        old = None if stage.action in (CREATE, REPLACE) else known
        if old is None and known is not None:
            tx.purge(stage.address)  # with the secrets of what it replaces
        before, seen = ({}, {}) if old is None else (old.spec or {}, old.status)
        replaced = known.status if old is None and known is not None else {}
        values = self._secrets(changes, stage, spec, before)
        uid = str(uuid4()) if old is None else old.uid
        making = Making(
            stage.address, uid, spec, seen, values, tx.now, tx, replaced, self._registry_check
        )
        made = Resource(
            stage.address,
            uid,
            spec,
            spec,
            kind.status(making),
            stage.protected,
            0,
            tx.now if old is None else old.created,
            tx.now,
        )
        changes.put(made, CREATED if old is None else UPDATED)

    def _secrets(self, changes: Changes, stage: Stage, spec: Json, before: Json) -> dict[str, str]:
        """The values of those secrets of a resource that change, by path; what it keeps of them is
        put away."""
        tx, kind = changes.tx, kind_of(changes.kinds, stage.address)
        values = {}
        for path in secretrefs.paths(before, kind.secrets):
            if secretrefs.at(spec, path) is None:
                tx.drop_secret(secret_name(stage.address, path))
        for path in secretrefs.paths(spec, kind.secrets):
            marked = secretrefs.at(spec, path)
            if marked == secretrefs.at(before, path):
                continue
            reference = marked[secretrefs.REFERENCE]
            values[path] = self._value(tx, reference, marked[secretrefs.DIGEST], stage.address)
            if kind.keeps_secrets:
                self._vault.put(tx, secret_name(stage.address, path), values[path])
        return values

    def _value(self, tx: Transaction, reference: str, digest: str, address: str) -> str:
        kind, name = secretrefs.parse(reference) or ("", "")
        if kind == secretrefs.STORE:
            stored = f"{secretrefs.STORE_KIND}.{name}"
            return self._vault.get(tx, secret_name(stored, "value"))
        if reference not in self._values:
            raise InvalidRequest(f"{address}: the value of {reference} is needed to apply this")
        if self._vault.digest(self._values[reference]) != digest:
            raise Conflict(f"{address}: {reference} has another value than when this was planned")
        return self._values[reference]


def secret_name(address: str, path: str) -> str:
    """Under which name the secret of a resource is kept; it goes when the resource goes."""
    return f"{address}#{path}"


def _destroys(stage: Stage) -> bool:
    return stage.action in (DELETE, REPLACE)
