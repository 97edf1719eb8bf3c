"""JSON in and out."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aicr import jsonio
from aicr.diagnostics import InvalidDocument

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda c: st.lists(c, max_size=4) | st.dictionaries(st.text(), c, max_size=4),
)  # fmt: skip


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "c.json:1:1: malformed JSON"),
        (b"{'a'}", "c.json:1:2: malformed JSON"),
        (b'{"a":1}x', "c.json:1:8: malformed JSON: Extra data"),
        (b'{"a":1,"a":2}', "key 'a' stands twice"),
        (b'{"a":NaN}', "NaN is not JSON"),
        (b'[Infinity]', "Infinity is not JSON"),
        (b"[1e999]", "a number is too large"),
        (b"[" + b"9" * 5000 + b"]", "digits"),
        (b"[" * 100_000, "c.json:1: nested deeper than 64 levels"),
        (b'{"a":' * 70 + b"1" + b"}" * 70, "nested deeper than 64 levels"),
        (b'["\\ud800"]', "surrogate"),
        (b'{"\\udfff": 1}', "surrogate"),
        (b'["\xff"]', "c.json:1: not UTF-8 text"),
        (b" " * (jsonio.MAX_BYTES + 1), "bytes"),
    ],
)  # fmt: skip
def test_what_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(InvalidDocument) as caught:
        jsonio.parse(data, "c.json")
    assert words in caught.value.message


def test_a_string_that_never_ends_is_read_once() -> None:
    """Not again from every quote in it: that took a minute for 160 KB."""
    with pytest.raises(InvalidDocument, match="malformed JSON"):
        jsonio.parse(b"[" + b"[]," * 70 + b'"' + b'\\"' * 400_000, "c.json")


def test_brackets_in_strings_are_no_depth() -> None:
    text = json.dumps(["[" * 1000, '\\"' + "{" * 1000])
    assert jsonio.parse(text.encode(), "f") == json.loads(text)


@given(JSON)
def test_everything_comes_back(value: Any) -> None:
    for text in (jsonio.pretty(value), jsonio.compact(value)):
        assert jsonio.parse(text.encode(), "f") == value
    assert json.loads(jsonio.canonical(value)) == value


def test_html_is_escaped_as_go_escapes_it() -> None:
    assert jsonio.pretty(">= 1 & <b>\u2028é") == '"\\u003e= 1 \\u0026 \\u003cb\\u003e\\u2028é"\n'


def test_canonical_form_has_one_spelling() -> None:
    assert jsonio.canonical({"b": 1, "a": "é"}) == b'{"a":"\\u00e9","b":1}'
