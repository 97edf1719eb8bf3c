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
    "no name": ({"overlays/x.yaml": "spec: {}\n"}, "overlays/x.yaml:1:1: metadata: is required"),
    "wrong type": (
        {"overlays/x.yaml": META + "spec:\n  componentRefs: {a: b}\n"},
        "overlays/x.yaml:4:3: spec.componentRefs: must be a list",
    ),
    "number as version": (
        {"overlays/x.yaml": META + "spec:\n  componentRefs:\n  - name: a\n    version: 1.10\n"},
        "overlays/x.yaml:6:14: spec.componentRefs.0.version: must be text, "
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
        "overlays/m.yaml:3:1: ${q} is no parameter of m",
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
    "named like the root": (
        {"overlays/x.yaml": "metadata: {name: base}\nspec: {criteria: {service: oke}}\n"},
        "overlays/x.yaml:1:18: only overlays/base.yaml is the root",
    ),
    "two roots": (
        {"overlays/a/base.yaml": META, "overlays/b/base.yaml": META},
        "overlays/b/base.yaml:1:1: ",
    ),
    "unknown directive in overrides": (
        {"overlays/x.yaml": META + "spec: {componentRefs: [{name: a, overrides: {b: {$patch: merge}}}]}\n"},
        "overlays/x.yaml:3:58: $patch: merge is no directive here, only delete or replace",
    ),
    "unknown directive in values": (
        {"components/a/values.yaml": "b: {$patch: merge}\n"},
        "components/a/values.yaml:1:13: $patch: merge is no directive here",
    ),
    "all values deleted": (
        {"components/a/values.yaml": "$patch: delete\n"},
        "components/a/values.yaml:1:9: $patch: delete is no directive here, only replace",
    ),
    "directive where nothing merges": (
        {"overlays/x.yaml": META + "spec: {$patch: replace}\n"},
        "overlays/x.yaml:3:16: spec.$patch: what stands here cannot be deleted or replaced",
    ),
    "directive in a registry": (
        {"registry.yaml": "components: [{name: gpu-operator, $patch: delete}]\n"},
        "registry.yaml:1:43: components.0.$patch: what stands here cannot",
    ),
    "number as criterion": (
        {
            "registry.yaml": "criteria: {region: {values: [{name: eu}]}}\n",
            "overlays/x.yaml": META + "spec: {criteria: {region: 5}}\n",
        },
        "overlays/x.yaml:3:27: spec.criteria.region: must be text, not 5 (quote it)",
    ),
    "alias of nothing": (
        {"registry.yaml": "criteria: {os: {values: [{name: any}]}}\n"},
        "registry.yaml:1:33: 'any' is no value",
    ),
    "$base is a map": (
        {"components/a/values.yaml": "$base: {}\n"},
        "components/a/values.yaml:1:1: values file {} does not exist",
    ),
    "parameter of the wrong type": (
        {
            "overlays/m.yaml": MIXIN + "  parameters: [v]\n  constraints: [{name: k, value: '${v}'}]\n",
            "overlays/x.yaml": META + "spec: {mixins: [{name: m, with: {v: 1.30}}]}\n",
        },
        "overlays/x.yaml:3:37: constraints.0.value: must be text, not 1.3 (quote it)",
    ),
    "parameter inside a text": (
        {
            "overlays/m.yaml": MIXIN + "  parameters: [v]\n  constraints: [{name: k, value: '>= ${v}'}]\n",
            "overlays/x.yaml": META + "spec: {mixins: [{name: m, with: {v: '1'}}]}\n",
        },
        "overlays/m.yaml:3:1: ${v} stands inside a longer text",
    ),
    "component twice": (
        {"overlays/x.yaml": META + "spec: {componentRefs: [{name: a}, {name: a}]}\n"},
        "overlays/x.yaml:3:42: 'a' stands twice in one document",
    ),
    "misspelt kind": (
        {"overlays/x.yaml": "apiVersion: aicr.nvidia.com/v1alpha1\nkind: RecipeMetdata\nmetadata: {name: x}\n"},
        "overlays/x.yaml:2:7: no kind 'RecipeMetdata' in a catalog (did you mean 'RecipeMetadata'",
    ),
    "constraint without value": (
        {"overlays/x.yaml": META + "spec: {constraints: [{name: a}]}\n"},
        "overlays/x.yaml:3:22: spec.constraints.0: a constraint needs a value",
    ),
    "mixin use of the wrong type": (
        {"overlays/x.yaml": META + "spec: {mixins: [{name: dynamo, with: {storageClass: {a: 1}}}]}\n"},
        "overlays/x.yaml:3:39: spec.mixins.0.with.storageClass: must be text, a number or a boolean",
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


def test_what_did_not_load_is_not_reported_again_by_what_refers_to_it(external: External) -> None:
    directory = external({
        "components/a/values.yaml": "- 1\n",
        "overlays/x.yaml": META + "spec: {base: gone}\n",
    })  # fmt: skip
    with pytest.raises(InvalidDocument) as caught:
        catalogs.load(directory)
    assert len(caught.value.diagnostics) == 1


NULLS = (
    META
    + """spec:
  criteria: {service: oke}
  mixins: null
  constraints: null
  validation: {performance: null}
  componentRefs:
    - {name: gpu-operator, manifestFiles: null, overrides: null, dependencyRefs: null, version: null}
"""
)


def test_null_means_not_stated(external: External) -> None:
    """Except in Helm values, where Helm wants it to mean something."""
    mixin = (
        "kind: RecipeMixin\nmetadata: {name: m}\nspec: {constraints: null, componentRefs: null}\n"
    )
    user = "metadata: {name: y}\nspec: {base: x, criteria: {service: oke}, mixins: [m]}\n"
    files = {"overlays/x.yaml": NULLS, "overlays/m.yaml": mixin, "overlays/y.yaml": user}
    catalog = catalogs.load(external(files))
    below = resolve(catalog, criteria_of(catalog, service="gke"))
    recipe = resolve(catalog, criteria_of(catalog, service="oke"))
    assert recipe.applied[-2:] == ("x", "y")
    assert {**recipe.document("v"), "metadata": 0, "criteria": 0} == {
        **below.document("v"),
        "metadata": 0,
        "criteria": 0,
    }


def test_lists_beside_the_values_are_not_values(external: External) -> None:
    files = {"components/a/patches.yaml": "- op: add\n", "components/a/values.yaml": "# later\n"}
    catalog = catalogs.load(external(files))
    assert "components/a/patches.yaml" in catalog.data["files"]
    assert catalog.values["components/a/values.yaml"]["values"] == {}


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
    assert "overlays/x.yaml:6:16: spec.componentRefs.0.valueFile has no effect" in warning
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
        assert catalog.overlays["eks"]["file"] == "<data>/mine/custom.yaml"

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
