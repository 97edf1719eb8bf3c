"""Sources to a compiled catalog: load, resolve every reference, order overlays.

The result is plain JSON in three parts: `catalog` (what recipes need), `origins` (the position of
every leaf, for `explain`) and `templates` (what bundles render). So answering never parses YAML.
Only a catalog without errors compiles; what is merely suspicious travels along as warnings.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from aicr.criteria import ANY, Field, breadth, fields_of, specificity
from aicr.diagnostics import InvalidDocument, did_you_mean
from aicr.documents import Documents, Parsed
from aicr.errors import InvalidRequest
from aicr.load import load
from aicr.merge import REGISTRY as REGISTRY_RULE
from aicr.merge import RuleBook
from aicr.mixins import expand
from aicr.sources import ROOT, SourceFile

BASE_KEY = "$base"
# The part of an overlay that merges.
_BODY = ("constraints", "componentRefs", "validation")


def compile_catalog(*layers: Mapping[str, SourceFile]) -> dict[str, Any]:
    """The parts by name, compiled of the layers, the lowest first (built-in, then `--data`).

    Raises InvalidDocument with every finding when one of them is an error. What does not load is
    not linked: a file that cannot be read would show again as whatever refers to it.
    """
    documents = load(*layers)
    result = {} if documents.broken else link(documents)
    if documents.broken:
        raise InvalidDocument(documents.diagnostics)
    return result


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
        "criteria": registry.get("criteria", {}),
        "validators": registry.get("validators", []),
        "driverBranches": registry.get("driverBranches", {}),
        "components": {c["name"]: c for c in registry.get("components", [])},
        "base": base,
        "overlays": overlays,
        "values": _values(docs),
        "files": {p: sha256(f.data).hexdigest() for p, f in sorted(docs.others.items())},
        "warnings": [d.text for d in sorted(docs.diagnostics)],
    }
    origins = {
        "components": component_origins,
        "layers": {**layer_origins, ROOT: base_positions},
        "values": {path: [doc.file, doc.positions] for path, doc in docs.values.items()},
    }
    return {"catalog": catalog, "origins": origins, "templates": {"texts": _templates(docs)}}


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
        merged = book.merge(merged, stated(doc.value))
        for i, component in enumerate(doc.value.get("components") or []):
            place = doc.positions[1]["components"][1][i]
            origins[component["name"]] = [doc.file, place]
    return book.finish(merged), origins


def stated(value: Any) -> Any:
    """A document without nulls, which mean "not stated"; overrides are values and keep theirs."""
    if isinstance(value, dict):
        return {
            k: v if k == "overrides" and v is not None else stated(v)
            for k, v in value.items()
            if v is not None
        }
    return [stated(v) for v in value] if isinstance(value, list) else value


def _check_criteria(docs: Documents, doc: Parsed, name: str, block: Mapping[str, Any]) -> None:
    declared = {v["name"] for v in block.get("values") or []} | {ANY}
    for alias, value in (block.get("aliases") or {}).items():
        # A higher layer may well give another name to a value that a lower one declares.
        if value not in declared and len(docs.registries) == 1:
            text = f"alias {alias!r} stands for {value!r}, which is no {name}"
            path = ("criteria", name, "aliases", alias)
            docs.error(doc, path, "unknown-value", text, did_you_mean(value, declared))
    for i, entry in enumerate(block.get("values") or []):
        if entry["name"] == ANY:
            text = f"{ANY!r} is no value: it means that none is asked for"
            docs.error(doc, ("criteria", name, "values", i, "name"), "invalid", text)


def _check_registry(docs: Documents, doc: Parsed) -> None:
    for name, block in (doc.value.get("criteria") or {}).items():
        _check_criteria(docs, doc, name, block or {})
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
        expanded = expand(docs, doc, i, use)
        if expanded is not None:
            label, mixin, body, places = expanded
            layers.append({"label": label, "file": mixin.file, "spec": stated(body)})
            positions.append(places)
    own = stated({k: spec[k] for k in _BODY if k in spec})
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
        elif not value:
            continue
        else:
            try:
                result[key] = fields[key].parse(value)
            except InvalidRequest as e:
                docs.error(
                    doc, path, "unknown-value", e.message, "values are declared in registry.yaml"
                )
    return result


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


def _templates(docs: Documents) -> dict[str, str]:
    """The text of every file that can be rendered: component manifests and bundle files."""
    texts = {}
    for path, file in sorted(docs.others.items()):
        if path.startswith("templates/") or "/manifests/" in path:
            try:
                texts[path] = file.data.decode("utf-8")
            except UnicodeDecodeError:
                docs.error(Parsed(file.label, None, 0), (), "not-text", "a template must be UTF-8")
    return texts


def _values(docs: Documents) -> dict[str, Any]:
    """Values files by logical path; `base` is the file that `$base` says this one goes over."""
    result: dict[str, Any] = {}
    for path, doc in sorted(docs.values.items()):
        below = doc.value.get(BASE_KEY)
        if below is not None and (not isinstance(below, str) or below not in docs.values):
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
