"""Provenance: every leaf's history, replayed from the files it names."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from aicr import catalog as catalogs
from aicr import yamlio
from aicr.catalog import Catalog
from aicr.hydrate import hydrate
from aicr.positions import unmark
from aicr.resolve import resolve
from aicr.trace import Leaf, leaves, plain, traced
from tests.conftest import ROOT, criteria_of, families
from tests.test_hydrate import WORKED_EXAMPLE
from tests.test_resolve import NAMES

SHOWN_ONLY_HERE = ("valuesFile", "manifestFiles")


def without_extras(document: dict[str, Any]) -> dict[str, Any]:
    components = {
        name: {k: v for k, v in component.items() if k not in SHOWN_ONLY_HERE}
        for name, component in document["components"].items()
    }
    return {k: v for k, v in {**document, "components": components}.items() if k != "validation"}


@cache
def values_of(file: str) -> dict[tuple[int, int], list[Any]]:
    """Every value of a file, by its position."""
    found: dict[tuple[int, int], list[Any]] = {}

    def walk(value: Any, positions: Any) -> None:
        place = positions if isinstance(positions, int) else positions[0]
        found.setdefault(unmark(place), []).append(value)
        if isinstance(value, dict):
            for key, below in value.items():
                walk(below, positions[1][key])
        elif isinstance(value, list):
            for below, at in zip(value, positions[1], strict=True):
                walk(below, at)

    walk(*yamlio.parse((ROOT / file).read_bytes(), file))
    return found


@pytest.mark.parametrize("name", NAMES)
def test_replaying_the_provenance_of_every_leaf_gives_its_value(
    builtin: Catalog, name: str
) -> None:
    recipe = resolve(builtin, families(builtin)[name])
    document = hydrate(builtin, recipe, "v")
    tree = traced(builtin, recipe, "v")
    assert without_extras(plain(tree)) == document
    for path, leaf in leaves(tree):
        assert isinstance(leaf, Leaf)
        newest = leaf.history[-1].origin
        if not newest.file:
            assert newest.layer.startswith("computed from"), path
            continue
        stated = values_of(newest.file)[newest.line, newest.column]
        if path[-1] == "chart" and newest.layer == "registry default":
            stated = [str(s).rsplit("/", 1)[-1] for s in stated]
        assert any(s == leaf.value and type(s) is type(leaf.value) for s in stated), path


def test_everything_computed_is_computed_by_name(builtin: Catalog) -> None:
    recipe = resolve(builtin, criteria_of(builtin, service="eks"))
    tree = traced(builtin, recipe, "v")
    computed = {path[0] for path, leaf in leaves(tree) if not leaf.history[-1].origin.file}
    assert computed == {"kind", "apiVersion", "metadata", "criteria", "deploymentOrder"}


External = Callable[[dict[str, str]], str]


def test_a_history_names_layer_file_line_and_what_was_replaced(external: External) -> None:
    directory = external(WORKED_EXAMPLE)
    catalog = catalogs.load(directory)
    tree = traced(catalog, resolve(catalog, criteria_of(catalog, service="oke")), "v")
    level = tree["components"]["widget"]["values"]["log"]["level"]
    seen = [(e.value, e.origin.layer, e.origin.file, e.origin.line) for e in level.history]
    assert seen == [
        (
            "info",
            "values file components/widget/values.yaml",
            f"{directory}/components/widget/values.yaml",
            1,
        ),
        ("debug", "overlay acme-oke", f"{directory}/overlays/oke.yaml", 8),
    ]
    lists = tree["components"]["widget"]["values"]["list"]
    assert [e.value for e in lists[0].history] == [1, 3]
    floor = tree["constraints"][0]["value"]
    assert [e.value for e in floor.history] == [">= 1.27", ">= 1.31"]


def test_a_mixin_parameter_is_traced_to_where_it_is_given(builtin: Catalog) -> None:
    tree = traced(builtin, resolve(builtin, criteria_of(builtin, service="eks")), "v")
    spec = tree["components"]["kube-prometheus-stack"]["values"]["prometheus"]["prometheusSpec"]
    volume = spec["storageSpec"]["volumeClaimTemplate"]["spec"]
    origin = volume["storageClassName"].history[-1].origin
    assert (origin.layer, origin.file) == ("mixin persistent-prometheus", "overlays/eks.yaml")
    assert volume["accessModes"][0].history[-1].origin.file == (
        "overlays/mixins/persistent-prometheus.yaml"
    )


def test_emptiness_has_an_origin_too(builtin: Catalog) -> None:
    tree = traced(builtin, resolve(builtin, criteria_of(builtin, service="kind")), "v")
    env = tree["components"]["gpu-operator"]["values"]["devicePlugin"]["env"]
    assert env.value == []
    assert [e.origin.file for e in env.history] == [
        "overlays/components/gpu-operator/values.yaml",
        "overlays/kind.yaml",
    ]


def test_a_map_remembers_the_scalar_it_replaced(external: External) -> None:
    overlay = (
        "metadata: {name: x}\nspec: {criteria: {service: oke}, componentRefs: [{name: w, "
        "valuesFile: components/w/values.yaml, overrides: {f: {a: 2}}}]}\n"
    )
    files = {"overlays/x.yaml": overlay, "components/w/values.yaml": "f: 1\n"}
    catalog = catalogs.load(external(files))
    tree = traced(catalog, resolve(catalog, criteria_of(catalog, service="oke")), "v")
    assert [e.value for e in tree["components"]["w"]["values"]["f"]["a"].history] == [1, 2]


def test_what_is_stated_empty_is_not_there(external: External) -> None:
    overlay = (
        "metadata: {name: x}\nspec: {criteria: {service: oke}, componentRefs: "
        "[{name: w, namespace: '', version: null, dependencyRefs: []}]}\n"
    )
    catalog = catalogs.load(external({"overlays/x.yaml": overlay}))
    tree = traced(catalog, resolve(catalog, criteria_of(catalog, service="oke")), "v")
    assert set(tree["components"]["w"]) == {"name", "type", "source"}
