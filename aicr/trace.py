"""Where every value comes from: the merge of aicr.resolve and aicr.hydrate, run over leaves that
remember their origin and what they replaced.

The rules are the same tables, walked by the same code; only leaves differ. That is why a history
cannot disagree with the value it explains.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from aicr import defaults
from aicr.catalog import Catalog
from aicr.hydrate import SHOWN_KEYS, hydrate, values_files
from aicr.merge import RECIPE, VALUES, RuleBook
from aicr.positions import Positions, place_of, unmark
from aicr.resolve import Recipe, floor, merge_layers
from aicr.sources import ROOT


class Origin(NamedTuple):
    """The layer that set a value, and the place in its file (line 0: computed, no file)."""

    layer: str
    file: str
    line: int
    column: int


class Entry(NamedTuple):
    """One value a leaf has had, and who set it."""

    value: Any
    origin: Origin


class Leaf(NamedTuple):
    """A value with its history, oldest first; the last entry is the value itself."""

    history: tuple[Entry, ...]

    @property
    def value(self) -> Any:
        return self.history[-1].value


def traced(catalog: Catalog, recipe: Recipe, version: str) -> dict[str, Any]:
    """The hydrated document with a Leaf for every scalar and every empty list or map.

    Beside what selectors see, it shows `valuesFile`, `manifestFiles` and `validation`.
    """
    spec = _traced_spec(catalog, recipe)
    document = {
        key: _computed(value, _HOW[key])
        for key, value in hydrate(catalog, recipe, version).items()
        if key in _HOW
    }
    if spec.get("constraints"):
        document["constraints"] = spec["constraints"]
    document["components"] = {
        value_of(ref["name"]): _component(catalog, ref) for ref in spec.get("componentRefs", [])
    }
    if spec.get("validation"):
        document["validation"] = spec["validation"]
    return document


_HOW = {
    "kind": "the program",
    "apiVersion": "the program",
    "metadata": "the overlays that match",
    "criteria": "the request",
    "deploymentOrder": "the dependencies of all components",
}


def leaves(
    tree: Any, path: tuple[str | int, ...] = ()
) -> Iterator[tuple[tuple[str | int, ...], Leaf]]:
    """Every leaf below a node with its path, in document order."""
    if isinstance(tree, Leaf):
        yield path, tree
        return
    items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, value in items:
        yield from leaves(value, (*path, key))


def value_of(leaf: Any) -> Any:
    """The plain value of a leaf; anything else is already plain."""
    return leaf.value if isinstance(leaf, Leaf) else leaf


def plain(tree: Any) -> Any:
    """A traced tree as plain JSON."""
    if isinstance(tree, dict):
        return {key: plain(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [plain(value) for value in tree]
    return value_of(tree)


def supersede(base: Any, nxt: Any) -> Any:
    """`nxt` in place of `base`: every leaf of it remembers what stood there."""
    if isinstance(nxt, Leaf):
        return Leaf((*_history(base), *nxt.history))
    if isinstance(nxt, dict):
        return {key: _supersede_part(base, key, value) for key, value in nxt.items()}
    if isinstance(nxt, list):
        return [_supersede_part(base, i, value) for i, value in enumerate(nxt)]
    return nxt


def _supersede_part(base: Any, key: str | int, value: Any) -> Any:
    """One part of a map or list in place of `base`: of the same part of it, where it has one."""
    if isinstance(base, Leaf):
        return supersede(base, value)
    if isinstance(base, dict):
        return supersede(base[key], value) if key in base else value
    inside = isinstance(base, list) and isinstance(key, int) and key < len(base)
    return supersede(base[key], value) if inside else value


def _history(tree: Any) -> tuple[Entry, ...]:
    if isinstance(tree, Leaf):
        return tree.history
    first = next((leaf for _, leaf in leaves(tree)), None)
    return () if first is None else (Entry(plain(tree), first.history[-1].origin),)


def _annotate(catalog: Catalog, value: Any, where: Positions, layer: str, file: str) -> Any:
    """The value with a Leaf at every scalar and empty container. A position of the form
    [file, mark] stands for a mixin parameter, stated in another file."""
    if isinstance(value, dict) and value:
        places = where[1]
        return {k: _annotate(catalog, v, places[k], layer, file) for k, v in value.items()}
    if isinstance(value, list) and value:
        pairs = zip(value, where[1], strict=True)
        return [_annotate(catalog, v, p, layer, file) for v, p in pairs]
    if isinstance(where, list):
        file, where = where if isinstance(where[0], str) else (file, where[0])
    return Leaf((Entry(value, Origin(layer, catalog.shown(file), *unmark(where))),))


def _computed(value: Any, how: str) -> Any:
    if isinstance(value, dict) and value:
        return {k: _computed(v, how) for k, v in value.items()}
    if isinstance(value, list) and value:
        return [_computed(v, how) for v in value]
    return Leaf((Entry(value, Origin(f"computed from {how}", "", 0, 0)),))


def _traced_spec(catalog: Catalog, recipe: Recipe) -> dict[str, Any]:
    specs: list[Any] = floor(recipe.applied)
    for name in recipe.applied:
        record = catalog.base if name == ROOT else catalog.overlays[name]
        places = catalog.origins["layers"][name]
        for layer, positions in zip(record["layers"], places, strict=True):
            label, file = layer["label"], layer["file"]
            specs.append(_annotate(catalog, layer["spec"], positions, label, file))
    return merge_layers(RuleBook(RECIPE, supersede, value_of), specs)


def _component(catalog: Catalog, ref: Mapping[str, Any]) -> dict[str, Any]:
    stated = plain(ref)
    filled: dict[str, Any] = {**ref, **_defaults(catalog, stated)}
    for key in ("type", "source"):
        if key not in filled:
            filled[key] = _computed("", "nothing: no layer states it")
    keys = (*SHOWN_KEYS, "valuesFile", "manifestFiles")
    always = ("type", "source")
    shown = {k: filled[k] for k in keys if k in always or plain(filled.get(k))}
    values = _values(catalog, stated, ref.get("overrides"))
    return {**shown, "values": values} if plain(values) else shown


def _defaults(catalog: Catalog, ref: Mapping[str, Any]) -> dict[str, Leaf]:
    found = defaults.defaults_of(ref, catalog.components)
    if not found:
        return {}
    file, where = catalog.origins["components"][ref["name"]]
    kind = ref.get("type") or found.get("type", "")
    result = {}
    for key, value in found.items():
        path = () if key == "type" else defaults.default_key(kind, key)
        place = place_of(where, path)
        origin = Origin("registry default", catalog.shown(file), *place)
        result[key] = Leaf((Entry(value, origin),))
    return result


def _values(catalog: Catalog, ref: Mapping[str, Any], overrides: Any) -> Any:
    book = RuleBook(VALUES, supersede, value_of)
    merged: Any = {}
    for path in values_files(catalog, ref):
        file, positions = catalog.origins["values"][path]
        values = catalog.values[path]["values"]
        layer = f"values file {path}"
        merged = book.merge(merged, _annotate(catalog, values, positions, layer, file))
    if overrides:
        merged = book.merge(merged, overrides)
    return book.finish(merged)
