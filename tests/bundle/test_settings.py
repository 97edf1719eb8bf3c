"""`--set`: parsing, typing, grouping (contract 9.1, 9.2)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aicr.bundle.settings import enabled, groups, parse_all, put, typed
from aicr.errors import InvalidRequest


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True), ("false", False), ("TRUE", "TRUE"), ("1", 1), ("007", 7), ("+5", 5), ("-1", -1),
        ("1.50", 1.5), ("1e3", 1000.0), ("1_000", 1000.0), ("0.00001", 0.00001), ("0x10", "0x10"),
        ("9223372036854775807", 2**63 - 1), ("9223372036854775808", float(2**63)), ("1e400", "1e400"),
        (" 5", " 5"), ("1.2.3", "1.2.3"), ("null", "null"), ("off", "off"), ("~", "~"), ("inf", "inf"),
    ],
)  # fmt: skip
def test_values_are_typed_by_how_they_look(text: str, value: Any) -> None:
    assert (typed(text), type(typed(text))) == (value, type(value))


@pytest.mark.parametrize(
    ("texts", "settings"),
    [
        (["a:x=1"], [("a", ("x",), 1)]),
        (["a:x.y=b=c:d"], [("a", ("x", "y"), "b=c:d")]),
        (["a:x=1,b:y=2"], [("a", ("x",), 1), ("b", ("y",), 2)]),
        (["a:x=1,2,three"], [("a", ("x",), "1,2,three")]),
        (["a:x=k=v,k2=v2"], [("a", ("x",), "k=v,k2=v2")]),
        (["a:arr[0]=z"], [("a", ("arr[0]",), "z")]),
    ],
)
def test_commas_belong_to_values_unless_a_setting_follows(texts: list[str], settings: Any) -> None:
    assert [(s.component, s.path, s.value) for s in parse_all(texts)] == settings


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("foo", "invalid format 'foo': expected 'component:path=value'"),
        ("foo:bar", "invalid format 'foo:bar'"),
        ("foo:bar=", "path and value cannot be empty"),
        ("foo:=1", "path and value cannot be empty"),
        (":a=b", "no component named"),
    ],
)
def test_what_is_refused(text: str, words: str) -> None:
    with pytest.raises(InvalidRequest, match="invalid --set flag") as caught:
        parse_all([text])
    assert words in caught.value.message


def test_enabled_takes_what_go_takes() -> None:
    (yes, no, other) = parse_all(["a:enabled=T", "a:enabled=0", "a:b=1"])
    assert [enabled(yes), enabled(no), enabled(other)] == [True, False, None]
    with pytest.raises(InvalidRequest, match="'maybe' is neither true nor false"):
        enabled(parse_all(["a:enabled=maybe"])[0])


def test_the_exact_name_hides_its_other_spellings() -> None:
    found = parse_all(["gpu-operator:a=1", "gpuoperator:b=2", "prom:c=3", "kube:d=4"])
    used, hidden = groups(found, {"gpu-operator": ["gpuoperator"], "stack": ["prom", "kube"]})
    assert {name: [s.text for s in group] for name, group in used.items()} == {
        "gpu-operator": ["gpu-operator:a=1"],
        "stack": ["prom:c=3"],
    }
    assert [s.text for s in hidden] == ["gpuoperator:b=2", "kube:d=4"]


def test_a_path_through_a_scalar_is_named() -> None:
    with pytest.raises(KeyError) as caught:
        put({"a": {"b": 1}}, ("a", "b", "c"), 2)
    assert caught.value.args == ("a.b",)


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=4), st.integers())
def test_what_was_put_is_there_and_nothing_else_changed(path: list[str], value: int) -> None:
    before = {"z": {"y": 1}}
    after: Any = put(before, tuple(path), value)
    assert before == {"z": {"y": 1}}
    assert after["z"] == before["z"]
    for key in path:
        after = after[key]
    assert after == value
