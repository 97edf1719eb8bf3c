"""Recipe and options to a bundle's components: everything decided, nothing written.

    recipe → enabled components → values (files → overrides → --set → scheduling) → manifests

Every deployer builds its files from the same components.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from aicr import defaults
from aicr.bundle import scheduling
from aicr.bundle.options import Options
from aicr.bundle.render import Rendering, renderer_of
from aicr.bundle.settings import ENABLED, Setting, enabled, groups, put
from aicr.catalog import Catalog
from aicr.criteria import ANY
from aicr.diagnostics import hinted
from aicr.errors import InvalidRequest
from aicr.hydrate import component_values

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?\Z")
_NAME_LENGTH = 100
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\Z")


class Manifest(NamedTuple):
    """A rendered manifest: its file name and text."""

    name: str
    text: str

    @property
    def kustomization(self) -> bool:
        """Whether it is for `kubectl apply -k`: a reference to manifests kept elsewhere."""
        return any(line == "kind: Kustomization" for line in self.text.splitlines())

    @property
    def path(self) -> str:
        """Where it lies in its component's directory."""
        if self.kustomization:
            return f"kustomize/{self.name.rsplit('.', 1)[0]}/kustomization.yaml"
        return f"manifests/{self.name}"


class Component(NamedTuple):
    """One thing to deploy. `chart` and `source` are empty when it is manifests only."""

    name: str
    namespace: str
    chart: str
    source: str
    version: str
    tag: str
    path: str
    kustomize: bool
    values: Mapping[str, Any]
    manifests: tuple[Manifest, ...]
    stated: tuple[Manifest, ...]  # what the chart makes of the values: to be read, never applied

    @property
    def oci(self) -> bool:
        return self.source.startswith("oci://")

    @property
    def has_chart(self) -> bool:
        return bool(self.source) and not self.kustomize

    def facts(self) -> dict[str, Any]:
        """What templates may say of it, as plain data."""
        shown = ("name", "namespace", "chart", "source", "version", "tag", "kustomize")
        plain = {key: getattr(self, key) for key in shown}
        return {**plain, "oci": self.oci, "has_chart": self.has_chart}


class Bundle(NamedTuple):
    """A compiled bundle: the recipe as filtered, its components in deployment order, and notes."""

    recipe: Mapping[str, Any]
    components: tuple[Component, ...]
    options: Options
    notes: tuple[str, ...]


def compile_bundle(catalog: Catalog, recipe: Mapping[str, Any], options: Options) -> Bundle:
    """The bundle of a recipe (checked by aicr.recipefile).

    Raises InvalidRequest: nothing to deploy, a setting that hits nothing, a name that is no name, a
    missing values file or manifest.
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
    kept = [ref for ref in there if ref["name"] in chosen]
    _check_dropped(settings, chosen, "is not among --bundlers")
    notes = [f"{s} has no effect: {s.component} is also named otherwise" for s in hidden]
    notes += _checks(catalog, recipe, kept, options)
    renderer = renderer_of(catalog)
    ordered = _ordered(kept, recipe.get("deploymentOrder") or [])
    components = tuple(
        _component(catalog, renderer, ref, settings.get(ref["name"], []), options)
        for ref in ordered
    )
    return Bundle(_filtered(recipe, kept), components, options, tuple(notes))


# --------------------------------------------------------------------------- which components


def _override_keys(catalog: Catalog, name: str) -> list[str]:
    keys: list[str] = (catalog.components.get(name) or {}).get("valueOverrideKeys") or []
    return keys


def _check_names(ref: Mapping[str, Any]) -> None:
    name = ref["name"]
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
            f"{twice[0]}: {twice[0].component} is also named otherwise in the file"
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


def _filtered(recipe: Mapping[str, Any], kept: list[dict[str, Any]]) -> dict[str, Any]:
    """The recipe as it was handed in, less the components that are not deployed."""
    names = {ref["name"] for ref in kept}
    refs = [ref for ref in recipe["componentRefs"] if ref["name"] in names]
    result = {**recipe, "componentRefs": refs}
    if "deploymentOrder" in recipe:
        dropped = {ref["name"] for ref in recipe["componentRefs"]} - names
        result["deploymentOrder"] = [n for n in recipe["deploymentOrder"] or [] if n not in dropped]
    return result


# --------------------------------------------------------------------------- one component


def _component(
    catalog: Catalog,
    renderer: Rendering,
    ref: Mapping[str, Any],
    settings: list[Setting],
    options: Options,
) -> Component:
    kustomize = (ref.get("type") or "").lower() == defaults.KUSTOMIZE.lower()
    values = _values(catalog, ref, settings, options)
    component = Component(
        name=ref["name"],
        namespace=ref.get("namespace") or "",
        chart=ref.get("chart") or ref["name"],
        source=ref.get("source") or "",
        version=ref.get("version") or "",
        tag=ref.get("tag") or "",
        path=ref.get("path") or "",
        kustomize=kustomize,
        values=values,
        manifests=(),
        stated=(),
    )
    paths = ref.get("manifestFiles") or []
    manifests = list(
        _manifests(catalog, renderer, [*paths, *_stated(catalog, component)], component)
    )
    return component._replace(
        manifests=tuple(m for m, path in manifests if path in paths),
        stated=tuple(m for m, path in manifests if path not in paths),
    )


def _stated(catalog: Catalog, component: Component) -> list[str]:
    """Templates of what a chart makes of its values; known of the chart that the registry names."""
    entry = catalog.components.get(component.name) or {}
    known = (entry.get("helm") or {}).get("defaultRepository")
    found: list[str] = entry.get("statedManifests") or []
    return found if component.has_chart and component.source == known else []


def _values(
    catalog: Catalog, ref: Mapping[str, Any], settings: list[Setting], options: Options
) -> dict[str, Any]:
    overrides = dict(ref.get("overrides") or {})
    if isinstance(overrides.get(ENABLED), bool):
        del overrides[ENABLED]  # was for us, not for the chart
    values = component_values(catalog, {**ref, "overrides": overrides})
    for setting in settings:
        if enabled(setting) is None:
            try:
                values = put(values, setting.path, setting.value)
            except KeyError as e:
                raise InvalidRequest(
                    f"{setting} has no effect: {e.args[0]} of {ref['name']} is no map"
                ) from None
    entry = catalog.components.get(ref["name"]) or {}
    return scheduling.inject(values, entry, options)


def _manifests(
    catalog: Catalog, renderer: Rendering, paths: Iterable[str], component: Component
) -> Iterator[tuple[Manifest, str]]:
    """The manifests that say something, each with the path of its template."""
    seen: dict[str, str] = {}
    for path in paths:
        if path not in catalog.templates:
            text = f"manifest {path} of component {component.name} does not exist"
            raise InvalidRequest(hinted(text, path, catalog.templates))
        name = path.rsplit("/", 1)[-1]
        if seen.setdefault(name, path) != path:
            raise InvalidRequest(f"manifests {seen[name]} and {path} have the same file name")
        version = component.version.removeprefix("v") or "0.1.0"
        facts = {
            "name": component.name,
            "namespace": component.namespace,
            "version": version,
            "label": f"{component.name}-{version}",
        }
        text = renderer.render(path, values=component.values, component=facts)
        if any(_says_something(line) for line in text.splitlines()):
            yield Manifest(name, text.lstrip("\n").rstrip() + "\n"), path


def _says_something(line: str) -> bool:
    stripped = line.strip()
    return bool(stripped) and not stripped.startswith("#") and stripped != "---"


# --------------------------------------------------------------------------- registry checks

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
