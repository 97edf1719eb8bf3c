"""What the registry fills into a component that a recipe leaves open (contract section 3.7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

HELM, KUSTOMIZE = "Helm", "Kustomize"

# Recipe key -> registry key, per type.
_SOURCES: dict[str, tuple[str, dict[str, str]]] = {
    HELM: (
        "helm",
        {
            "source": "defaultRepository",
            "version": "defaultVersion",
            "namespace": "defaultNamespace",
            "chart": "defaultChart",
        },
    ),
    KUSTOMIZE: (
        "kustomize",
        {"source": "defaultSource", "tag": "defaultTag", "path": "defaultPath"},
    ),
}


def fill(ref: Mapping[str, Any], registry: Mapping[str, Any]) -> dict[str, Any]:
    """The component with every field that defaults supply."""
    return {**ref, **dict(defaults_of(ref, registry))}


def defaults_of(ref: Mapping[str, Any], registry: Mapping[str, Any]) -> dict[str, str]:
    """Only the fields that the registry supplies for what the component leaves open.

    Types are compared without case: a recipe that says `helm` means Helm.
    """
    entry = registry.get(ref["name"])
    if entry is None:
        return {}
    result = {}
    kind = ref.get("type") or ""
    if not kind:
        kustomized = (entry.get("kustomize") or {}).get("defaultSource")
        kind = result["type"] = KUSTOMIZE if kustomized else HELM
    block, keys = _SOURCES.get(kind.capitalize(), ("", {}))
    stated = entry.get(block) or {}
    for key, default in keys.items():
        if not ref.get(key) and stated.get(default):
            result[key] = stated[default]
    if "chart" in result:
        result["chart"] = result["chart"].rsplit("/", 1)[-1]
    return result


def default_key(kind: str, key: str) -> tuple[str, str]:
    """Where the registry states a default: the block and the key in it."""
    block, keys = _SOURCES[kind.capitalize()]
    return block, keys[key]
