"""Catalog and criteria to a recipe: match, order, merge, check dependencies, fill defaults.

Steps and rules: contract section 3.9. Pure; the catalog is never changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from aicr import defaults
from aicr.catalog import Catalog
from aicr.criteria import API_VERSION, Criteria, matches
from aicr.honour import warnings_of
from aicr.merge import RECIPE, RuleBook
from aicr.order import deployment_order
from aicr.sources import ROOT

if TYPE_CHECKING:
    from aicr.snapshot import Readings

KIND = "RecipeResult"
# How recipes are printed: contract section 3.1. `name`, `type` and `source` always stand.
COMPONENT_KEYS = (
    "name", "namespace", "chart", "type", "source", "version", "tag", "valuesFile", "overrides",
    "patches", "dependencyRefs", "manifestFiles", "path", "cleanup", "expectedResources",
    "healthCheckAsserts",
)  # fmt: skip
_ALWAYS = ("name", "type", "source")
_CONSTRAINT_KEYS = ("name", "value", "severity", "remediation", "unit")
_PHASES = ("readiness", "deployment", "performance", "conformance")
_PHASE_KEYS = ("timeout", "constraints", "checks", "nodeSelection", "infrastructure")


class Exclusion(NamedTuple):
    """An overlay left out because a constraint does not hold on the snapshot; `reason` is worded
    as recipes carry it, `plain` for people."""

    overlay: str
    constraint: str
    expected: str
    actual: str | None
    reason: str
    plain: str

    def document(self) -> dict[str, str]:
        pairs = {
            "overlay": self.overlay,
            "constraint": self.constraint,
            "expected": self.expected,
            "actual": self.actual,
            "reason": self.reason,
        }
        return {k: v for k, v in pairs.items() if v is not None}


class Recipe(NamedTuple):
    """A resolved recipe. `spec` holds constraints, componentRefs (defaults filled in) and
    validation; it is shared between answers and must not be changed."""

    criteria: Criteria
    applied: tuple[str, ...]
    exclusions: tuple[Exclusion, ...]
    warnings: tuple[str, ...]
    spec: Mapping[str, Any]
    order: tuple[str, ...]

    @property
    def messages(self) -> list[str]:
        """What a user should be told: exclusions, then warnings (a document has both by itself)."""
        told = [
            f"{'overlay' if len(names) == 1 else 'overlays'} left out: {', '.join(names)}: {why}"
            for why, names in self.left_out.items()
        ]
        return [*told, *self.warnings]

    @property
    def left_out(self) -> dict[str, list[str]]:
        """Why overlays are excluded, once per constraint that does not hold, and which."""
        found: dict[str, list[str]] = {}
        for e in self.exclusions:
            found.setdefault(f"{e.constraint} {e.plain}", []).append(e.overlay)
        return found

    @property
    def excluded(self) -> list[str]:
        return list(dict.fromkeys(e.overlay for e in self.exclusions))

    def document(self, version: str) -> dict[str, Any]:
        """The RecipeResult of contract section 7, keys in its order."""
        metadata: dict[str, Any] = {"version": version, "appliedOverlays": list(self.applied)}
        if self.exclusions:
            metadata["excludedOverlays"] = self.excluded
            metadata["constraintWarnings"] = [e.document() for e in self.exclusions]
        if self.warnings:
            metadata["warnings"] = list(self.warnings)
        result: dict[str, Any] = {
            "kind": KIND,
            "apiVersion": API_VERSION,
            "metadata": metadata,
            "criteria": self.criteria.document(),
        }
        if self.spec.get("constraints"):
            result["constraints"] = [
                _ordered(c, _CONSTRAINT_KEYS, ("name", "value")) for c in self.spec["constraints"]
            ]
        refs = self.spec.get("componentRefs", [])
        result["componentRefs"] = [_ordered(c, COMPONENT_KEYS, _ALWAYS) for c in refs]
        result["deploymentOrder"] = list(self.order)
        phases = self.spec.get("validation", {})
        if phases:
            result["validation"] = {
                p: _ordered(phases[p], _PHASE_KEYS, ()) for p in _PHASES if p in phases
            }
        return result


def resolve(catalog: Catalog, criteria: Criteria, snapshot: Readings | None = None) -> Recipe:
    """The recipe for the criteria; with a snapshot, overlays whose constraints fail are left out.

    Raises InvalidRequest on unknown dependencies and dependency cycles.
    """
    matched = [r for r in catalog.overlays.values() if matches(r["criteria"], criteria)]
    exclusions: tuple[Exclusion, ...] = ()
    if snapshot is not None:
        exclusions = tuple(_exclusions(catalog, matched, snapshot))
        out = {e.overlay for e in exclusions}
        matched = [r for r in matched if r["name"] not in out]
    applied = applied_names(matched)
    spec, order = _build(catalog, applied)
    excluded = [e.overlay for e in exclusions]
    warnings = (
        *_missing_files(catalog, spec),
        *warnings_of(catalog, criteria, applied, excluded),
    )
    return Recipe(criteria, applied, exclusions, warnings, spec, order)


def _missing_files(catalog: Catalog, spec: Mapping[str, Any]) -> Iterable[str]:
    """Values files that components name and the catalog does not have: no bundle can be made."""
    for ref in spec["componentRefs"]:
        path = ref.get("valuesFile")
        if path and path not in catalog.values:
            yield f"component {ref['name']}: values file {path} does not exist"


def applied_names(matched: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """The overlays to merge, in order: each match brings its parents, everything once."""
    names = dict.fromkeys(name for record in matched for name in record["chain"])
    return (ROOT, *names)


def layers_of(catalog: Catalog, applied: Sequence[str]) -> list[Mapping[str, Any]]:
    """The layers that merge, lowest first: of each overlay its mixins, then its own body."""
    records = [catalog.base if name == ROOT else catalog.overlays[name] for name in applied]
    return [layer for record in records for layer in record["layers"]]


@lru_cache(maxsize=4096)
def _build(catalog: Catalog, applied: tuple[str, ...]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Merged spec and deployment order. A few dozen distinct answers serve every request."""
    specs = [layer["spec"] for layer in layers_of(catalog, applied)]
    spec = merge_layers(RuleBook(RECIPE), [*floor(applied), *specs])
    order = deployment_order(spec.get("componentRefs", []))
    refs = [defaults.fill(c, catalog.components) for c in spec.get("componentRefs", [])]
    return {**spec, "componentRefs": refs}, order


