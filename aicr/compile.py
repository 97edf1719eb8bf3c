"""Sources to a compiled catalog: parse, validate, expand mixins, order overlays.

The result is plain JSON in two parts, `catalog` (what answers need) and `origins` (the position of
every leaf, what `explain` and `lint` need), so that answering never parses YAML. Only a catalog
without errors compiles; what is merely suspicious travels along as warnings.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ValidationError

from aicr import yamlio
from aicr.criteria import ANY, Field, breadth, fields_of, specificity
from aicr.diagnostics import ERROR, WARNING, Diagnostic, InvalidDocument, did_you_mean
from aicr.errors import InvalidRequest
from aicr.merge import REGISTRY as REGISTRY_RULE
from aicr.merge import RuleBook
from aicr.models import ComponentRegistry, RecipeMetadata, RecipeMixin
from aicr.sources import REGISTRY, SourceFile

FORMAT = 1
ROOT = "base"
BASE_KEY = "$base"
_IGNORED_NAMES = ("data-v1.yaml",)
_PARAMETER = re.compile(r"\$\{([A-Za-z][A-Za-z0-9]*)\}\Z")
_VALUES = re.compile(r"components/[^/]+/[^/]+\.ya?ml\Z")


@dataclass(slots=True)
class Parsed:
    """A parsed file: where it came from, its value and its positions."""

    file: str
    value: Any
    positions: yamlio.Positions

    def diagnostic(
        self, path: Iterable[str | int], severity: str, rule: str, message: str, hint: str = ""
    ) -> Diagnostic:
        line, column = yamlio.place_of(self.positions, path)
        return Diagnostic(self.file, line, column, severity, rule, message, hint)


@dataclass(slots=True)
class Documents:
    """Everything a catalog is made of, parsed and valid by itself, before it is linked."""

    registries: list[Parsed] = field(default_factory=list)
    overlays: dict[str, Parsed] = field(default_factory=dict)
    mixins: dict[str, Parsed] = field(default_factory=dict)
    values: dict[str, Parsed] = field(default_factory=dict)
    root: Parsed | None = None
    others: list[str] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)

    def error(
        self, doc: Parsed, path: Iterable[str | int], rule: str, text: str, hint: str = ""
    ) -> None:
        self.diagnostics.append(doc.diagnostic(path, ERROR, rule, text, hint))

    def warn(
        self, doc: Parsed, path: Iterable[str | int], rule: str, text: str, hint: str = ""
    ) -> None:
        self.diagnostics.append(doc.diagnostic(path, WARNING, rule, text, hint))


def compile_catalog(*layers: Mapping[str, SourceFile]) -> dict[str, Any]:
    """`{"catalog": …, "origins": …}` of the layers, the first lowest (built-in, then `--data`).

    Raises InvalidDocument with every error when there is one.
    """
    documents = load(*layers)
    result = link(documents)
    errors = [d for d in documents.diagnostics if d.severity == ERROR]
    if errors:
        raise InvalidDocument(errors)
    return result


# --------------------------------------------------------------------------- load


def load(*layers: Mapping[str, SourceFile]) -> Documents:
    """Parse and validate the files of every layer; findings are collected, not raised.

    A file of a higher layer shadows the one at the same path below it, and a document the one of
    the same kind and name; registries of all layers merge.
    """
    docs = Documents()
    visible: dict[str, SourceFile] = {}
    for layer in layers:
        visible |= layer
        if REGISTRY in layer:
            _load_registry(docs, layer[REGISTRY])
    owners: dict[tuple[bool, str], int] = {}
    for rank, layer in enumerate(layers):
        for path in sorted(layer):
            if path != REGISTRY and visible[path] is layer[path]:
                _load_file(docs, path, layer[path], rank, owners)
    if docs.root is None and not docs.diagnostics:
        where = Diagnostic("overlays/base.yaml", 0, 0, ERROR, "no-root", "base.yaml not found")
        docs.diagnostics.append(where)
    return docs


def _load_registry(docs: Documents, file: SourceFile) -> None:
    doc = _parse(docs, file)
    if doc is not None and _validate(docs, doc, ComponentRegistry):
        docs.registries.append(doc)


def _load_file(
    docs: Documents, path: str, file: SourceFile, rank: int, owners: dict[tuple[bool, str], int]
) -> None:
    directories, name = path.split("/")[:-1], path.rsplit("/", 1)[-1]
    if "components" in directories:
        if _VALUES.match(path):
            _load_values(docs, path, file)
        else:
            docs.others.append(path)
    elif "checks" in directories or "templates" in directories or name in _IGNORED_NAMES:
        docs.others.append(path)
    elif name.endswith((".yaml", ".yml")):
        _load_overlay(docs, path, file, rank, owners)


def _load_values(docs: Documents, path: str, file: SourceFile) -> None:
    doc = _parse(docs, file, empty={})
    if doc is None:
        return
    if not isinstance(doc.value, dict):
        docs.error(doc, (), "values", "Helm values must be a map")
        return
    docs.values[path] = doc


def _load_overlay(
    docs: Documents, path: str, file: SourceFile, rank: int, owners: dict[tuple[bool, str], int]
) -> None:
    doc = _parse(docs, file)
    if doc is None:
        return
    kind = doc.value.get("kind", "") if isinstance(doc.value, dict) else ""
    if kind not in ("", None, "RecipeMetadata", "RecipeMixin"):
        docs.others.append(path)
        return
    mixin = kind == "RecipeMixin"
    if not _validate(docs, doc, RecipeMixin if mixin else RecipeMetadata):
        return
    if not mixin and path.startswith("overlays/") and path.endswith("/base.yaml"):
        docs.root = doc
        return
    name = doc.value["metadata"]["name"]
    table = docs.mixins if mixin else docs.overlays
    if name in table and owners[mixin, name] == rank:
        docs.error(
            doc, ("metadata", "name"), "duplicate-name",
            f"{name!r} is already the name of {table[name].file}", "names must be unique",
        )  # fmt: skip
        return
    owners[mixin, name] = rank
    table[name] = doc


def _parse(docs: Documents, file: SourceFile, empty: Any = None) -> Parsed | None:
    try:
        if empty is not None and not file.data.strip():
            return Parsed(file.label, empty, [yamlio.mark(1, 1), {}])
        value, positions = yamlio.parse(file.data, file.label)
    except InvalidDocument as e:
        docs.diagnostics += e.diagnostics
        return None
    if value is None and empty is not None:  # only comments
        return Parsed(file.label, empty, [yamlio.mark(1, 1), {}])
    return Parsed(file.label, value, positions)


def _validate(docs: Documents, doc: Parsed, model: type[BaseModel]) -> bool:
    """Check a document against its model. Unknown keys are warnings: they have no effect, but
    catalogs written for a newer AICR must still load."""
    try:
        model.model_validate(doc.value)
    except ValidationError as e:
        findings = list(_findings(doc, model, e))
        docs.diagnostics += findings
        return not any(d.severity == ERROR for d in findings)
    return True


def _findings(doc: Parsed, model: type[BaseModel], error: ValidationError) -> Iterator[Diagnostic]:
    seen = set()
    for e in error.errors():
        loc = tuple(_real_steps(doc.value, e["loc"]))
        if (loc, e["type"]) in seen:
            continue  # one finding for each member of a union
        seen.add((loc, e["type"]))
        at = ".".join(str(step) for step in loc) or "the document"
        if e["type"] == "extra_forbidden":
            hint = did_you_mean(str(loc[-1]), _known_keys(model))
            text = f"{at} has no effect: no such key"
            yield doc.diagnostic(loc, WARNING, "unknown-key", text, hint)
        else:
            yield doc.diagnostic(loc, ERROR, "invalid", f"{at}: {_plain_words(e)}", _hint(e))


def _real_steps(value: Any, loc: tuple[int | str, ...]) -> Iterator[int | str]:
    """A pydantic location without the names of union members, which are no keys."""
    for i, step in enumerate(loc):
        inside = isinstance(value, dict) and step in value
        inside = inside or (isinstance(value, list) and isinstance(step, int))
        if inside:
            value = value[step]
        elif not (isinstance(value, dict) and i == len(loc) - 1):  # a missing key stands last
            continue
        yield step


def _known_keys(model: type[BaseModel]) -> list[str]:
    """Every key at any level of the document: near enough to recognise a typing error."""
    names: set[str] = set()
    stack: list[type[BaseModel]] = [model]
    while stack:
        current = stack.pop()
        for name, info in current.model_fields.items():
            if (info.alias or name) in names:
                continue
            names.add(info.alias or name)
            stack += _models_in(info.annotation)
    return sorted(names)


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from _models_in(argument)


def _plain_words(e: Any) -> str:
    text = str(e["msg"])
    given = e.get("input")
    if e["type"].endswith("_type") and not isinstance(given, (dict, list)):
        return f"{text[0].lower()}{text[1:]}, not {given!r}"
    return f"{text[0].lower()}{text[1:]}"


def _hint(e: Any) -> str:
    if e["type"] == "string_type" and isinstance(e.get("input"), (int, float)):
        return "quote it"
    return ""


# --------------------------------------------------------------------------- link


def link(docs: Documents) -> dict[str, Any]:
    """Resolve every reference between documents and lay the catalog out for answering."""
    registry, component_origins = _merge_registries(docs)
    fields = fields_of(registry.get("criteria", {}))
    overlays, layer_origins = [], {}
    for name in sorted(docs.overlays):
        doc = docs.overlays[name]
        record, positions = _overlay(docs, fields, name, doc)
        overlays.append(record)
        layer_origins[name] = positions
    _check_chains(docs, overlays)
    overlays.sort(key=rank)
    base, base_positions = _overlay(docs, fields, ROOT, docs.root) if docs.root else ({}, [])
    catalog = {
        "format": FORMAT,
        "criteria": registry.get("criteria", {}),
        "components": {c["name"]: c for c in registry.get("components", [])},
        "base": base,
        "overlays": overlays,
        "values": _values(docs),
        "files": sorted(docs.others),
        "warnings": [str(d) for d in sorted(docs.diagnostics) if d.severity == WARNING],
    }
    origins = {
        "components": component_origins,
        "layers": {**layer_origins, ROOT: base_positions},
        "values": {path: [doc.file, doc.positions] for path, doc in docs.values.items()},
    }
    return {"catalog": catalog, "origins": origins}


def rank(record: Mapping[str, Any]) -> tuple[int, int, int, str]:
    """The total order in which overlays merge (contract section 3.4): general before specific,
    parents before children, then by name."""
    rule = record["criteria"]
    return (specificity(rule), -breadth(rule), len(record["chain"]), record["name"])


def _merge_registries(docs: Documents) -> tuple[dict[str, Any], dict[str, Any]]:
    book = RuleBook(REGISTRY_RULE)
    merged: dict[str, Any] = {}
    origins: dict[str, Any] = {}
    for doc in docs.registries:
        _check_registry(docs, doc)
        merged = book.merge(merged, {k: v for k, v in doc.value.items() if v is not None})
        for i, component in enumerate(doc.value.get("components") or []):
            place = doc.positions[1]["components"][1][i]
            origins[component["name"]] = [doc.file, place]
    return book.finish(merged), origins


def _check_registry(docs: Documents, doc: Parsed) -> None:
    names: set[str] = set()
    for i, component in enumerate(doc.value.get("components") or []):
        if component["name"] in names:
            path = ("components", i, "name")
            docs.error(doc, path, "duplicate-name", f"component {component['name']!r} stands twice")
        names.add(component["name"])
        if component.get("helm") and component.get("kustomize"):
            text = f"component {component['name']!r} is both helm and kustomize: state one"
            docs.error(doc, ("components", i), "two-sources", text)


def _overlay(
    docs: Documents, fields: Mapping[str, Field], name: str, doc: Parsed
) -> tuple[dict[str, Any], list[Any]]:
    """The catalog's record of an overlay, and for each of its layers [positions]."""
    spec = doc.value.get("spec") or {}
    layers, positions = [], []
    for i, use in enumerate(spec.get("mixins") or []):
        expanded = _mixin(docs, doc, i, use)
        if expanded is not None:
            label, mixin, body, places = expanded
            layers.append({"label": label, "file": mixin.file, "spec": body})
            positions.append(places)
    own = {k: spec[k] for k in ("constraints", "componentRefs", "validation") if spec.get(k)}
    layers.append(
        {"label": f"overlay {name}" if name != ROOT else ROOT, "file": doc.file, "spec": own}
    )
    positions.append(doc.positions[1].get("spec", doc.positions))
    record = {
        "name": name,
        "file": doc.file,
        "base": spec.get("base") or ROOT,
        "criteria": _criteria(docs, fields, doc, spec.get("criteria")),
        "layers": layers,
        "chain": [],
    }
    return record, positions


