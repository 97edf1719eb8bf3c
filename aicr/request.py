"""A request: the criteria somebody asks with, from flags, a criteria file or a snapshot.

Contract section 2.2: a snapshot or a criteria file gives the fields, flags override them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from aicr.catalog import Catalog
from aicr.criteria import Criteria, from_document
from aicr.errors import InvalidRequest
from aicr.inputs import read_document
from aicr.resolve import Recipe, resolve

if TYPE_CHECKING:
    from aicr.snapshot import Readings


class Sources(NamedTuple):
    """Where criteria come from, as given: raw text per field, a node count, and documents."""

    given: Mapping[str, str]
    nodes: int = 0
    criteria_file: str | None = None
    snapshot_file: str | None = None
    kubeconfig: str | None = None


def recipe_for(catalog: Catalog, sources: Sources) -> Recipe:
    """The recipe that was asked for; its warnings include those about the inputs themselves.

    Raises InvalidRequest, NotFound or Unavailable when an input cannot be used.
    """
    criteria, snapshot, warnings = read_request(catalog, sources)
    recipe = resolve(catalog, criteria, snapshot)
    return recipe._replace(warnings=(*catalog.warnings, *warnings, *recipe.warnings))


def read_request(catalog: Catalog, sources: Sources) -> tuple[Criteria, Readings | None, list[str]]:
    """Criteria, the snapshot's readings when there is one, and warnings about the inputs."""
    if sources.snapshot_file and sources.criteria_file:
        raise InvalidRequest("--criteria has no effect beside --snapshot: give one of them")
    if sources.kubeconfig and not (sources.snapshot_file or sources.criteria_file):
        raise InvalidRequest("--kubeconfig has no effect: nothing is read from a cm:// address")
    warnings = []
    if sources.nodes < 0:
        warnings.append(f"--nodes {sources.nodes} has no effect: a node count is 1 or more")
    nodes = max(sources.nodes, 0)
    snapshot: Readings | None = None
    if sources.snapshot_file:
        loaded, snapshot, found = _from_snapshot(catalog, sources)
    elif sources.criteria_file:
        loaded, found = _from_file(catalog, sources)
    else:
        return _from_flags(catalog, sources, nodes), None, warnings
    return loaded.override(catalog.fields, sources.given, nodes), snapshot, warnings + found


def _from_flags(catalog: Catalog, sources: Sources, nodes: int) -> Criteria:
    criteria = Criteria.of(catalog.fields, sources.given, nodes)
    if criteria.is_open:
        flags = ", ".join(f"--{name}" for name in (*catalog.fields, "nodes", "criteria"))
        raise InvalidRequest(
            f"no criteria provided: specify at least one of {flags}, "
            "or use --snapshot to load from a snapshot file"
        )
    return criteria


def _from_file(catalog: Catalog, sources: Sources) -> tuple[Criteria, list[str]]:
    name = sources.criteria_file or ""
    document, is_json = read_document(name, "--criteria", sources.kubeconfig)
    criteria, warnings = from_document(catalog.fields, document, name, fold_keys=is_json)
    return criteria, [w.text for w in warnings]


def _from_snapshot(catalog: Catalog, sources: Sources) -> tuple[Criteria, Readings, list[str]]:
    from aicr.snapshot import criteria_of, oddities, readings  # only with a snapshot

    name = sources.snapshot_file or ""
    document, _ = read_document(name, "--snapshot", sources.kubeconfig)
    snapshot = readings(document, name)
    stated = {field for field, text in sources.given.items() if text.strip()}
    found, unknown = criteria_of(snapshot, catalog.fields, name, stated)
    warnings = [*oddities(document, name), *unknown]
    criteria = Criteria.of(catalog.fields, found)
    return criteria, snapshot, [w.text for w in warnings]
