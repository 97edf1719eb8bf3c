"""Files to documents: parse, and check each against its model. Findings are collected."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from aicr import yamlio
from aicr.check import findings
from aicr.diagnostics import ERROR, WARNING, Diagnostic, InvalidDocument, did_you_mean
from aicr.documents import Documents, Parsed
from aicr.merge import DELETE, DIRECTIVE, REPLACE_WHOLE
from aicr.models import API_VERSION, ComponentRegistry, RecipeMetadata, RecipeMixin
from aicr.positions import mark
from aicr.sources import REGISTRY, ROOT, SourceFile

_OVERLAY_KINDS = ("RecipeMetadata", "RecipeMixin")
# Kinds of ours that may lie in a catalog directory without being part of the catalog.
_FOREIGN_KINDS = (
    "RecipeCriteria",
    "RecipeResult",
    "Snapshot",
    "ComponentRegistry",
    "ValidatorCatalog",
)
_IGNORED_NAMES = ("data-v1.yaml",)
_VALUES = re.compile(r"components/[^/]+/[^/]+\.ya?ml\Z")


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
    if docs.root is None and not docs.broken:
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
            docs.others[path] = file
    elif "checks" in directories or "templates" in directories or name in _IGNORED_NAMES:
        docs.others[path] = file
    elif name.endswith((".yaml", ".yml")):
        _load_overlay(docs, path, file, rank, owners)


def _load_values(docs: Documents, path: str, file: SourceFile) -> None:
    doc = _parse(docs, file, empty={})
    if doc is None:
        return
    if isinstance(doc.value, dict):
        _check_directives(docs, doc, doc.value, ())
        docs.values[path] = doc
    elif path.rsplit("/", 1)[-1].startswith("values"):
        docs.error(doc, (), "values", "Helm values must be a map")
    else:
        docs.others[path] = file  # a list of patches, say


def _load_overlay(
    docs: Documents, path: str, file: SourceFile, rank: int, owners: dict[tuple[bool, str], int]
) -> None:
    doc = _parse(docs, file)
    if doc is None:
        return
    kind = doc.value.get("kind", "") if isinstance(doc.value, dict) else ""
    if kind not in ("", None, *_OVERLAY_KINDS):
        _note_other(docs, doc)
        docs.others[path] = file
        return
    mixin = kind == "RecipeMixin"
    if not _validate(docs, doc, RecipeMixin if mixin else RecipeMetadata):
        return
    _check_body(docs, doc)
    if not mixin and path.startswith("overlays/") and path.endswith(f"/{ROOT}.yaml"):
        _register_root(docs, doc, (rank, owners))
        return
    name = doc.value["metadata"]["name"]
    table = docs.mixins if mixin else docs.overlays
    if name == ROOT and not mixin:
        text = f"only overlays/{ROOT}.yaml is the root: this overlay would never apply"
        docs.error(doc, ("metadata", "name"), "duplicate-name", text, "give it a name of its own")
    elif name in table and owners[mixin, name] == rank:
        text = f"{name!r} is already the name of {table[name].file}"
        docs.error(doc, ("metadata", "name"), "duplicate-name", text, "names must be unique")
    else:
        owners[mixin, name] = rank
        table[name] = doc


def _register_root(
    docs: Documents, doc: Parsed, place: tuple[int, dict[tuple[bool, str], int]]
) -> None:
    rank, owners = place
    if docs.root is not None and owners.get((False, ROOT)) == rank:
        docs.error(doc, (), "duplicate-name", f"{docs.root.file} is the root already")
        return
    for key in ("base", "criteria"):
        if (doc.value.get("spec") or {}).get(key) is not None:
            text = f"spec.{key} has no effect in the root"
            docs.diagnostics.append(doc.diagnostic(("spec", key), WARNING, "no-effect", text))
    owners[False, ROOT] = rank
    docs.root = doc


def _check_body(docs: Documents, doc: Parsed) -> None:
    """What models cannot say: every name once, and directives in overrides that exist."""
    spec = doc.value.get("spec") or {}
    for key in ("constraints", "componentRefs"):
        names: set[str] = set()
        for i, item in enumerate(spec.get(key) or []):
            path = ("spec", key, i)
            if item["name"] in names:
                text = f"{item['name']!r} stands twice in one document"
                docs.error(doc, (*path, "name"), "duplicate-name", text)
            names.add(item["name"])
            for below, value in (item.get("overrides") or {}).items():
                _check_directives(docs, doc, value, (*path, "overrides", below))


def _note_other(docs: Documents, doc: Parsed) -> None:
    """A document of a kind that is no overlay's: fine unless the kind is a typing error of ours."""
    kind = str(doc.value["kind"])
    near = did_you_mean(kind, _OVERLAY_KINDS)
    ours = doc.value.get("apiVersion") == API_VERSION
    if ours and kind not in _FOREIGN_KINDS and near:
        docs.error(doc, ("kind",), "unknown-kind", f"no kind {kind!r} in a catalog", near)


def _parse(docs: Documents, file: SourceFile, empty: Any = None) -> Parsed | None:
    """The parsed file; `empty` stands for one that holds nothing, or nothing but comments."""
    lines = (line.strip() for line in file.data.splitlines())
    if empty is not None and all(not line or line.startswith(b"#") for line in lines):
        return Parsed(file.label, empty, [mark(1, 1), {}])
    try:
        value, positions = yamlio.parse(file.data, file.label)
    except InvalidDocument as e:
        docs.diagnostics += e.diagnostics
        return None
    return Parsed(file.label, value, positions)


def _check_directives(
    docs: Documents, doc: Parsed, value: Any, path: tuple[str | int, ...]
) -> None:
    """Every `$patch` in Helm values must be a word that the merge knows."""
    if isinstance(value, dict):
        word = value.get(DIRECTIVE, REPLACE_WHOLE)
        if word not in (DELETE, REPLACE_WHOLE) or (word == DELETE and not path):
            allowed = "delete or replace" if path else "replace"
            text = f"{DIRECTIVE}: {word} is no directive here, only {allowed}"
            docs.error(doc, (*path, DIRECTIVE), "directive", text)
        for key, below in value.items():
            _check_directives(docs, doc, below, (*path, key))
    elif isinstance(value, list):
        for i, below in enumerate(value):
            _check_directives(docs, doc, below, (*path, i))


def _validate(docs: Documents, doc: Parsed, model: type[BaseModel]) -> bool:
    """Check a document against its model. Unknown keys are warnings: they have no effect, but
    catalogs written for a newer AICR must still load."""
    found = findings(doc, model)
    docs.diagnostics += found
    return not any(d.severity == ERROR for d in found)
