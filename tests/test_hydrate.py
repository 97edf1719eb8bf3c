"""Values of a component: files, $base, overrides (contract section 5 and its worked example)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from aicr import catalog as catalogs
from aicr.errors import InvalidRequest
from aicr.hydrate import component_values, hydrate
from aicr.query import select
from aicr.resolve import resolve
from tests.conftest import criteria_of

WORKED_EXAMPLE = {
    "registry.yaml": """\
components:
  - name: widget
    displayName: widget
    helm: {defaultRepository: https://charts.example.test, defaultChart: acme/widget, defaultNamespace: widgets}
  - name: dash
    displayName: dash
    helm: {defaultRepository: oci://reg.example.test/charts, defaultChart: dash, defaultVersion: 2.0.0, defaultNamespace: boards}
""",
    "overlays/monitoring-hpa.yaml": "metadata: {name: monitoring-hpa}\nspec: {criteria: {intent: any}}\n",
    "overlays/base.yaml": """\
metadata: {name: base}
spec:
  constraints: [{name: K8s.server.version, value: ">= 1.27"}]
  componentRefs:
    - {name: widget, version: v1.0.0, valuesFile: components/widget/values.yaml, dependencyRefs: [dash]}
    - {name: dash}
""",
    "overlays/oke.yaml": """\
metadata: {name: acme-oke}
spec:
  criteria: {service: oke}
  constraints: [{name: K8s.server.version, value: ">= 1.31"}]
  componentRefs:
    - name: widget
      valuesFile: components/widget/values-oke.yaml
      overrides: {log: {level: debug}}
      manifestFiles: [components/widget/manifests/cm.yaml]
""",
    "components/widget/values.yaml": (
        "log: {level: info, json: true}\nlist: [1, 2]\n"
        "ctl: {tolerations: [{key: x, operator: Exists}]}\n"
    ),
    "components/widget/values-oke.yaml": "list: [3]\nlog: {json: null}\n",
}  # fmt: skip

External = Callable[[dict[str, str]], str]


def hydrated(directory: str, **given: Any) -> dict[str, Any]:
    catalog = catalogs.load(directory)
    return hydrate(catalog, resolve(catalog, criteria_of(catalog, **given)), "v")


def test_the_worked_example_of_the_contract(external: External) -> None:
    document = hydrated(external(WORKED_EXAMPLE), service="oke")
    assert select(document, "metadata.appliedOverlays") == ["base", "monitoring-hpa", "acme-oke"]
    assert document["constraints"] == [{"name": "K8s.server.version", "value": ">= 1.31"}]
    assert document["deploymentOrder"] == ["dash", "widget"]
    assert document["components"]["dash"] == {
        "name": "dash",
        "type": "Helm",
        "source": "oci://reg.example.test/charts",
        "namespace": "boards",
        "chart": "dash",
        "version": "2.0.0",
    }
    assert select(document, "components.widget.chart") == "widget"
    assert select(document, "components.widget.values") == {
        "ctl": {"tolerations": [{"key": "x", "operator": "Exists"}]},
        "list": [3],
        "log": {"json": None, "level": "debug"},
    }


FILES = {
    "components/z/values.yaml": "a: 1\nl: [1, 2]\nm: {x: 1, y: 2}\n",
    "components/z/mid.yaml": "a: 2\nm: {x: 3}\n",
    "components/z/top.yaml": "$base: components/z/mid.yaml\nl: []\n",
    "components/z/empty.yaml": "",
    "components/other/values.yaml": "ignored: true\n",
    "components/other/lone.yaml": "b: 1\n",
}


def test_the_base_of_a_components_own_values_counts_too(external: External) -> None:
    files = {
        "components/w/values.yaml": "$base: components/w/common.yaml\nown: 1\n",
        "components/w/common.yaml": "common: 1\nown: 0\n",
        "components/w/values-a.yaml": "a: 1\n",
    }
    catalog = catalogs.load(external(files))
    ref = {"name": "w", "valuesFile": "components/w/values-a.yaml"}
    assert component_values(catalog, ref) == {"common": 1, "own": 1, "a": 1}


@pytest.mark.parametrize(
    ("ref", "values"),
    [
        ({"name": "z"}, {}),
        ({"name": "z", "overrides": {"k": {"v": 1}}}, {"k": {"v": 1}}),
        ({"name": "z", "valuesFile": "components/z/values.yaml"}, {"a": 1, "l": [1, 2], "m": {"x": 1, "y": 2}}),
        ({"name": "z", "valuesFile": "components/z/mid.yaml"}, {"a": 2, "l": [1, 2], "m": {"x": 3, "y": 2}}),
        ({"name": "z", "valuesFile": "components/z/top.yaml"}, {"a": 2, "l": [], "m": {"x": 3, "y": 2}}),
        ({"name": "z", "valuesFile": "components/z/empty.yaml"}, {"a": 1, "l": [1, 2], "m": {"x": 1, "y": 2}}),
        ({"name": "q", "valuesFile": "components/other/lone.yaml"}, {"b": 1}),
        (
            {"name": "z", "valuesFile": "components/z/values.yaml", "overrides": {"m": {"$patch": "delete"}, "a": None}},
            {"a": None, "l": [1, 2]},
        ),
    ],
)  # fmt: skip
def test_layers_of_values(external: External, ref: dict[str, Any], values: Any) -> None:
    catalog = catalogs.load(external(FILES))
    assert component_values(catalog, ref) == values


def test_a_missing_values_file_is_an_error_that_names_the_nearest(external: External) -> None:
    catalog = catalogs.load(external(FILES))
    with pytest.raises(InvalidRequest, match=r"components/z/midd.yaml does not exist.*mid.yaml"):
        component_values(catalog, {"name": "z", "valuesFile": "components/z/midd.yaml"})
