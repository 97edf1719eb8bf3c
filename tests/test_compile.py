"""What a catalog must be: every mistake is named with file, line and column."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from aicr import catalog as catalogs
from aicr.catalog import Catalog
from aicr.diagnostics import InvalidDocument
from aicr.resolve import resolve
from tests.conftest import REGISTRY, criteria_of

External = Callable[[dict[str, str]], str]

META = "kind: RecipeMetadata\nmetadata: {name: x}\n"
MIXIN = "kind: RecipeMixin\nmetadata: {name: m}\nspec:\n"

BROKEN: dict[str, tuple[dict[str, str], str]] = {
    "yaml": ({"overlays/x.yaml": "a: [\n"}, "overlays/x.yaml:2:1: malformed YAML"),
    "a list": ({"overlays/x.yaml": "- a\n"}, "overlays/x.yaml:1:1: the document:"),
    "no name": ({"overlays/x.yaml": "spec: {}\n"}, "overlays/x.yaml:1:1: metadata: field required"),
    "wrong type": (
        {"overlays/x.yaml": META + "spec:\n  componentRefs: {a: b}\n"},
        "overlays/x.yaml:4:3: spec.componentRefs: input should be a valid list",
    ),
    "number as version": (
        {"overlays/x.yaml": META + "spec:\n  componentRefs:\n  - name: a\n    version: 1.10\n"},
        "overlays/x.yaml:6:14: spec.componentRefs.0.version: input should be a valid string, "
        "not 1.1 (quote it)",
    ),
    "unknown criterion": (
        {"overlays/x.yaml": META + "spec:\n  criteria: {servce: eks}\n"},
        "overlays/x.yaml:4:22: no criteria field 'servce' in registry.yaml (did you mean 'service'?)",
    ),
    "unknown value": (
        {"overlays/x.yaml": META + "spec: {criteria: {service: esk}}\n"},
        "overlays/x.yaml:3:28: invalid service type: esk: did you mean 'eks'?",
    ),
    "unknown base": (
        {"overlays/x.yaml": META + "spec: {base: eks-trainin}\n"},
        'overlays/x.yaml:3:14: overlay "eks-trainin" not found (referenced in inheritance chain)',
    ),
    "base cycle": (
        {
            "overlays/a.yaml": "metadata: {name: c1}\nspec: {base: c2}\n",
            "overlays/b.yaml": "metadata: {name: c2}\nspec: {base: c1}\n",
        },
        "overlays/a.yaml:2:14: circular inheritance: c1 -> c2 -> c1",
    ),
    "unknown mixin": (
        {"overlays/x.yaml": META + "spec: {mixins: [dynmo]}\n"},
        "overlays/x.yaml:3:17: mixin 'dynmo' does not exist (did you mean 'dynamo'?)",
    ),
    "missing parameter": (
        {"overlays/x.yaml": META + "spec: {mixins: [dynamo]}\n"},
        "overlays/x.yaml:3:17: mixin dynamo needs the parameter 'storageClass'",
    ),
    "extra parameter": (
        {"overlays/x.yaml": META + "spec: {mixins: [{name: dra-any-node, with: {x: 1}}]}\n"},
        "overlays/x.yaml:3:48: mixin dra-any-node has no parameter 'x'",
    ),
    "parameter without use": (
        {
            "overlays/m.yaml": MIXIN + "  parameters: [p]\n  constraints: []\n",
            "overlays/x.yaml": META + "spec: {mixins: [{name: m, with: {p: 1}}]}\n",
        },
        "overlays/m.yaml:4:3: parameter 'p' stands nowhere",
    ),
    "undeclared parameter": (
        {
            "overlays/m.yaml": MIXIN + "  componentRefs: [{name: a, version: '${q}'}]\n",
            "overlays/x.yaml": META + "spec: {mixins: [m]}\n",
        },
        "overlays/m.yaml:3:1: ${q} is not a parameter of m",
    ),
    "same name twice": (
        {"overlays/x.yaml": META, "overlays/y.yaml": META},
        "overlays/y.yaml:2:18: 'x' is already the name of",
    ),
    "registry yaml": ({"registry.yaml": "components: {a: b}\n"}, "registry.yaml:1:1: components"),
    "registry twice": (
        {"registry.yaml": REGISTRY + "components: [{name: a}, {name: a}]\n"},
        "registry.yaml:3:32: component 'a' stands twice",
    ),
    "helm and kustomize": (
        {"registry.yaml": "components: [{name: a, helm: {defaultChart: c}, kustomize: {defaultTag: t}}]\n"},
        "registry.yaml:1:14: component 'a' is both helm and kustomize",
    ),
    "values are a list": (
        {"components/a/values.yaml": "- 1\n"},
        "components/a/values.yaml:1:1: Helm values must be a map",
    ),
    "unknown $base": (
        {"components/a/values-b.yaml": "$base: components/a/values-c.yaml\n"},
        "components/a/values-b.yaml:1:8: values file 'components/a/values-c.yaml' does not exist",
    ),
    "circular $base": (
        {
            "components/a/b.yaml": "$base: components/a/c.yaml\n",
            "components/a/c.yaml": "$base: components/a/b.yaml\n",
        },
        "components/a/b.yaml:1:8: circular $base: components/a/b.yaml -> components/a/c.yaml",
    ),
    "broken values": ({"components/a/values.yaml": "a: {\n"}, "components/a/values.yaml:2:1: malf"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_catalog_is_refused_with_the_place(external: External, name: str) -> None:
    files, words = BROKEN[name]
    directory = external(files)
    with pytest.raises(InvalidDocument) as caught:
        catalogs.load(directory)
    assert f"{directory}/{words}" in caught.value.message


def test_every_mistake_is_reported_at_once(external: External) -> None:
    directory = external({"overlays/x.yaml": "a: [\n", "overlays/y.yaml": "- 1\n"})
    with pytest.raises(InvalidDocument) as caught:
        catalogs.load(directory)
    assert len(caught.value.diagnostics) == 2
    assert "(and 1 more)" in caught.value.message


def test_unknown_keys_are_warnings_that_name_the_nearest(external: External) -> None:
    text = META + "spec:\n  componentRefs:\n  - name: cert-manager\n    valueFile: v\n"
    catalog = catalogs.load(external({"overlays/x.yaml": text}))
    (warning,) = catalog.warnings
    assert "overlays/x.yaml:6:16: warning: spec.componentRefs.0.valueFile has no effect" in warning
    assert "did you mean 'valuesFile'" in warning


def test_the_built_in_catalog_has_no_warnings(builtin: Catalog) -> None:
    assert builtin.warnings == []


class TestLayers:
    def test_an_external_overlay_wins_at_the_same_path(self, external: External) -> None:
        eks = "metadata: {name: eks}\nspec: {criteria: {service: eks}}\n"
        catalog = catalogs.load(external({"overlays/eks.yaml": eks}))
        assert catalog.overlays["eks"]["layers"][-1]["spec"] == {}

    def test_an_external_overlay_wins_by_name_at_another_path(self, external: External) -> None:
        eks = "metadata: {name: eks}\nspec: {criteria: {service: eks}}\n"
        catalog = catalogs.load(external({"mine/custom.yaml": eks}))
        assert catalog.overlays["eks"]["file"] == "data:mine/custom.yaml"

    def test_criteria_are_read_like_requests(self, external: External) -> None:
        text = "metadata: {name: up}\nspec: {criteria: {service: ' OKE '}}\n"
        catalog = catalogs.load(external({"overlays/x.yaml": text}))
        recipe = resolve(catalog, criteria_of(catalog, service="oke"))
        assert recipe.applied[-1] == "up"

    def test_both_layouts_name_the_same_values(self, external: External) -> None:
        ours = catalogs.load(external({"overlays/components/gpu-operator/values.yaml": "a: 1\n"}))
        entry = ours.values["components/gpu-operator/values.yaml"]
        assert entry["values"] == {"a": 1}

    def test_a_registry_adds_values_and_replaces_components(self, external: External) -> None:
        registry = (
            "criteria: {accelerator: {values: [{name: vr200, title: Vera Rubin}]}}\n"
            "components: [{name: cert-manager, displayName: mine}, {name: new, displayName: n}]\n"
        )
        catalog = catalogs.load(external({"registry.yaml": registry}))
        assert catalog.fields["accelerator"].parse("VR200") == "vr200"
        assert catalog.fields["accelerator"].parse("h100") == "h100"
        assert catalog.components["cert-manager"] == {"name": "cert-manager", "displayName": "mine"}
        assert {"new", "gpu-operator"} <= set(catalog.components)

    def test_files_of_other_kinds_and_tests_are_not_read(self, external: External) -> None:
        files = {
            "cat.yaml": "kind: Other\nspec: [1]\n",
            "checks/x/assert.yaml": "a: [\n",
            "components/a/manifests/cm.yaml": "{{ not yaml }}: [\n",
            "notes.txt": "hi",
            ".github/workflows/x.yaml": "a: [",
        }
        assert catalogs.load(external(files)).warnings == []

    def test_yml_counts_too(self, external: External) -> None:
        text = "metadata: {name: yml}\nspec: {criteria: {service: oke}}\n"
        assert "yml" in catalogs.load(external({"overlays/x.yml": text})).overlays
