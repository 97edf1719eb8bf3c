"""Which documents apply, in which order, and what each says of every resource.

Order: bases below what names them, then specificity of criteria, then name. Two documents of which
neither lies below the other may not set the same field differently: that would be a coin toss.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from aicr.criteria import ANY, Criteria, matches, specificity
from aicr.diagnostics import WARNING, did_you_mean, hinted
from aicr.documents import Documents, Parsed
from aicr.errors import InvalidRequest
from aicr.merge import CONTROL_PLANE, DIRECTIVE, RuleBook
from aicr.mixins import expand
from aicr.positions import source_of
from controlplane.documents import Loaded, is_path
from controlplane.models import Body

Path = tuple[str | int, ...]
Rank = tuple[int, int, int]
RESOURCES = CONTROL_PLANE.child("resources")


class Layer(NamedTuple):
    """What one document says of one resource. `at` is where in the document it stands; `rank`
    orders documents, `below` names those that this one lies over by its own word."""

    doc: Parsed
    at: Path
    spec: Mapping[str, Any]
    rank: Rank
    name: str
    below: frozenset[str]

    def place(self, path: Path) -> str:
        """file:line:column of a field of the resource."""
        file, line, column = source_of(self.doc.positions, (*self.at, *path))
        return f"{file or self.doc.file}:{line}:{column}"


class Piece(NamedTuple):
    """A document that applies, or a mixin it uses: a body, and where it stands."""

    doc: Parsed
    at: Path
    body: Mapping[str, Any]
    rank: Rank
    name: str
    below: frozenset[str]


def layers_of(loaded: Loaded, asked: Mapping[str, str]) -> dict[str, list[Layer]]:
    """For every address what each applying document says, lowest first.

    `asked` are criteria by field. Raises InvalidRequest for a criterion that no document knows;
    what else is wrong is added to the documents' diagnostics.
    """
    docs = loaded.documents
    _check_asked(docs, asked)
    found: dict[str, list[Layer]] = {}
    chosen = _chosen(docs, asked)
    if not chosen and not docs.broken:
        # To want nothing is to want everything deleted, which has a command of its own.
        left = "; ".join(d.message for d in docs.diagnostics[:3])
        raise InvalidRequest(f"no document applies{': ' if left else ''}{left}")
    for piece in _pieces(loaded, chosen):
        for address, at, spec in _specs(docs, piece):
            layer = Layer(piece.doc, at, spec, piece.rank, piece.name, piece.below)
            found.setdefault(address, []).append(layer)
    for layers in found.values():
        _check_clashes(docs, layers)
    return found


def merged(layers: list[Layer]) -> dict[str, Any] | None:
    """The spec of a resource; None when a layer deletes it."""
    if len(layers) == 1 and not _has_directive(layers[0].spec):
        return dict(_stated(layers[0].spec))
    book = RuleBook(RESOURCES)
    whole: Any = {}
    for layer in layers:
        whole = book.merge(whole, {"spec": layer.spec})
    whole = book.finish(whole)
    return dict(_stated(whole["spec"])) if "spec" in whole else None


def origin(layers: list[Layer], path: Path) -> str:
    """file:line:column of whoever set a field: the highest layer that states it, or else the place
    of the nearest thing around it."""
    stating = (layer for layer in reversed(layers) if _states(layer.spec, path))
    layer = next(stating, None)
    return layers[-1].place(()) if layer is None else layer.place(path)


def _states(value: Any, path: Path) -> bool:
    for step in path:
        if not isinstance(value, Mapping | list):
            return True  # something that holds no fields stands in their place
        parts = value if isinstance(value, Mapping) else dict(enumerate(value))
        if step not in parts:
            return False
        value = parts[step]
    return True


def _stated(value: Any) -> Any:
    """Without what is null: a field that nobody states, or that a layer took back."""
    if isinstance(value, Mapping):
        return {k: _stated(v) for k, v in value.items() if v is not None}
    return value


def _has_directive(value: Any) -> bool:
    if isinstance(value, Mapping):
        return DIRECTIVE in value or any(map(_has_directive, value.values()))
    return False


# --------------------------------------------------------------------------- which, and their order


def _check_asked(docs: Documents, asked: Mapping[str, str]) -> None:
    known: dict[str, set[str]] = {}
    for doc in docs.overlays.values():
        for field, value in (doc.value["spec"].get("criteria") or {}).items():
            known.setdefault(field, set()).add(value)
    for field, value in asked.items():
        if field not in known:
            text = f"--for {field}={value} has no effect: no document has such a criterion"
            raise InvalidRequest(hinted(text, field, known))
        if value not in (ANY, *known[field]):
            values = ", ".join(sorted(known[field]))
            text = f"--for {field}={value} has no effect: there are {values}"
            raise InvalidRequest(hinted(text, value, known[field]))


def _chosen(docs: Documents, asked: Mapping[str, str]) -> list[str]:
    """Documents without criteria, and those whose criteria match; the others are warned of when
    they only lack a word."""
    chosen = []
    for name, doc in docs.overlays.items():
        rule = doc.value["spec"].get("criteria")
        if rule is None:
            chosen.append(name)
            continue
        request = Criteria({field: asked.get(field, ANY) for field in rule})
        if matches(rule, request):
            chosen.append(name)
            continue
        missing = [field for field in rule if field not in asked]
        if missing and all(asked.get(f, v) == v for f, v in rule.items()):
            words = ",".join(f"{field}={rule[field]}" for field in missing)
            text = f"{name} is left out: --for {words} adds it"
            docs.diagnostics.append(doc.diagnostic(("spec", "criteria"), WARNING, "left-out", text))
    return chosen


def _pieces(loaded: Loaded, chosen: list[str]) -> Iterator[Piece]:
    """Applying documents in order, each after the mixins that it uses."""
    docs = loaded.documents
    chains = {name: _chain(docs, name) for name in chosen}

    def rank(name: str) -> Rank:
        rule = docs.overlays[name].value["spec"].get("criteria")
        return (-loaded.depth[name], specificity(rule), len(chains[name]))

    for name in sorted(chosen, key=lambda n: (rank(n), n)):
        doc, below = docs.overlays[name], frozenset(chains[name])
        for i, use in enumerate(doc.value["spec"].get("mixins") or []):
            made = expand(docs, doc, i, use, Body)
            if made is None:
                continue
            label, mixin, body, places = made
            # A mixin lies below the document that uses it, as its base does.
            parsed = Parsed(mixin.file, body, places)
            yield Piece(parsed, (), body, rank(name), f"{name}/{label}", below)
        spec = doc.value["spec"]
        mixed = frozenset(f"{name}/mixin {_name_of(u)}" for u in spec.get("mixins") or [])
        yield Piece(doc, ("spec",), spec, rank(name), name, below | mixed)


def _name_of(use: Any) -> str:
    return use if isinstance(use, str) else str(use["name"])


def _chain(docs: Documents, name: str) -> list[str]:
    """Names of the documents below one, by `base`; bases that are paths lie below by depth."""
    chain: list[str] = []
    current = name
    while True:
        doc = docs.overlays[current]
        base = doc.value["spec"].get("base")
        if base is None or is_path(base):
            return chain
        if base not in docs.overlays:
            hint = did_you_mean(base, docs.overlays) or "a path is written with a slash: ./base"
            docs.error(doc, ("spec", "base"), "unknown-base", f"no document {base!r}", hint)
            return chain
        if base == name or base in chain:
            cycle = " -> ".join([name, *chain, base])
            docs.error(doc, ("spec", "base"), "base-cycle", f"circular bases: {cycle}")
            return chain
        chain.append(base)
        current = base


def _specs(docs: Documents, piece: Piece) -> Iterator[tuple[str, Path, Mapping[str, Any]]]:
    """Address, place and spec of every resource in a piece."""
    for service, collections in (piece.body.get("resources") or {}).items():
        for collection, named in (collections or {}).items():
            for name, spec in (named or {}).items():
                at = (*piece.at, "resources", service, collection, name)
                yield f"{service}.{collection}.{name}", at, spec or {}


# --------------------------------------------------------------------------- coin tosses


# More documents than anybody reads about one resource.
MAX_LAYERS = 100


def _check_clashes(docs: Documents, layers: list[Layer]) -> None:
    """Errors for fields that two documents of equal standing set differently: for each document
    those against the first that it disagrees with."""
    if len(layers) > MAX_LAYERS:
        text = f"more than {MAX_LAYERS} documents speak of this resource"
        docs.error(layers[0].doc, layers[0].at, "too-many-layers", text)
        return
    for i, upper in enumerate(layers):
        for lower in layers[:i]:
            paths = [] if _ordered(lower, upper) else list(_differing(lower.spec, upper.spec))
            for path in paths:
                _toss(docs, lower, upper, path)
            if paths:
                break


def _toss(docs: Documents, lower: Layer, upper: Layer, path: Path) -> None:
    at = ".".join(map(str, path)) or "the resource"
    text = f"{at} is set differently at {lower.place(path)}, and neither lies over the other"
    hint = "give one of them a base or criteria"
    docs.error(upper.doc, (*upper.at, *path), "coin-toss", text, hint)


def _ordered(lower: Layer, upper: Layer) -> bool:
    if lower.rank[:2] != upper.rank[:2]:
        return True
    return lower.name in upper.below or lower.name.split("/")[0] == upper.name.split("/")[0]


def _differing(a: Any, b: Any, path: Path = ()) -> Iterator[Path]:
    """Paths at which two values say different things."""
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        for key in a:
            if key in b:
                yield from _differing(a[key], b[key], (*path, key))
    elif a != b or type(a) is not type(b):
        yield path