def _criteria(
    docs: Documents, fields: Mapping[str, Field], doc: Parsed, rule: Mapping[str, Any] | None
) -> dict[str, Any] | None:
    """An overlay's criteria in canonical spelling; None when it has none."""
    if rule is None:
        return None
    result: dict[str, Any] = {}
    for key, value in rule.items():
        path = ("spec", "criteria", key)
        if key == "nodes":
            result[key] = value or 0
        elif key not in fields:
            docs.error(
                doc,
                path,
                "unknown-criterion",
                f"no criteria field {key!r} in registry.yaml",
                did_you_mean(key, [*fields, "nodes"]),
            )
        elif value in (None, ""):
            continue
        else:
            try:
                result[key] = fields[key].parse(value)
            except InvalidRequest as e:
                docs.error(
                    doc, path, "unknown-value", e.message, "values are declared in registry.yaml"
                )
    return result


def _mixin(
    docs: Documents, doc: Parsed, index: int, use: Any
) -> tuple[str, Parsed, dict[str, Any], Any] | None:
    """A used mixin: label, document, body with parameters filled in, and positions of the body."""
    name, given = (use, {}) if isinstance(use, str) else (use["name"], use.get("with") or {})
    path: tuple[str | int, ...] = ("spec", "mixins", index)
    mixin = docs.mixins.get(name)
    if mixin is None:
        hint = did_you_mean(name, docs.mixins)
        docs.error(doc, path, "unknown-mixin", f"mixin {name!r} does not exist", hint)
        return None
    spec = mixin.value["spec"]
    wanted = spec.get("parameters") or []
    for missing in sorted(set(wanted) - set(given)):
        docs.error(
            doc,
            path,
            "mixin-parameter",
            f"mixin {name} needs the parameter {missing!r}",
            "give it under with:",
        )
    for extra in sorted(set(given) - set(wanted)):
        docs.error(
            doc,
            (*path, "with", extra),
            "mixin-parameter",
            f"mixin {name} has no parameter {extra!r}",
            did_you_mean(extra, wanted),
        )
    if set(wanted) != set(given):
        return None
    body = {k: v for k, v in spec.items() if k != "parameters"}
    filler = _Filler(given, doc, path)
    filled, places = filler.fill(body, mixin.positions[1]["spec"])
    for unused in sorted(set(wanted) - filler.used):
        docs.error(
            mixin, ("spec", "parameters"), "mixin-parameter", f"parameter {unused!r} stands nowhere"
        )
    for unknown in sorted(filler.unknown):
        docs.error(
            mixin, ("spec",), "mixin-parameter", f"${{{unknown}}} is not a parameter of {name}"
        )
    return f"mixin {name}", mixin, filled, places


