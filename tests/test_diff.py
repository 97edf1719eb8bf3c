"""Structural differences."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aicr.diff import ADD, REMOVE, REPLACE, differences

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from("ab"),
    lambda c: st.lists(c, max_size=3) | st.dictionaries(st.sampled_from("abc"), c, max_size=3),
)


@pytest.mark.parametrize(
    ("a", "b", "changes"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 2}, [("a", REPLACE, 1, 2)]),
        ({"a": 1}, {}, [("a", REMOVE, 1, None)]),
        ({}, {"a": 1}, [("a", ADD, None, 1)]),
        ({"a": 1}, {"a": True}, [("a", REPLACE, 1, True)]),
        ({"a": [1, 2]}, {"a": [2, 1]}, [("a", REPLACE, [1, 2], [2, 1])]),
        ({"a": {}}, {"a": []}, [("a", REPLACE, {}, [])]),
        ({"a": [True]}, {"a": [1]}, [("a", REPLACE, [True], [1])]),
        (
            {"a": [{"name": "x", "v": 1}, {"name": "y"}]},
            {"a": [{"name": "y"}, {"name": "x", "v": 2}]},
            [("a.x.v", REPLACE, 1, 2)],
        ),
        (
            {"a": [{"name": "x"}, {"name": "x"}]},
            {"a": [{"name": "x"}]},
            [("a", REPLACE, [{"name": "x"}, {"name": "x"}], [{"name": "x"}])],
        ),
    ],
)
def test_changes(a: Any, b: Any, changes: list[Any]) -> None:
    found = [(".".join(d.path), d.kind, d.old, d.new) for d in differences(a, b)]
    assert found == changes


@given(JSON, JSON)
def test_equal_documents_have_none_and_others_have_some(a: Any, b: Any) -> None:
    assert list(differences(a, copy.deepcopy(a))) == []
    mirrored = {(d.path, d.kind) for d in differences(b, a)}
    swap = {ADD: REMOVE, REMOVE: ADD, REPLACE: REPLACE}
    assert {(d.path, swap[d.kind]) for d in differences(a, b)} == mirrored
