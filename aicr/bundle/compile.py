"""Recipe and options to a bundle's components: everything decided, nothing written.

    recipe → enabled components → values (files → overrides → --set → scheduling) → manifests

Every deployer builds its files from the same components.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from aicr import defaults
from aicr.bundle import scheduling
from aicr.bundle.notes import near_miss, notes_of
from aicr.bundle.options import Options
from aicr.bundle.rendering import Rendering, renderer_of
from aicr.bundle.selection import filtered, select
from aicr.bundle.settings import ENABLED, Setting, enabled, put
from aicr.catalog import Catalog
from aicr.diagnostics import hinted
from aicr.errors import InvalidRequest
from aicr.hydrate import component_values


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
    selection = select(catalog, recipe, options)
    notes = list(notes_of(catalog, recipe, selection, options))
    renderer = renderer_of(catalog)
    components = []
    for ref in selection.refs:
        settings = selection.settings.get(ref["name"], [])
        values, said = _values(catalog, ref, settings, options)
        notes += said
        components.append(_component(catalog, renderer, ref, values))
    names = {ref["name"] for ref in selection.refs}
    return Bundle(filtered(recipe, names), tuple(components), options, tuple(notes))


# --------------------------------------------------------------------------- one component


def _component(
    catalog: Catalog, renderer: Rendering, ref: Mapping[str, Any], values: Mapping[str, Any]
) -> Component:
    kustomize = _is_kustomize(ref)
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


def _is_kustomize(ref: Mapping[str, Any]) -> bool:
    return (ref.get("type") or "").lower() == defaults.KUSTOMIZE.lower()


def _values(
    catalog: Catalog, ref: Mapping[str, Any], settings: list[Setting], options: Options
) -> tuple[dict[str, Any], list[str]]:
    """The values of a component, and warnings about settings that look like mistakes."""
    overrides = dict(ref.get("overrides") or {})
    if isinstance(overrides.get(ENABLED), bool):
        del overrides[ENABLED]  # was for us, not for the chart
    values = component_values(catalog, {**ref, "overrides": overrides})
    said = [words for setting in settings if (words := near_miss(setting, values))]
    for setting in settings:
        if enabled(setting) is not None:
            continue
        if _is_kustomize(ref):
            raise InvalidRequest(f"{setting} has no effect: {ref['name']} is a kustomization")
        try:
            values = put(values, setting.path, setting.value)
        except KeyError as e:
            words = f"{e.args[0]} of {ref['name']} is no map"
            raise InvalidRequest(f"{setting} has no effect: {words}") from None
    entry = catalog.components.get(ref["name"]) or {}
    return scheduling.inject(values, entry, options), said


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
        version = component.version.removeprefix("v") or "0.1.0"
        facts = {
            "name": component.name,
            "namespace": component.namespace,
            "version": version,
            "label": f"{component.name}-{version}",
        }
        text = renderer.render(path, values=component.values, component=facts)
        if any(_says_something(line) for line in text.splitlines()):
            manifest = Manifest(name, text.lstrip("\n").rstrip() + "\n")
            if seen.setdefault(manifest.path, path) != path:
                words = f"would both be {component.name}/{manifest.path}"
                raise InvalidRequest(f"manifests {seen[manifest.path]} and {path} {words}")
            yield manifest, path


def _says_something(line: str) -> bool:
    stripped = line.strip()
    return bool(stripped) and not stripped.startswith("#") and stripped != "---"