class _Filler:
    """Puts parameters in place of whole `${name}` scalars. A filled leaf's position is where the
    overlay states the value, as [file, mark]: that is the line somebody would change."""

    def __init__(self, given: Mapping[str, Any], doc: Parsed, path: tuple[str | int, ...]) -> None:
        self.given, self.doc, self.path = given, doc, path
        self.used: set[str] = set()
        self.unknown: set[str] = set()

    def fill(self, value: Any, places: Any) -> tuple[Any, Any]:
        if isinstance(value, dict):
            pairs = {k: self.fill(v, places[1][k]) for k, v in value.items()}
            values = {k: v for k, (v, _) in pairs.items()}
            return values, [places[0], {k: p for k, (_, p) in pairs.items()}]
        if isinstance(value, list):
            items = [self.fill(v, p) for v, p in zip(value, places[1], strict=True)]
            return [v for v, _ in items], [places[0], [p for _, p in items]]
        match = _PARAMETER.match(value) if isinstance(value, str) else None
        if not match:
            return value, places
        name = match[1]
        if name not in self.given:
            self.unknown.add(name)
            return value, places
        self.used.add(name)
        place = yamlio.place_of(self.doc.positions, (*self.path, "with", name))
        return self.given[name], [self.doc.file, yamlio.mark(*place)]


