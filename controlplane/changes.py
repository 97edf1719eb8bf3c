"""The one way in which desired state changes: create, update, delete, each with audit and event.

REST handlers call these inside a transaction; stages of a plan come through here too. `observe`
writes what was seen of a resource, which is no change of desired state.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from uuid import uuid4

from aicr.errors import Conflict
from controlplane.kinds import Kinds, kind_of
from controlplane.state.protocol import Actor, Json, Resource, Transaction

CREATED, UPDATED, DELETED, STATUS = "created", "updated", "deleted", "status"


class Changes:
    """Changes of one transaction by one actor."""

    def __init__(
        self, tx: Transaction, kinds: Kinds, actor: Actor, about: Json = MappingProxyType({})
    ) -> None:
        """`about` stands in the audit beside what each change says: for whom it is done."""
        self.tx, self.kinds, self.actor, self._about = tx, kinds, actor, about

    def create(
        self, address: str, spec: Json, status: Json | None = None, *, uid: str = ""
    ) -> Resource:
        """A resource that is not there yet. Raises Conflict when it is.

        A deleted resource that a plan still manages comes back as what was created. `uid` is a new
        UUID; at an address that is named by it nothing can be yet, so nobody looks.
        """
        named_by_it = uid and address.endswith(f".{uid}")
        known = None if named_by_it else self.tx.get(address, deleted=True)
        if known is not None and known.exists:
            raise Conflict(f"{address} exists already")
        applied = None if known is None else known.applied
        protected = known is not None and known.protected
        now = self.tx.now
        made = Resource(
            address, uid or str(uuid4()), spec, applied, status or {}, protected, 0, now, now
        )
        return self._write(made, CREATED, {"spec": spec})

    def update(
        self,
        resource: Resource,
        *,
        spec: Json | None = None,
        status: Json | None = None,
    ) -> Resource:
        """A resource, as it was read, with another spec, another status, or both.

        Raises Conflict when it is not the one that is there: it was read before this transaction.
        """
        known = self.tx.get(resource.address)
        if known is None or known.revision != resource.revision:
            raise Conflict(f"{resource.address} has changed since it was read")
        changed = resource._replace(
            spec=resource.spec if spec is None else spec,
            status=resource.status if status is None else status,
            updated=self.tx.now,
        )
        return self._write(changed, UPDATED, {"spec": changed.spec})

    def delete(self, resource: Resource) -> None:
        """Raises Conflict when the resource is protected.

        One that a plan manages stays known as deleted, so that the next plan can tell.
        """
        if resource.protected:
            raise Conflict(
                f"{resource.address} is protected: aicr state unprotect {resource.address} lifts it"
            )
        if resource.applied is None:
            self.forget(resource)
            return
        self.tx.purge(resource.address)  # its secrets go at once
        gone = resource._replace(spec=None, status={}, updated=self.tx.now)
        self._write(gone, DELETED, {})
        follow_up(self.tx, self.kinds, resource, there=False)

    def forget(self, resource: Resource) -> None:
        """Remove a resource and everything that is known of it."""
        self.tx.purge(resource.address)
        follow_up(self.tx, self.kinds, resource, there=False)
        self._tell(DELETED, resource.address, {})

    def put(self, resource: Resource, type_: str) -> Resource:
        """A resource exactly as given, as a plan wants it."""
        return self._write(resource, type_, {"spec": resource.spec})

    def _write(self, resource: Resource, type_: str, detail: Mapping[str, Any]) -> Resource:
        stored = self.tx.put(resource, lookups(self.kinds, resource))
        self._tell(type_, resource.address, detail)
        if stored.exists:
            follow_up(self.tx, self.kinds, stored, there=True)
        return stored

    def _tell(self, type_: str, address: str, detail: Json) -> None:
        serial = self.tx.advance()
        self.tx.event(type_, address, {"serial": serial})
        self.tx.record(self.actor, type_, address, {**self._about, **detail})


def observe(tx: Transaction, kinds: Kinds, resource: Resource, status: Json) -> Resource:
    """What was seen of a resource: neither audited nor a change of what is wanted."""
    seen = resource._replace(status=status)
    stored = tx.put(seen, lookups(kinds, seen))
    tx.event(STATUS, resource.address, dict(status))
    follow_up(tx, kinds, stored, there=True)
    return stored


def follow_up(tx: Transaction, kinds: Kinds, resource: Resource, *, there: bool) -> None:
    """What a change of a resource does to others, as its kind says."""
    after = kind_of(kinds, resource.address).after
    if after is not None:
        after(tx, kinds, resource, there)


def lookups(kinds: Kinds, resource: Resource) -> tuple[Any, ...]:
    """The lookups of a resource by its kind; a deleted one is not found."""
    if resource.spec is None:
        return ()
    kind = kind_of(kinds, resource.address)
    return tuple(kind.lookups(resource.spec, resource.status))
