"""What kinds of resources there are, as data: the engine knows nothing else about any of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from pydantic import BaseModel

from aicr.errors import Conflict
from controlplane.address import parse
from controlplane.queue.protocol import Load
from controlplane.runtime.protocol import Instance
from controlplane.runtime.workload import Workload
from controlplane.state.protocol import Lookup, Reader, Resource, Transaction

Spec = Mapping[str, Any]


def _no_lookups(spec: Spec, status: Spec) -> Iterable[Lookup]:
    return ()


class Making(NamedTuple):
    """What a plan knows when it makes or changes a resource: its spec, its status before ({} when
    it is new), the values of those of its secrets that change, by path, the time, and a reader of
    the state as it is in this transaction. `uid` is new when the resource is."""

    address: str
    uid: str
    spec: Spec
    before: Spec
    secrets: Mapping[str, str]
    now: str
    reader: Reader
    # The status of what this replaces; {} when nothing is replaced.
    replaced: Spec = MappingProxyType({})
    # What happens to artifacts that the account cannot pull: throw or log.
    registry_check: str = "throw"


def _same_status(making: Making) -> Spec:
    return making.before


class Look(NamedTuple):
    """A resource as the reconciler finds it: what is wanted and was observed of it, the load at its
    door, the time in Unix seconds, what `scale` said of it last, and a reader of the same state."""

    spec: Spec
    status: Spec
    load: Load
    now: float
    memory: Any
    reader: Any


class Waiting(NamedTuple):
    """What a kind whose resources wait for something knows before a pass: a reader, the time in
    Unix seconds, the instances that run (of whatever kind), and what it remembered last time."""

    reader: Reader
    now: float
    running: tuple[Instance, ...]
    memory: Any


class Admitted(NamedTuple):
    """Resources with the statuses that they have from now on, and what to remember."""

    changes: list[tuple[Resource, Spec]]
    memory: Any


Admit = Callable[[Waiting], Admitted]


class Observation(NamedTuple):
    """What the reconciler saw of a resource: its spec and status, and of each instance that should
    run its name, id, state and reason. `report` is what its instances say of themselves, `memory`
    what `scale` said."""

    spec: Spec
    status: Spec
    instances: tuple[Spec, ...]
    now: str
    report: Spec = MappingProxyType({})
    memory: Any = None


class Kind(NamedTuple):
    """A kind of resource.

    Paths are dotted keys of the spec. `immutable` paths force a replacement when they change, but
    for what `mutable` patterns (of fnmatch) name below them; `references` name the kind whose
    resource a path names (text, or a list of texts); `secrets` hold references to secret values
    (`a.*`: every entry of a map); at `recipe` stand AICR criteria, whose compiled stack becomes
    part of the desired state. `lookups` are found in the store without reading every resource.
    """

    path: str
    model: type[BaseModel]
    summary: str
    immutable: frozenset[str] = frozenset()
    references: Mapping[str, str] = {}
    secrets: frozenset[str] = frozenset()
    recipe: str = ""
    lookups: Callable[[Spec, Spec], Iterable[Lookup]] = _no_lookups
    # The status that a plan gives a resource.
    status: Callable[[Making], Spec] = _same_status
    # Whether the values of `secrets` are kept, encrypted; else only what `status` makes of them.
    keeps_secrets: bool = True
    # What the reconciler should keep running, by name; None: nothing runs.
    instances: Callable[[Look], Mapping[str, Workload]] | None = None
    # Where only some can have something running: how those are found among many that have ended.
    live: Lookup | None = None
    # Who of those that wait goes on, before every pass.
    admit: Admit | None = None
    # What to remember of a resource until the next pass; `instances` sees it as `memory`.
    scale: Callable[[Look], Any] | None = None
    # Whether a resource has ended, so that it goes.
    over: Callable[[Look], bool] | None = None
    mutable: frozenset[str] = frozenset()
    # References whose replacement replaces this resource, too.
    follows: frozenset[str] = frozenset()
    # The status after the reconciler looked; None: its own phases.
    observed: Callable[[Observation], Spec] | None = None
    # What a change of a resource of this kind does to others, in the same transaction: called with
    # the transaction, all kinds, the resource, and whether it is there now.
    after: Callable[[Transaction, Mapping[str, Kind], Resource, bool], None] | None = None


Kinds = Mapping[str, Kind]


def kind_of(kinds: Kinds, where: str) -> Kind:
    """The kind of the resource at an address. Raises Conflict when this program does not know it: a
    newer one made the resource."""
    path = parse(where).kind
    if path not in kinds:
        raise Conflict(
            f"{where}: this aicr knows no kind {path}, so that a newer one must have made it: "
            "upgrade aicr"
        )
    return kinds[path]


def table(*kinds: Kind) -> dict[str, Kind]:
    """Kinds by path."""
    return {kind.path: kind for kind in kinds}
