"""What a store is: values, and two protocols, so that whoever plans cannot write.

Revisions are opaque to clients: all they may do is hand one back. `serial` counts changes of
desired state, `revision` counts everything that was written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from typing import Any, NamedTuple, Protocol, TypeVar

T = TypeVar("T")
Json = Mapping[str, Any]


class Lookup(NamedTuple):
    """A second way to find a resource: a field of its kind and the value it has there."""

    field: str
    value: str


class Meta(NamedTuple):
    """What identifies a state: a lineage that never changes, and counters that only grow."""

    lineage: str
    serial: int
    revision: int
    # Events up to this revision are gone.
    compacted: int
    # Digest of the last audit entry.
    audit_head: str
    # Digest of the plan that was applied last, to its end or not.
    parent: str
    # How many audit entries there are.
    audit_count: int
    # Fingerprint of the key ring that its secrets are sealed under; empty before there is one.
    ring: str = ""


class Resource(NamedTuple):
    """One thing with an address.

    `spec` is what is wanted of it now; None when it was deleted by another way than a plan, which
    the next plan reports as drift. `applied` is what the last plan wanted; None when no plan ever
    managed it. `status` is what was observed. `uid` is new when a resource is replaced.
    """

    address: str
    uid: str
    spec: Json | None
    applied: Json | None
    status: Json
    protected: bool
    revision: int
    created: str
    updated: str

    @property
    def exists(self) -> bool:
        return self.spec is not None


class Head(NamedTuple):
    """A resource as it was at one revision: equal heads are equal resources."""

    address: str
    revision: int


class Line(NamedTuple):
    """Something that a resource has many of, and that only its own API reads, page by page: its
    place in their order, from 1. Lines go with their resource."""

    address: str
    position: int
    at: str
    data: Json


class Event(NamedTuple):
    """Something that happened: `type` is created, updated, deleted, status, or a word of a plan."""

    revision: int
    type: str
    address: str
    at: str
    data: Json


class Entry(NamedTuple):
    """One line of the audit: who did what, chained to the line before by digest."""

    sequence: int
    at: str
    actor: str
    request_id: str
    action: str
    address: str
    detail: Json
    previous: str
    digest: str


class Lease(NamedTuple):
    """Who may do something alone. `token` grows with every holder; `expires` is Unix seconds."""

    name: str
    holder: str
    token: int
    expires: float
    acquired: str
    purpose: str


class StoredPlan(NamedTuple):
    """A plan and what became of it: planned, applying, applied, failed or interrupted."""

    digest: str
    status: str
    document: str
    created: str
    actor: str
    outcome: Json
    # The fencing token under which it is being applied.
    token: int


class Step(NamedTuple):
    """The journal's line about one stage of a plan: intent, done or not-done."""

    plan: str
    position: int
    address: str
    action: str
    status: str


class Remembered(NamedTuple):
    """An answer that was given for an idempotency key, stored together with its effect."""

    key: str
    fingerprint: str
    status: int
    body: str
    created: str


class Secret(NamedTuple):
    """An encrypted value. `key` names the key of the ring that it is encrypted with."""

    name: str
    key: str
    nonce: bytes
    data: bytes


class Reader(Protocol):
    """Reads one consistent state."""

    def meta(self) -> Meta: ...

    def get(self, address: str, *, deleted: bool = False) -> Resource | None:
        """The resource; one that was deleted and is still known only when asked for."""

    def find(self, kind: str, lookup: Lookup) -> list[Resource]:
        """Resources of a kind by a lookup, in order of address."""

    def heads(self, kind: str, lookup: Lookup) -> list[Head]:
        """As `find`, without what they hold: for those who know it already."""

    def page(self, kind: str, lookup: Lookup, after: str, limit: int) -> list[Resource]:
        """As `find`, those after an address, so many at most: it costs what it gives."""

    def lines(self, address: str, after: int, limit: int) -> list[Line]:
        """Lines of a resource in their order, after a position, so many at most."""

    def resources(self, kind: str = "", *, deleted: bool = False) -> list[Resource]:
        """All resources, or those of a kind, in order of address."""

    def events(self, after: int, limit: int) -> list[Event]: ...

    def audit(self, after: int, limit: int) -> list[Entry]: ...

    def plan(self, digest: str) -> StoredPlan | None: ...

    def plans(self, status: str) -> list[StoredPlan]: ...

    def journal(self, plan: str) -> list[Step]: ...

    def step(self, plan: str, position: int) -> Step | None:
        """One line of a journal."""

    def lease(self, name: str) -> Lease | None: ...

    def secret(self, name: str) -> Secret | None: ...

    def secrets(self) -> list[Secret]: ...

    def remembered(self, key: str) -> Remembered | None: ...


class Transaction(Reader, Protocol):
    """Reads and writes; what it wrote is seen by its own reads, and by nobody when it fails."""

    now: str

    def put(self, resource: Resource, lookups: Iterable[Lookup]) -> Resource:
        """Store a resource under the next revision, which the result carries."""

    def purge(self, address: str) -> None:
        """Remove every trace of a resource, its secrets included."""

    def put_line(self, line: Line) -> None:
        """A line of a resource; one at the same position is replaced."""

    def event(self, type_: str, address: str, data: Json) -> None: ...

    def record(self, actor: Actor, action: str, address: str, detail: Json) -> None:
        """One line of the audit."""

    def advance(self) -> int:
        """Desired state changed: the next serial."""

    def put_meta(self, meta: Meta) -> None: ...

    def put_plan(self, plan: StoredPlan) -> None: ...

    def put_step(self, step: Step) -> None: ...

    def put_lease(self, lease: Lease) -> None: ...

    def put_secret(self, secret: Secret) -> None: ...

    def drop_secret(self, name: str) -> None: ...

    def remember(self, answer: Remembered) -> None: ...

    def forget(self, until: str) -> list[Remembered]:
        """Forget the answers of this time and before; which they were."""

    def compact(self, before: int) -> None:
        """Forget events up to this revision."""


class Actor(NamedTuple):
    """Who does something, and in which request."""

    name: str
    request_id: str = ""


class Store(Protocol):
    """A state store: consistent reads, and writes that are durable when their future is done."""

    def read(self, work: Callable[[Reader], T]) -> T:
        """What `work` makes of one consistent state."""

    def version(self) -> int | None:
        """A number that is another one after every commit, by whomever; None where that is not
        known at once."""

    def submit(self, work: Callable[[Transaction], T]) -> Future[T]:
        """`work` as one transaction; its result comes when it is durable, its exception when it
        had no effect, or when the connection was lost so that nobody knows (which it says)."""

    def write(self, work: Callable[[Transaction], T]) -> T:
        """As `submit`, waiting for it."""

    def check(self) -> list[str]:
        """What is damaged, in words; nothing when the store is sound."""

    def close(self) -> None: ...