def floor(applied: Sequence[str]) -> list[dict[str, Any]]:
    """What lies below the root: empty lists, over which everything merges in sorted order. Without
    any overlay there is no floor, and the root keeps the order it was written in."""
    return [{"constraints": [], "componentRefs": []}] if len(applied) > 1 else []


def merge_layers(book: RuleBook, specs: Iterable[Any]) -> dict[str, Any]:
    """All layers merged, directives carried out."""
    merged: Any = {}
    for spec in specs:
        merged = book.merge(merged, spec)
    result: dict[str, Any] = book.finish(merged)
    return result


# --------------------------------------------------------------------------- constraints


def _exclusions(
    catalog: Catalog, matched: Iterable[Mapping[str, Any]], snapshot: Readings
) -> Iterable[Exclusion]:
    """What the snapshot rules out. An overlay is judged by the constraints it stands for: its own
    and those of its parents that it does not restate. A child of an excluded match is excluded
    too (upstream merges the excluded parent all the same, contract section 18 item 8)."""
    failed: dict[str, Exclusion] = {}
    for record in matched:
        own = list(_failures(catalog, record, snapshot))
        parent = next((failed[p] for p in record["chain"][:-1] if p in failed), None)
        if not own and parent is not None:
            own = [
                Exclusion(
                    record["name"],
                    parent.constraint,
                    parent.expected,
                    parent.actual,
                    f"parent overlay {parent.overlay} is excluded: {parent.reason}",
                    parent.plain,
                )
            ]
        if own:
            failed[record["name"]] = own[0]
        yield from own


def _failures(
    catalog: Catalog, record: Mapping[str, Any], snapshot: Readings
) -> Iterable[Exclusion]:
    from aicr import constraints  # only with a snapshot

    layers = [layer for name in record["chain"] for layer in catalog.overlays[name]["layers"]]
    spec = merge_layers(RuleBook(RECIPE), [layer["spec"] for layer in layers])
    for constraint in spec.get("constraints", []):
        outcome = constraints.check(constraint["name"], constraint["value"], snapshot)
        if not outcome.passed:
            yield Exclusion(
                record["name"],
                constraint["name"],
                outcome.expected,
                outcome.actual,
                outcome.reason,
                outcome.plain,
            )


def _ordered(
    source: Mapping[str, Any], keys: Iterable[str], always: Iterable[str]
) -> dict[str, Any]:
    """The keys in print order; empty ones are left out unless they always stand."""
    return {
        k: source.get(k) if source.get(k) is not None else ""
        for k in keys
        if k in always or source.get(k) not in (None, "", [], {}, False)
    }
