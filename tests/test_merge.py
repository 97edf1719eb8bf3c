"""The merge rule book: its laws, and that no field of any document is without a policy."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aicr import models
from aicr.merge import COMPONENT_REF, RECIPE, REGISTRY, VALUES, Policy, Rule, RuleBook

KEYS = st.sampled_from(["a", "b", "c", "d"])
SCALARS = st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["", "x", "yes", "1.10"])
LEAVES = SCALARS | st.lists(SCALARS, max_size=3)
DIRECTED = st.sampled_from([{}, {"$patch": "delete"}, {"$patch": "replace"}])


def maps(children: Any) -> Any:
    return st.builds(lambda m, d: {**m, **d}, st.dictionaries(KEYS, children, max_size=4), DIRECTED)


PLAIN = st.dictionaries(KEYS, st.recursive(LEAVES, lambda c: st.dictionaries(KEYS, c, max_size=4)))
TREES = st.dictionaries(KEYS, st.recursive(LEAVES, maps, max_leaves=12), max_size=4)

NAMES = st.sampled_from(["w", "x", "y"])
COMPONENTS = st.fixed_dictionaries(
    {"name": NAMES},
    optional={
        "version": st.none() | st.sampled_from(["", "v1", "v2"]),
        "overrides": st.none() | st.dictionaries(KEYS, TREES, max_size=3),
        "dependencyRefs": st.none() | st.lists(NAMES, max_size=2, unique=True),
        "manifestFiles": st.none()
        | st.lists(st.sampled_from(["m1", "m2", "m3"]), max_size=3, unique=True),
        "cleanup": st.none() | st.booleans(),
        "$patch": st.sampled_from(["delete", "replace"]),
    },
)
CONSTRAINTS = st.fixed_dictionaries({"name": NAMES, "value": st.sampled_from([">= 1", "== 2"])})
PHASES = st.fixed_dictionaries({"checks": st.lists(NAMES, max_size=2)})
SPECS = st.fixed_dictionaries(
    {
        "componentRefs": st.lists(COMPONENTS, max_size=3, unique_by=lambda c: c["name"]),
        "constraints": st.lists(CONSTRAINTS, max_size=3, unique_by=lambda c: c["name"]),
    },
    optional={
        "validation": st.none()
        | st.dictionaries(st.sampled_from(["deployment"]), st.none() | PHASES),
    },
)


def over(rule: Rule, *layers: Any) -> Any:
    """The layers merged left to right, directives carried out."""
    book = RuleBook(rule)
    merged: Any = layers[0]
    for layer in layers[1:]:
        merged = book.merge(merged, layer)
    return book.finish(merged)


class TestLaws:
    @given(TREES)
    def test_an_empty_layer_changes_nothing(self, a: Any) -> None:
        assert over(VALUES, a, {}) == over(VALUES, a) == over(VALUES, {}, a)

    @given(PLAIN)
    def test_a_layer_over_itself_changes_nothing(self, a: Any) -> None:
        assert over(VALUES, a, a) == a

    @given(TREES, TREES, TREES)
    def test_values_merge_associatively(self, a: Any, b: Any, c: Any) -> None:
        book = RuleBook(VALUES)
        left = book.merge(book.merge(a, b), c)
        right = book.merge(a, book.merge(b, c))
        assert book.finish(left) == book.finish(right)

    @given(SPECS, SPECS, SPECS)
    def test_recipes_merge_associatively(self, a: Any, b: Any, c: Any) -> None:
        book = RuleBook(RECIPE)
        floor = {"componentRefs": [], "constraints": []}
        left = book.merge(book.merge(book.merge(floor, a), b), c)
        right = book.merge(book.merge(floor, a), book.merge(b, c))
        assert book.finish(left) == book.finish(right)

    @given(SPECS, SPECS)
    def test_inputs_are_never_changed(self, a: Any, b: Any) -> None:
        before = copy.deepcopy((a, b))
        book = RuleBook(RECIPE)
        book.finish(book.merge(a, b))
        assert (a, b) == before

    @given(SPECS, SPECS)
    def test_lists_by_name_come_out_sorted_and_unique(self, a: Any, b: Any) -> None:
        names = [c["name"] for c in over(RECIPE, a, b)["componentRefs"]]
        assert names == sorted(set(names))

    @given(PLAIN, KEYS, PLAIN)
    def test_delete_then_set_gives_exactly_what_was_set(self, a: Any, key: str, new: Any) -> None:
        deleted = {key: {"$patch": "delete"}}
        assert key not in over(VALUES, a, deleted)
        assert over(VALUES, a, deleted, {key: new})[key] == new


@pytest.mark.parametrize(
    ("base", "above", "merged"),
    [
        ({"a": {"x": 1}}, {"a": {"y": 2}}, {"a": {"x": 1, "y": 2}}),
        ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
        ({"a": [1, 2]}, {"a": []}, {"a": []}),
        ({"a": {"x": 1}}, {"a": None}, {"a": None}),
        ({"a": {"x": 1}}, {"a": {}}, {"a": {"x": 1}}),
        ({"a": 1}, {"a": {"x": 1}}, {"a": {"x": 1}}),
        ({"a": {"x": 1}}, {"a": 1}, {"a": 1}),
        ({"a": {"x": 1, "y": 2}}, {"a": {"$patch": "replace", "z": 3}}, {"a": {"z": 3}}),
        ({"a": {"x": 1}}, {"a": {"$patch": "delete"}}, {}),
        ({"a": 1}, {"a": {"$patch": "delete"}}, {}),
    ],
)
def test_values(base: Any, above: Any, merged: Any) -> None:
    assert over(VALUES, base, above) == merged


COMPONENT_CASES = [
    ("version", "v1", "v2", "v2"),
    ("version", "v1", "", "v1"),
    ("version", "v1", None, "v1"),
    ("overrides", {"a": {"x": 1}, "b": 1}, {"a": {"y": 2}}, {"a": {"y": 2}, "b": 1}),
    ("dependencyRefs", ["p"], ["q"], ["q"]),
    ("dependencyRefs", ["p"], [], ["p"]),
    ("manifestFiles", ["m1", "m2"], ["m2", "m3"], ["m1", "m2", "m3"]),
    ("manifestFiles", ["m1"], None, ["m1"]),
    ("overrides", {"a": 1}, None, {"a": 1}),
    ("overrides", {"a": 1}, {"a": None}, {"a": None}),
    ("cleanup", True, None, True),
    ("cleanup", True, False, True),
    ("cleanup", False, True, True),
    ("expectedResources", [{"kind": "A", "name": "a"}], [], [{"kind": "A", "name": "a"}]),
]


@pytest.mark.parametrize(("key", "base", "above", "merged"), COMPONENT_CASES)
def test_component_fields(key: str, base: Any, above: Any, merged: Any) -> None:
    a = {"componentRefs": [{"name": "w", key: base}]}
    b = {"componentRefs": [{"name": "w", key: above}]}
    assert over(RECIPE, a, b) == {"componentRefs": [{"name": "w", key: merged}]}


def test_constraints_are_replaced_whole_by_name() -> None:
    a = {"constraints": [{"name": "k", "value": "1", "severity": "error"}]}
    b = {"constraints": [{"name": "k", "value": "2"}, {"name": "j", "value": "3"}]}
    merged = over(RECIPE, a, b)["constraints"]
    assert merged == [{"name": "j", "value": "3"}, {"name": "k", "value": "2"}]


def test_a_phase_replaces_a_phase_and_leaves_the_others() -> None:
    a = {"validation": {"deployment": {"timeout": "1m"}, "performance": {"timeout": "2m"}}}
    b = {"validation": {"deployment": {"checks": ["x"]}}}
    merged = over(RECIPE, a, b)["validation"]
    assert merged == {"deployment": {"checks": ["x"]}, "performance": {"timeout": "2m"}}


def test_a_component_can_be_removed() -> None:
    a = {"componentRefs": [{"name": "v"}, {"name": "w"}]}
    b = {"componentRefs": [{"name": "w", "$patch": "delete"}]}
    assert over(RECIPE, a, b) == {"componentRefs": [{"name": "v"}]}


def test_directives_in_overrides_are_for_the_values_below() -> None:
    spec = {"componentRefs": [{"name": "w", "overrides": {"a": {"$patch": "delete"}}}]}
    assert over(RECIPE, {}, spec) == spec


def fields(*kinds: type[models.Model]) -> set[str]:
    aliases = {i.alias or n for kind in kinds for n, i in kind.model_fields.items()}
    return aliases - {"$patch"}


def test_every_field_of_every_document_has_a_policy() -> None:
    """A field that the tables do not know would merge by accident."""
    assert set(RECIPE.below) == fields(models.RecipeSpec, models.MixinSpec)
    assert set(COMPONENT_REF.below) == fields(models.ComponentRef)
    assert set(RECIPE.below["validation"].below) == fields(models.Validation)
    assert set(REGISTRY.below) == fields(models.ComponentRegistry)
    criteria = REGISTRY.below["criteria"].below["*"]
    assert set(criteria.below) == fields(models.CriteriaField)


def test_every_policy_is_documented() -> None:
    from aicr import merge

    for policy in Policy:
        assert f"| {policy.name} " in (merge.__doc__ or "")
