"""Recipes that were handed in: the shape that everything else may rely on.

By hand and not by a model: a recipe file is read on the hot path of bundles and requests, and what
people write by hand leaves most of it out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aicr.errors import InvalidRequest
from aicr.resolve import KIND

# What is certainly something else. Any other kind may be a recipe: upstream never looks.
_OTHER_KINDS = ("Snapshot", "RecipeCriteria", "RecipeMetadata", "RecipeMixin", "ComponentRegistry")
_TEXT = ("namespace", "chart", "type", "source", "version", "tag", "path", "valuesFile")
# What the API's Recipe has beyond a RecipeResult.
_SHOWN = ("order", "repository")
_DRIVER = "driver"
_TEXTS = ("dependencyRefs", "manifestFiles", "patches")


def check(document: Any, name: str) -> dict[str, Any]:
    """The document, when it has the shape of a recipe; null fields are as good as absent ones.

    Raises InvalidRequest naming the field. `name` is the file or source for messages.
    """
    if not isinstance(document, dict):
        raise InvalidRequest(f"{name}: a recipe must be a map")
    if document.get("kind") in _OTHER_KINDS:
        raise InvalidRequest(f'{name}: invalid kind "{document["kind"]}", expected "{KIND}"')
    for key in ("metadata", "criteria"):
        if not isinstance(document.get(key) or {}, Mapping):
            raise InvalidRequest(f"{name}: {key} must be a map")
    _check_lists(document, name)
    refs = document.get("componentRefs") or []
    if not isinstance(refs, list):
        raise InvalidRequest(f"{name}: componentRefs must be a list of components")
    names: set[str] = set()
    for i, ref in enumerate(refs):
        where = f"{name}: componentRefs[{i}]"
        _check_component(ref, where)
        if ref["name"] in names:
            raise InvalidRequest(f"{where}: component {ref['name']!r} stands twice")
        names.add(ref["name"])
    there = document.get("componentRefs") is not None
    return _without_view(document if there else {**document, "componentRefs": []})


def _check_lists(document: Mapping[str, Any], name: str) -> None:
    metadata = document.get("metadata") or {}
    for where, value in (
        ("metadata.appliedOverlays", metadata.get("appliedOverlays")),
        ("deploymentOrder", document.get("deploymentOrder")),
    ):
        found = value or []
        if not isinstance(found, list) or not all(isinstance(v, str) for v in found):
            raise InvalidRequest(f"{name}: {where} must be a list of texts")
    constraints = document.get("constraints") or []
    if isinstance(constraints, Mapping):
        return  # as the API shows them
    if not isinstance(constraints, list) or not all(
        isinstance(c, Mapping) and isinstance(c.get("name"), str) for c in constraints
    ):
        raise InvalidRequest(f"{name}: constraints must be a list of maps with a name")


def _without_view(recipe: dict[str, Any]) -> dict[str, Any]:
    """A recipe of the API as the command line has it: the API adds places and repositories to
    components and a time to the metadata, and shows constraints as a map."""
    shown = recipe.get("constraints")
    if not isinstance(shown, Mapping):
        # Of the seed's own example only the places and repositories are left.
        refs = [_plain(ref) for ref in recipe["componentRefs"]]
        return recipe if refs == recipe["componentRefs"] else {**recipe, "componentRefs": refs}
    constraints = [
        {"name": name, **(value if isinstance(value, Mapping) else {"value": value})}
        for name, value in shown.items()
        if name != _DRIVER
    ]
    refs = [_plain(ref) for ref in recipe["componentRefs"]]
    metadata = recipe.get("metadata")
    if isinstance(metadata, Mapping):
        metadata = {k: v for k, v in metadata.items() if k != "created"}
    return {**recipe, "metadata": metadata, "componentRefs": refs, "constraints": constraints}


def _plain(ref: dict[str, Any]) -> dict[str, Any]:
    """A component without what the API shows; its repository is its source if it has no other."""
    plain = {k: v for k, v in ref.items() if k not in _SHOWN}
    if ref.get("repository") and not plain.get("source"):
        plain["source"] = ref["repository"]
    return plain


def _check_component(ref: Any, where: str) -> None:
    if not isinstance(ref, dict) or not isinstance(ref.get("name"), str):
        raise InvalidRequest(f"{where} must be a map with a name")
    for key in _TEXT:
        if not isinstance(ref.get(key, ""), str | None):
            raise InvalidRequest(f"{where}.{key} must be text")
    for key in _TEXTS:
        value = ref.get(key) or []
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            raise InvalidRequest(f"{where}.{key} must be a list of texts")
    if not isinstance(ref.get("overrides") or {}, Mapping):
        raise InvalidRequest(f"{where}.overrides must be a map")
