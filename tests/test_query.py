"""Selectors of query (contract section 8)."""

from __future__ import annotations

from typing import Any

import pytest

from aicr.errors import NotFound
from aicr.query import select

DOCUMENT = {"a": {"b": 1, "c": [1, {"d": 2}]}, "e": None}


@pytest.mark.parametrize(
    ("selector", "value"),
    [
        ("", DOCUMENT),
        (".", DOCUMENT),
        ("a.b", 1),
        (".a.b", 1),
        ("a.c", [1, {"d": 2}]),
        ("e", None),
    ],
)
def test_values(selector: str, value: Any) -> None:
    assert select(DOCUMENT, selector) == value


@pytest.mark.parametrize(
    ("selector", "message"),
    [
        ("x", 'selector "x": key "x" not found, available keys: a, e'),
        (".a.x", 'selector "a.x": key "x" not found, available keys: b, c'),
        ("a.b.c", 'selector "a.b.c": cannot descend into non-map value at "a.b"'),
        ("a.c.0", 'selector "a.c.0": cannot descend into non-map value at "a.c"'),
        ("a..b", 'selector "a..b": key "" not found, available keys: b, c'),
    ],
)
def test_what_is_not_there(selector: str, message: str) -> None:
    with pytest.raises(NotFound) as caught:
        select(DOCUMENT, selector)
    assert caught.value.message == message
