"""Recipes: every distinct answer of the catalog, and the rules that lead to it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest

from aicr import catalog as catalogs
from aicr import yamlio
from aicr.catalog import Catalog
from aicr.errors import InvalidRequest
from aicr.hydrate import hydrate
from aicr.order import deployment_order
from aicr.resolve import resolve
from tests.conftest import criteria_of, families

NAMES = [
    "monitoring-hpa", "aks", "eks", "kind", "aks-inference", "aks-training", "eks-inference",
    "eks-training", "gke-cos", "kind-inference", "gb200-eks-inference", "gb200-eks-training",
    "gke-cos-inference", "gke-cos-training", "h100-aks-inference", "h100-aks-training",
    "h100-eks-inference", "h100-eks-training", "h100-kind-inference", "h100-kind-training",
    "gb200-eks-ubuntu-inference", "gb200-eks-ubuntu-training", "h100-aks-ubuntu-inference",
    "h100-aks-ubuntu-training", "h100-eks-ubuntu-inference", "h100-eks-ubuntu-training",
    "h100-gke-cos-inference", "h100-gke-cos-training", "h100-kind-inference-dynamo",
    "gb200-eks-ubuntu-inference-dynamo", "gb200-eks-ubuntu-training-kubeflow",
    "h100-aks-ubuntu-inference-dynamo", "h100-aks-ubuntu-training-kubeflow",
    "h100-eks-ubuntu-inference-dynamo", "h100-eks-ubuntu-training-kubeflow",
    "h100-gke-cos-inference-dynamo", "h100-gke-cos-training-kubeflow",
]  # fmt: skip


def test_the_catalog_has_these_answers_and_no_others(builtin: Catalog) -> None:
    assert sorted(families(builtin)) == sorted(NAMES)
    distinct = set()
    fields = builtin.fields
    for combination in product(*(["any", *f.values] for f in fields.values())):
        given = dict(zip(fields, combination, strict=True))
        distinct.add(resolve(builtin, criteria_of(builtin, **given)).applied)
    assert len(distinct) == 37


@pytest.mark.parametrize("name", NAMES)
def test_every_recipe(builtin: Catalog, snapshot: Any, name: str) -> None:
    recipe = resolve(builtin, families(builtin)[name])
    assert recipe.applied[-1] == name
    assert yamlio.dump(recipe.document("<version>")) == snapshot


@pytest.mark.parametrize("name", NAMES)
def test_every_hydrated_recipe(builtin: Catalog, snapshot: Any, name: str) -> None:
    document = hydrate(builtin, resolve(builtin, families(builtin)[name]), "<version>")
    assert yamlio.dump(document) == snapshot


def test_answers_do_not_depend_on_earlier_ones(builtin: Catalog) -> None:
    """The catalog is shared by all answers: nothing may change it."""
    before = copy.deepcopy(builtin.data)
    first = {n: resolve(builtin, c).document("v") for n, c in families(builtin).items()}
    for criteria in families(builtin).values():
        hydrate(builtin, resolve(builtin, criteria), "v")
    again = {n: resolve(builtin, c).document("v") for n, c in families(builtin).items()}
    assert (again, builtin.data) == (first, before)


# --------------------------------------------------------------------------- order


@pytest.mark.parametrize(
    ("needs", "order"),
    [
        ({"a": [], "b": ["a"], "c": [], "aa": ["a"]}, "a aa b c"),
        ({"z": [], "y": ["z"], "a": ["y"]}, "z y a"),
        ({"a": ["b", "b"], "b": []}, "b a"),
        ({}, ""),
    ],
)
def test_deployment_order(needs: dict[str, list[str]], order: str) -> None:
    refs = [{"name": n, "dependencyRefs": d} for n, d in needs.items()]
    assert " ".join(deployment_order(refs)) == order


@pytest.mark.parametrize(
    ("needs", "words"),
    [
        ({"p": ["zzz"]}, 'component "p" references unknown dependency "zzz"'),
        ({"p": ["p"]}, "circular dependency detected: p -> p"),
        ({"p": ["q"], "q": ["p"]}, "circular dependency detected: p -> q -> p"),
        ({"a": [], "p": ["q"], "q": ["r", "a"], "r": ["p"]}, "p -> q -> r -> p"),
    ],
)
def test_broken_dependencies_name_the_path(needs: dict[str, list[str]], words: str) -> None:
    refs = [{"name": n, "dependencyRefs": d} for n, d in needs.items()]
    with pytest.raises(InvalidRequest) as caught:
        deployment_order(refs)
    message = caught.value.message
    cycle = message.split(": ")[-1].split(" -> ")
    rotations = {" -> ".join([*cycle[i:-1], *cycle[:i], cycle[i]]) for i in range(len(cycle) - 1)}
    assert words in message or any(r in words for r in rotations)


External = Callable[[dict[str, str]], str]


def overlay(name: str, spec: str) -> str:
    return f"kind: RecipeMetadata\nmetadata: {{name: {name}}}\nspec: {spec}\n"


def applied(directory: str, **given: Any) -> list[str]:
    catalog = catalogs.load(directory)
    return list(resolve(catalog, criteria_of(catalog, **given)).applied)


def test_overlays_merge_general_before_specific_then_by_name(external: External) -> None:
    directory = external(
        {
            "overlays/1.yaml": overlay("all-open", "{criteria: {service: any, intent: any}}"),
            "overlays/2.yaml": overlay("zz-empty", "{criteria: {}}"),
            "overlays/3.yaml": overlay("b-site", "{criteria: {service: oke}}"),
            "overlays/4.yaml": overlay("a-site", "{criteria: {service: oke}}"),
            "overlays/5.yaml": overlay("0-leaf", "{criteria: {service: oke, os: rhel}}"),
            "overlays/6.yaml": overlay("0-child", "{base: b-site, criteria: {service: oke}}"),
        }
    )
    order = ["all-open", "monitoring-hpa", "zz-empty", "a-site", "b-site", "0-child", "0-leaf"]
    assert applied(directory, service="oke", os="rhel") == ["base", *order]


def test_parents_come_along_even_when_they_do_not_match(external: External) -> None:
    child = overlay("child", "{base: eks-training, criteria: {service: oke}}")
    directory = external({"overlays/x.yaml": child})
    names = ["base", "monitoring-hpa", "eks", "eks-training", "child"]
    assert applied(directory, service="oke") == names


# --------------------------------------------------------------------------- snapshots

READINGS = {
    "K8s": {"server": {"version": "v1.31.2-eks-1"}},
    "OS": {"release": {"ID": "ubuntu", "VERSION_ID": "24.04"}},
}


def test_a_snapshot_leaves_out_what_it_fails(builtin: Catalog) -> None:
    request = criteria_of(
        builtin, service="eks", accelerator="h100", intent="training", os="ubuntu"
    )
    recipe = resolve(builtin, request, READINGS)
    assert recipe.applied == ("base", "monitoring-hpa", "eks", "eks-training")
    assert recipe.excluded == ["h100-eks-training", "h100-eks-ubuntu-training"]
    first = recipe.document("v")["metadata"]["constraintWarnings"][0]
    assert first == {
        "overlay": "h100-eks-training",
        "constraint": "K8s.server.version",
        "expected": ">= 1.32.4",
        "actual": "v1.31.2-eks-1",
        "reason": "expected >= 1.32.4, got v1.31.2-eks-1",
    }


def test_what_a_snapshot_rules_out_is_not_called_unknown(builtin: Catalog) -> None:
    """The exclusion is the reason, and nothing that builds on it is worth proposing."""
    given = {"service": "eks", "accelerator": "h100", "intent": "training", "os": "ubuntu"}
    recipe = resolve(builtin, criteria_of(builtin, **given), READINGS)
    assert recipe.warnings == ()
    assert recipe.messages[0] == (
        "overlays left out: h100-eks-training, h100-eks-ubuntu-training: K8s.server.version "
        "must be >= 1.32.4, the snapshot has v1.31.2-eks-1"
    )


def test_a_missing_values_file_is_said_with_the_recipe(external: External) -> None:
    spec = "{criteria: {service: oke}, componentRefs: [{name: kgateway, valuesFile: components/x.yaml}]}"
    catalog = catalogs.load(external({"overlays/x.yaml": overlay("x", spec)}))
    warnings = resolve(catalog, criteria_of(catalog, service="oke")).warnings
    assert warnings[0] == "component kgateway: values file components/x.yaml does not exist"


def test_a_child_of_an_excluded_overlay_is_excluded_too(external: External) -> None:
    parent = (
        "{criteria: {service: oke}, constraints: [{name: K8s.server.version, value: '>= 1.40'}]}"
    )
    child = (
        "{base: par, criteria: {service: oke, accelerator: h100}, "
        "constraints: [{name: K8s.server.version, value: '>= 1.20'}]}"
    )
    directory = external(
        {"overlays/p.yaml": overlay("par", parent), "overlays/c.yaml": overlay("kid", child)}
    )
    catalog = catalogs.load(directory)
    request = criteria_of(catalog, service="oke", accelerator="h100")
    recipe = resolve(catalog, request, READINGS)
    assert recipe.applied == ("base", "monitoring-hpa")
    assert recipe.excluded == ["par", "kid"]
    assert recipe.exclusions[1].reason.startswith(
        "parent overlay par is excluded: expected >= 1.40"
    )
