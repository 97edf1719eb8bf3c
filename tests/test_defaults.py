"""Registry defaults (contract section 3.7)."""

from __future__ import annotations

from typing import Any

import pytest

from aicr.defaults import fill

REGISTRY = {
    "h": {
        "helm": {
            "defaultRepository": "https://r.test",
            "defaultChart": "a/b/chart",
            "defaultVersion": "v1",
            "defaultNamespace": "ns",
        }
    },
    "k": {"kustomize": {"defaultSource": "https://g.test", "defaultPath": "p", "defaultTag": "t"}},
    "bare": {"displayName": "Bare"},
}
HELM = {"type": "Helm", "source": "https://r.test", "version": "v1", "namespace": "ns"}


@pytest.mark.parametrize(
    ("ref", "filled"),
    [
        ({}, {**HELM, "chart": "chart"}),
        ({"type": "helm"}, {**HELM, "type": "helm", "chart": "chart"}),
        ({"version": "v2", "chart": "mine"}, {**HELM, "version": "v2", "chart": "mine"}),
        ({"type": "Other"}, {"type": "Other"}),
    ],
)
def test_helm(ref: dict[str, Any], filled: dict[str, Any]) -> None:
    assert fill({"name": "h", **ref}, REGISTRY) == {"name": "h", **filled}


def test_kustomize() -> None:
    filled = {"type": "Kustomize", "source": "https://g.test", "path": "p", "tag": "t"}
    assert fill({"name": "k"}, REGISTRY) == {"name": "k", **filled}


def test_what_the_registry_does_not_know_stays_as_it_is() -> None:
    assert fill({"name": "x"}, REGISTRY) == {"name": "x"}
    assert fill({"name": "bare"}, REGISTRY) == {"name": "bare", "type": "Helm"}
