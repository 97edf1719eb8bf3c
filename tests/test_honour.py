"""Warnings about criteria that have no effect or are missing."""

from __future__ import annotations

from typing import Any

import pytest

from aicr.catalog import Catalog
from aicr.resolve import resolve
from tests.conftest import criteria_of

OPEN = {"accelerator": "any", "intent": "any", "os": "any", "platform": "any"}


@pytest.mark.parametrize(
    ("given", "warnings"),
    [
        ({"service": "eks", **OPEN}, []),
        (
            {"service": "eks", **OPEN, "accelerator": "h100"},
            ["accelerator=h100 has no effect: no overlay for it applies here"],
        ),
        (
            {"service": "eks", "accelerator": "l40", "os": "rhel"},
            [
                "accelerator=l40 has no effect: no overlay for it applies here",
                "os=rhel has no effect: no overlay for it applies here",
                "intent is not stated: inference adds eks-inference; training adds eks-training "
                "(state intent=any to leave it open)",
            ],
        ),
        (
            {"service": "gke"},
            [
                "service=gke has no effect: no overlay for it applies here; it would with os=cos",
                "os is not stated: cos adds gke-cos (state os=any to leave it open)",
            ],
        ),
        (
            {"accelerator": "gb200"},
            [
                "accelerator=gb200 has no effect: no overlay for it applies here; "
                "it would with intent=inference, service=eks or intent=training, service=eks",
                "service is not stated: aks adds aks; eks adds eks; kind adds kind "
                "(state service=any to leave it open)",
            ],
        ),
        (
            {"service": "kind", "accelerator": "h100", "intent": "training", "nodes": 3},
            ["nodes=3 has no effect: no overlay for it applies here"],
        ),
        (
            {"service": "eks", "accelerator": "h100", "intent": "training", "os": "ubuntu"},
            [
                "platform is not stated: kubeflow adds h100-eks-ubuntu-training-kubeflow "
                "(state platform=any to leave it open)"
            ],
        ),
    ],
)
def test_warnings(builtin: Catalog, given: dict[str, Any], warnings: list[str]) -> None:
    assert list(resolve(builtin, criteria_of(builtin, **given)).warnings) == warnings


def test_an_exact_request_is_quiet(builtin: Catalog) -> None:
    leaf = builtin.overlays["h100-eks-ubuntu-training-kubeflow"]["criteria"]
    assert resolve(builtin, criteria_of(builtin, **leaf)).warnings == ()
