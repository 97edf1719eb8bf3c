"""Criteria: spellings, matching and documents (contract section 2 and 3.3)."""

from __future__ import annotations

from typing import Any

import pytest

from aicr.catalog import Catalog
from aicr.criteria import Criteria, breadth, from_document, matches, specificity
from aicr.errors import InvalidRequest
from tests.conftest import criteria_of


@pytest.mark.parametrize(
    ("field", "text", "value"),
    [
        ("service", "eks", "eks"),
        ("service", "EKS", "eks"),
        ("service", " eks\t", "eks"),
        ("service", "", "any"),
        ("service", "Any", "any"),
        ("service", "self-managed", "any"),
        ("service", "VANILLA", "any"),
        ("os", "al2", "amazonlinux"),
        ("os", "AL2023", "amazonlinux"),
        ("accelerator", "GB200", "gb200"),
    ],
)
def test_values_are_accepted_in_any_spelling(
    builtin: Catalog, field: str, text: str, value: str
) -> None:
    assert builtin.fields[field].parse(text) == value


@pytest.mark.parametrize(
    ("field", "text", "words"),
    [
        ("service", "ekss", ["invalid service type: ekss", "'eks'", "gke, aks, oke, kind, any"]),
        ("accelerator", "h20", ["invalid accelerator type: h20", "'h100'"]),
        ("os", "ubunut", ["invalid os type: ubunut", "'ubuntu'"]),
        ("platform", "kubflow", ["'kubeflow'"]),
        ("intent", "§", ["invalid intent type: §", "training, inference, any"]),
    ],
)
def test_a_bad_value_is_answered_with_the_nearest(
    builtin: Catalog, field: str, text: str, words: list[str]
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        builtin.fields[field].parse(text)
    assert all(word in caught.value.message for word in words)
    assert caught.value.details["allowed"] == [*builtin.fields[field].values, "any"]


@pytest.mark.parametrize(
    ("rule", "request_", "matched"),
    [
        ({"service": "eks"}, {"service": "eks", "accelerator": "h100"}, True),
        ({"service": "eks", "accelerator": "h100"}, {"service": "eks"}, False),
        ({"service": "eks"}, {"service": "gke"}, False),
        ({"intent": "any"}, {}, True),
        ({}, {}, True),
        (None, {"service": "eks"}, False),
        ({"service": "eks", "nodes": 0}, {"service": "eks", "nodes": 4}, True),
        ({"nodes": 4}, {"nodes": 4}, True),
        ({"nodes": 4}, {"nodes": 5}, False),
        ({"nodes": 4}, {}, False),
    ],
)
def test_matching_is_asymmetric(
    builtin: Catalog, rule: Any, request_: dict[str, Any], matched: bool
) -> None:
    assert matches(rule, criteria_of(builtin, **request_)) is matched


def test_specificity_counts_what_narrows_and_breadth_what_says_any() -> None:
    rule = {"service": "eks", "intent": "any", "nodes": 3}
    assert (specificity(rule), breadth(rule)) == (2, 1)
    assert (specificity(None), breadth(None)) == (0, 0)


class TestDocuments:
    @pytest.mark.parametrize(
        ("document", "expected"),
        [
            ({"spec": {"service": "eks", "nodes": 4}}, "service=eks, nodes=4"),
            ({"kind": "RecipeCriteria", "spec": None}, "no criteria"),
            ({}, "no criteria"),
            (None, "no criteria"),
            ({"spec": {"gpu": "H100"}}, "accelerator=h100"),
            ({"spec": {"gpu": "h100", "accelerator": "h100"}}, "accelerator=h100"),
            ({"spec": {"service": None, "nodes": None}}, "no criteria"),
        ],
    )
    def test_fields_and_defaults(self, builtin: Catalog, document: Any, expected: str) -> None:
        criteria, warnings = from_document(builtin.fields, document, "c.yaml")
        assert str(criteria) == expected
        assert warnings == []

    def test_json_keys_may_have_any_case_and_yaml_keys_not(self, builtin: Catalog) -> None:
        document = {"SPEC": {"Service": "eks"}}
        folded, _ = from_document(builtin.fields, document, "c.json", fold_keys=True)
        assert folded.values["service"] == "eks"
        exact, warnings = from_document(builtin.fields, {"spec": {"Service": "eks"}}, "c.yaml")
        assert exact.is_open
        assert "spec.Service has no effect" in str(warnings[0])
        assert "'service'" in str(warnings[0])

    @pytest.mark.parametrize(
        ("document", "words"),
        [
            ({"kind": "Foo"}, 'invalid kind "Foo", expected "RecipeCriteria"'),
            ({"apiVersion": "v1"}, 'invalid apiVersion "v1", expected "aicr.nvidia.com/v1alpha1"'),
            ({"spec": {"service": "nope"}}, "invalid service type: nope"),
            ({"spec": {"service": 5}}, "spec.service must be text, not a number"),
            ({"spec": {"nodes": -2}}, "invalid nodes count: -2 (must be >= 0)"),
            ({"spec": {"nodes": "8"}}, "spec.nodes must be a whole number, not text"),
            ({"spec": {"nodes": True}}, "spec.nodes must be a whole number, not a boolean"),
            ({"spec": []}, "spec must be a map, not a list"),
            (["a"], "the document must be a map, not a list"),
            ({"spec": {"gpu": "h100", "accelerator": "a100"}}, "spec.gpu and spec.accelerator"),
        ],
    )
    def test_what_is_refused(self, builtin: Catalog, document: Any, words: str) -> None:
        with pytest.raises(InvalidRequest, match=r"^\[INVALID_REQUEST\] c.yaml: ") as caught:
            from_document(builtin.fields, document, "c.yaml")
        assert words in caught.value.message


def test_overriding_keeps_what_is_not_named(builtin: Catalog) -> None:
    loaded = criteria_of(builtin, service="eks", intent="training", nodes=2)
    flags = {"service": "GKE", "os": " "}
    changed = loaded.override(builtin.fields, flags, 0)
    assert str(changed) == "service=gke, intent=training, nodes=2"
    assert changed.stated == {"service", "intent"}


def test_a_new_value_is_data_not_code() -> None:
    from aicr.criteria import fields_of

    block = {"values": [{"name": "vr200", "detect": ["rubin"]}], "aliases": {"vera-rubin": "vr200"}}
    field = fields_of({"accelerator": block})["accelerator"]
    assert field.parse("Vera-Rubin") == "vr200"
    assert field.detect == {"vr200": "vr200", "vera-rubin": "vr200", "rubin": "vr200"}


def test_document_form() -> None:
    values = dict.fromkeys(("service", "accelerator"), "any")
    assert Criteria(values).document() == values
    assert Criteria(values, 3).document() == {**values, "nodes": 3}
