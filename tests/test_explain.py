"""Selectors of explain."""

from __future__ import annotations

import pytest

from aicr.catalog import Catalog
from aicr.errors import NotFound
from aicr.explain import explain
from aicr.resolve import resolve
from tests.conftest import criteria_of


@pytest.mark.parametrize(
    ("selector", "paths"),
    [
        ("criteria.service", ["criteria.service"]),
        (".criteria.service", ["criteria.service"]),
        ("constraints.0.value", ["constraints.0.value"]),
        ("constraints.K8s.server.version.value", ["constraints.0.value"]),
        ("components.cert-manager.version", ["components.cert-manager.version"]),
        (
            "components.gpu-operator.values.driver.rdma",
            ["components.gpu-operator.values.driver.rdma.enabled"],
        ),
        (
            "components.gpu-operator.values.devicePlugin.env.DEVICE_LIST_STRATEGY.value",
            ["components.gpu-operator.values.devicePlugin.env.1.value"],
        ),
    ],
)
def test_selectors(builtin: Catalog, selector: str, paths: list[str]) -> None:
    recipe = resolve(builtin, criteria_of(builtin, service="eks"))
    assert [e.path for e in explain(builtin, recipe, "v", selector)] == paths


def test_an_empty_selector_explains_everything(builtin: Catalog) -> None:
    recipe = resolve(builtin, criteria_of(builtin, service="eks"))
    everything = explain(builtin, recipe, "v", "")
    assert len(everything) > 300
    assert len({e.path for e in everything}) == len(everything)


@pytest.mark.parametrize(
    ("selector", "words"),
    [
        ("component", "did you mean 'components'"),
        ("components.gpu-operater", "'gpu-operator'"),
        ("constraints.9", 'key "9" not found'),
        ("deploymentOrder.²", 'key "²" not found'),
        ("criteria.service.x", 'key "x" not found'),
    ],
)
def test_what_is_not_there(builtin: Catalog, selector: str, words: str) -> None:
    recipe = resolve(builtin, criteria_of(builtin, service="eks"))
    with pytest.raises(NotFound) as caught:
        explain(builtin, recipe, "v", selector)
    assert words in caught.value.message