def _check_chains(docs: Documents, overlays: list[dict[str, Any]]) -> None:
    """Give every record its chain: names from below the root down to itself."""
    parents = {record["name"]: record["base"] for record in overlays}
    for record in overlays:
        chain = [record["name"]]
        doc = docs.overlays[record["name"]]
        while (parent := parents[chain[-1]]) != ROOT:
            if parent not in parents:
                hint = did_you_mean(parent, parents)
                text = f'overlay "{parent}" not found (referenced in inheritance chain)'
                docs.error(docs.overlays[chain[-1]], ("spec", "base"), "unknown-base", text, hint)
                break
            if parent in chain:
                cycle = " -> ".join([*chain[chain.index(parent) :], parent])
                docs.error(doc, ("spec", "base"), "base-cycle", f"circular inheritance: {cycle}")
                break
            chain.append(parent)
        record["chain"] = chain[::-1]


def _values(docs: Documents) -> dict[str, Any]:
    """Values files by logical path; `base` is the file that `$base` says this one goes over."""
    result: dict[str, Any] = {}
    for path, doc in sorted(docs.values.items()):
        below = doc.value.get(BASE_KEY)
        if below is not None and below not in docs.values:
            hint = did_you_mean(str(below), docs.values)
            text = f"values file {below!r} does not exist"
            docs.error(doc, (BASE_KEY,), "unknown-base", text, hint)
            below = None
        values = {k: v for k, v in doc.value.items() if k != BASE_KEY}
        result[path] = {"file": doc.file, "base": below, "values": values}
    _check_values_chains(docs, result)
    return result


def _check_values_chains(docs: Documents, values: Mapping[str, Any]) -> None:
    for path in values:
        chain, current = [path], values[path]["base"]
        while current is not None:
            if current in chain:
                cycle = " -> ".join([*chain[chain.index(current) :], current])
                docs.error(docs.values[path], (BASE_KEY,), "base-cycle", f"circular $base: {cycle}")
                values[path]["base"] = None
                break
            chain.append(current)
            current = values[current]["base"]


__all__ = ["ANY", "Documents", "Parsed", "compile_catalog", "link", "load", "rank"]
