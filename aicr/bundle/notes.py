"""What a user should know of a bundle: what has no effect, what is missing, what it takes along."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from aicr.bundle import scheduling
from aicr.bundle.deployers import PLACEHOLDER_REPO, READ_A_REPOSITORY
from aicr.bundle.options import Options
from aicr.bundle.selection import Selection
from aicr.bundle.settings import Setting, enabled
from aicr.catalog import Catalog
from aicr.criteria import ANY
from aicr.diagnostics import did_you_mean, hinted
from aicr.errors import InvalidRequest
from aicr.resolve import COMPONENT_KEYS
from aicr.sources import ROOT

_SHORT = 4


def notes_of(
    catalog: Catalog, recipe: Mapping[str, Any], selection: Selection, options: Options
) -> Iterator[str]:
    """One sentence each. Raises InvalidRequest where the registry calls it an error."""
    for setting in selection.hidden:
        yield f"{setting} has no effect: other settings name the component otherwise; use one name"
    yield from _unknown_keys(recipe)
    yield from _checks(catalog, recipe, selection.refs, options)
    yield from _dependencies(selection.refs)
    yield from _unread(catalog, selection.refs, options)
    if options.repo and options.deployer not in READ_A_REPOSITORY:
        yield f"--repo has no effect: {options.deployer} reads no repository"
    if options.deployer in READ_A_REPOSITORY and not options.repo:
        yield (
            f"no --repo was given: put your repository in place of {PLACEHOLDER_REPO} "
            "in every file, or make the bundle again with --repo"
        )
    for name in unknown_overlays(catalog, recipe):
        yield f"the recipe was made with overlay {name}, which this catalog does not have (--data)"


def unknown_overlays(catalog: Catalog, recipe: Mapping[str, Any]) -> list[str]:
    """Overlays that went into a recipe and that the catalog does not know."""
    metadata = recipe.get("metadata") or {}
    applied = metadata.get("appliedOverlays") or []
    known = {ROOT, *catalog.overlays}
    return [str(name) for name in applied if name not in known]


def near_miss(setting: Setting, values: Mapping[str, Any]) -> str:
    """A warning about a path that the values almost have, or about a map that is replaced; or ''.

    A chart may read values that nobody has set yet, so a new path alone is no mistake.
    """
    if enabled(setting) is not None:
        return ""
    below: Any = values
    for key in setting.path:
        if not isinstance(below, Mapping):
            return ""
        if key not in below:
            # Short words are near to each other without meaning anything.
            near = did_you_mean(key, below) if len(key) > _SHORT else ""
            return f"{setting}: the values have no such key so far; {near}" if near else ""
        below = below[key]
    if isinstance(below, Mapping) and below and not isinstance(setting.value, Mapping):
        return f"{setting} replaces a map of {len(below)} values"
    return ""


_RECIPE_KEYS = (
    "kind", "apiVersion", "metadata", "criteria", "constraints", "componentRefs",
    "deploymentOrder", "validation",
)  # fmt: skip


def _unknown_keys(recipe: Mapping[str, Any]) -> Iterator[str]:
    """Keys that nothing reads. The real AICR ignores them too, so they are no errors."""
    for key in recipe:
        if key not in _RECIPE_KEYS:
            yield hinted(f"{key} of the recipe has no effect: no such key", key, _RECIPE_KEYS)
    for ref in recipe["componentRefs"]:
        for key in ref:
            if key not in COMPONENT_KEYS:
                text = f"{key} of component {ref['name']} has no effect: no such key"
                yield hinted(text, key, COMPONENT_KEYS)


def _dependencies(refs: list[dict[str, Any]]) -> Iterator[str]:
    names = {ref["name"] for ref in refs}
    for ref in refs:
        missing = [name for name in ref.get("dependencyRefs") or [] if name not in names]
        if missing:
            others = ", ".join(missing)
            yield f"{ref['name']} needs {others}, which must already be in the cluster"


def _unread(catalog: Catalog, refs: Iterable[Mapping[str, Any]], options: Options) -> Iterator[str]:
    """Scheduling options that no component of the bundle has a place for."""
    entries = [catalog.components.get(ref["name"]) or {} for ref in refs]
    read = {flag for entry in entries for flag in scheduling.flags_read(entry)}
    for flag in scheduling.flags_given(options):
        if flag not in read:
            yield f"{flag} has no effect: no component of the bundle reads it"


# Check function of the registry -> the flag whose absence it is about.
_ABOUT = {
    "CheckWorkloadSelectorMissing": ("--workload-selector", "workload_selector"),
    "CheckAcceleratedSelectorMissing": ("--accelerated-node-selector", "accelerated_selector"),
}


def _checks(
    catalog: Catalog, recipe: Mapping[str, Any], kept: list[dict[str, Any]], options: Options
) -> Iterator[str]:
    """What the registry wants said of these components; an error severity raises InvalidRequest."""
    criteria = recipe.get("criteria") or {}
    for ref in kept:
        for check in (catalog.components.get(ref["name"]) or {}).get("validations") or []:
            flag, option = _ABOUT.get(check["function"], ("", ""))
            if not flag or getattr(options, option) or not _applies(check, criteria):
                continue
            text = f"{ref['name']} is enabled but {flag} is not set. {check.get('message') or ''}"
            if (check.get("severity") or "").lower() == "error":
                raise InvalidRequest(f"component validation failed: {text.rstrip()}")
            yield f"Warning: {text.rstrip()}"


def _applies(check: Mapping[str, Any], criteria: Mapping[str, Any]) -> bool:
    conditions = check.get("conditions") or {}
    return all(
        any(value in (ANY, "") or value == criteria.get(key) for value in values)
        for key, values in conditions.items()
    )
