"""The shape of recipes that are handed in."""

from __future__ import annotations

from typing import Any

import pytest

from aicr.catalog import Catalog
from aicr.errors import InvalidRequest
from aicr.recipefile import check
from aicr.resolve import resolve
from tests.conftest import families


def test_what_we_print_is_accepted(builtin: Catalog) -> None:
    for criteria in families(builtin).values():
        document = resolve(builtin, criteria).document("v")
        assert check(document, "r.yaml") is document


@pytest.mark.parametrize(
    "document",
    [
        {"componentRefs": [{"name": "a"}]},
        {"kind": "Recipe", "componentRefs": []},
        {"componentRefs": [{"name": "a", "version": None, "overrides": None, "patches": None}]},
    ],
)
def test_what_people_leave_out_may_be_left_out(document: Any) -> None:
    assert check(document, "r.yaml") is document


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ([], "a recipe must be a map"),
        ({"kind": "Snapshot", "componentRefs": []}, 'invalid kind "Snapshot"'),
        ({"componentRefs": {"a": "b"}}, "componentRefs must be a list"),
        ({"componentRefs": ["a"]}, "componentRefs[0] must be a map with a name"),
        ({"componentRefs": [{"name": {}}]}, "componentRefs[0] must be a map with a name"),
        ({"componentRefs": [{"name": None}]}, "componentRefs[0] must be a map with a name"),
        (
            {"componentRefs": [{"name": "a"}, {"name": "a"}]},
            "componentRefs[1]: component 'a' stands",
        ),
        (
            {"componentRefs": [{"name": "a", "valuesFile": ["x"]}]},
            "componentRefs[0].valuesFile must be",
        ),
        (
            {"componentRefs": [{"name": "a", "overrides": [1]}]},
            "componentRefs[0].overrides must be",
        ),
        (
            {"componentRefs": [{"name": "a", "dependencyRefs": [1]}]},
            "[0].dependencyRefs must be a list",
        ),
    ],
)
def test_what_is_refused(document: Any, words: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check(document, "r.yaml")
    assert words in caught.value.message


@pytest.mark.parametrize(
    "document", [{}, {"componentRefs": None}, {"componentRefs": None, "constraints": {}}]
)
def test_no_components_are_an_empty_list(document: Any) -> None:
    assert check(document, "r.yaml")["componentRefs"] == []


def test_what_the_api_shows_is_what_the_command_line_prints() -> None:
    shown = {
        "kind": "Recipe",
        "metadata": {"version": "v", "created": "2026-01-01T00:00:00Z"},
        "constraints": {
            "driver": {"version": "580"},
            "K8s.server.version": ">= 1",
            "x": {"value": "1", "unit": "s"},
        },
        "componentRefs": [{"name": "a", "order": 1, "repository": "https://c.test"}],
    }
    assert check(shown, "r.yaml") == {
        "kind": "Recipe",
        "metadata": {"version": "v"},
        "constraints": [
            {"name": "K8s.server.version", "value": ">= 1"},
            {"name": "x", "value": "1", "unit": "s"},
        ],
        "componentRefs": [{"name": "a", "source": "https://c.test"}],
    }
