"""Recipe to fully merged Helm values (contract sections 5 and 8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aicr.catalog import Catalog
from aicr.criteria import API_VERSION
from aicr.diagnostics import hinted
from aicr.errors import InvalidRequest
from aicr.merge import VALUES, RuleBook
from aicr.resolve import KIND, Recipe


def values_files(catalog: Catalog, ref: Mapping[str, Any]) -> list[str]:
    """The values files of a component, lowest first.

    No valuesFile, no files. Otherwise the component's own values.yaml (when there is one), what the
    file names as `$base`, and the file itself. Raises InvalidRequest when the file does not exist.
    """
    name = ref.get("valuesFile")
    if not name:
        return []
    if name not in catalog.values:
        text = f'component "{ref["name"]}": values file {name} does not exist'
        raise InvalidRequest(hinted(text, name, catalog.values))
    own = f"components/{ref['name']}/values.yaml"
    chain: list[str] = []
    below: str | None = name
    while below is not None and below not in chain:
        chain.append(below)
        implied = own if own in catalog.values and own not in chain else None
        below = catalog.values[below]["base"] or implied
    return chain[::-1]


def component_values(catalog: Catalog, ref: Mapping[str, Any]) -> dict[str, Any]:
    """The merged values of one component: its files, then the recipe's inline overrides."""
    book = RuleBook(VALUES)
    merged: Any = {}
    for path in values_files(catalog, ref):
        merged = book.merge(merged, catalog.values[path]["values"])
    merged = book.merge(merged, ref.get("overrides") or {})
    result: dict[str, Any] = book.finish(merged)
    return result


def hydrate(catalog: Catalog, recipe: Recipe, version: str) -> dict[str, Any]:
    """The hydrated document that selectors look into."""
    excluded = recipe.excluded or None
    warnings = [e.document() for e in recipe.exclusions] or None
    document: dict[str, Any] = {
        "kind": KIND,
        "apiVersion": API_VERSION,
        "metadata": {
            "version": version,
            "appliedOverlays": list(recipe.applied),
            "excludedOverlays": excluded,
            "constraintWarnings": warnings,
        },
        "criteria": {**recipe.criteria.values, "nodes": recipe.criteria.nodes},
    }
    plain = recipe.document(version)
    if "constraints" in plain:
        document["constraints"] = plain["constraints"]
    document["components"] = {
        ref["name"]: _component(catalog, ref) for ref in plain["componentRefs"]
    }
    document["deploymentOrder"] = list(recipe.order)
    return document


# What of a component the hydrated document shows, besides its values.
SHOWN_KEYS = (
    "name", "type", "source", "namespace", "chart", "version", "tag", "path", "dependencyRefs",
)  # fmt: skip


def _component(catalog: Catalog, ref: Mapping[str, Any]) -> dict[str, Any]:
    shown = {key: ref[key] for key in SHOWN_KEYS if key in ref}
    values = component_values(catalog, ref)
    return {**shown, "values": values} if values else shown
