"""Which components of a recipe are deployed, in which order, and what is set of each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from aicr import defaults
from aicr.bundle.options import Options
from aicr.bundle.settings import ENABLED, Setting, enabled, groups
from aicr.catalog import Catalog
from aicr.diagnostics import hinted
from aicr.errors import InvalidRequest

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?\Z")
_NAME_LENGTH = 100
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\Z")
# Directories of a bundle that are no component's.
_RESERVED = ("attestation", "data")


class Selection(NamedTuple):
    """Component references with the registry's defaults, in deployment order."""

    refs: list[dict[str, Any]]
    settings: Mapping[str, list[Setting]]  # by component name, lowest first
    hidden: list[Setting]  # of another spelling of a component, and so without effect


def select(catalog: Catalog, recipe: Mapping[str, Any], options: Options) -> Selection:
    """What is deployed of a recipe.

    Raises InvalidRequest: nothing at all, a name that is no name, a setting or a bundler that hits
    nothing.
    """
    refs = [defaults.fill(ref, catalog.components) for ref in recipe["componentRefs"]]
    if not refs:
        raise InvalidRequest("recipe must contain at least one component reference")
    keys = {r["name"]: _override_keys(catalog, r["name"]) for r in refs}
    for ref in refs:
        _check_names(ref)
    settings, hidden = _settings(options, keys)
    there = [ref for ref in refs if _is_enabled(ref, settings.get(ref["name"], []))]
    if not there:
        raise InvalidRequest("recipe has no enabled components after filtering")
    _check_dropped(settings, {ref["name"] for ref in there}, "is disabled")
    chosen = _chosen(options.bundlers, {ref["name"]: keys[ref["name"]] for ref in there})
    _check_dropped(settings, chosen, "is not among --bundlers")
    kept = [ref for ref in there if ref["name"] in chosen]
    return Selection(_ordered(kept, recipe.get("deploymentOrder") or []), settings, hidden)


def filtered(recipe: Mapping[str, Any], names: set[str]) -> dict[str, Any]:
    """The recipe as it was handed in, less the components that are not deployed."""
    refs = [ref for ref in recipe["componentRefs"] if ref["name"] in names]
    result = {**recipe, "componentRefs": refs}
    if "deploymentOrder" in recipe:
        dropped = {ref["name"] for ref in recipe["componentRefs"]} - names
        result["deploymentOrder"] = [n for n in recipe["deploymentOrder"] or [] if n not in dropped]
    return result


def _override_keys(catalog: Catalog, name: str) -> list[str]:
    keys: list[str] = (catalog.components.get(name) or {}).get("valueOverrideKeys") or []
    return keys


def _check_names(ref: Mapping[str, Any]) -> None:
    name = ref["name"]
    if name in _RESERVED:
        raise InvalidRequest(
            f'invalid component name "{name}": bundles have a directory of that name'
        )
    if not _NAME.match(name) or ".." in name or len(name) > _NAME_LENGTH:
        raise InvalidRequest(
            f'invalid component name "{name}": must be lower-case letters, digits, "-" and ".", '
            "without path separators or parent directory references"
        )
    namespace = ref.get("namespace") or ""
    if namespace and not _NAMESPACE.match(namespace):
        raise InvalidRequest(f'component {name}: invalid namespace "{namespace}"')
    for key in ("chart", "source", "version", "tag", "path"):
        value = ref.get(key) or ""
        if any(ord(c) < 32 or c == "\x7f" for c in value) or value.startswith("-"):
            raise InvalidRequest(f"component {name}: invalid {key} {value!r}")


def _settings(
    options: Options, keys: Mapping[str, list[str]]
) -> tuple[dict[str, list[Setting]], list[Setting]]:
    """What is set of each component, lowest first: values files, then flags. And what is hidden."""
    _check_settings((*options.values, *options.settings), keys)
    below, twice = groups(options.values, keys)
    if twice:
        raise InvalidRequest(
            f"{twice[0]}: the file names the component twice, by its name and by a short key"
        )
    above, hidden = groups(options.settings, keys)
    both = {name: below.get(name, []) + above.get(name, []) for name in {**below, **above}}
    return both, hidden


def _check_settings(settings: Iterable[Setting], keys: Mapping[str, list[str]]) -> None:
    words = {*keys, *(key for named in keys.values() for key in named)}
    for setting in settings:
        if setting.component not in words:
            text = f"{setting} has no effect: the recipe has no component {setting.component!r}"
            raise InvalidRequest(hinted(text, setting.component, words))


def _is_enabled(ref: Mapping[str, Any], settings: list[Setting]) -> bool:
    said = [value for s in settings if (value := enabled(s)) is not None]
    if said:
        return said[-1]
    return (ref.get("overrides") or {}).get(ENABLED) is not False


def _chosen(bundlers: tuple[str, ...], keys: Mapping[str, list[str]]) -> set[str]:
    """The names of the components that --bundlers asks for by name or override key; none is all."""
    names = {word: name for name, named in keys.items() for word in (*named, name)}
    for word in bundlers:
        if word not in names:
            text = f"--bundlers {word!r} has no effect: no such component is deployed"
            raise InvalidRequest(hinted(text, word, names))
    return {names[word] for word in bundlers} or set(keys)


def _check_dropped(settings: Mapping[str, list[Setting]], kept: set[str], why: str) -> None:
    for name, group in settings.items():
        for setting in group:
            if name not in kept and enabled(setting) is None:
                raise InvalidRequest(f"{setting} has no effect: component {name} {why}")


def _ordered(refs: list[dict[str, Any]], order: list[str]) -> list[dict[str, Any]]:
    """In deployment order, what it does not name after it; without an order, as listed."""
    if not order:
        return refs
    places = {name: i for i, name in enumerate(order)}
    return sorted(refs, key=lambda r: (places.get(r["name"], len(places)), r["name"]))
