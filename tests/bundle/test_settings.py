"""`--set` and its relatives: parsing, typing, grouping (contract 9.1, 9.2)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aicr import jsonio, yamlio
from aicr.bundle.settings import enabled, groups, parse_all, put, typed
from aicr.errors import AicrError, InvalidRequest
from tests.conftest import Ran

Aicr = Callable[..., Ran]


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


@pytest.mark.parametrize(
    ("flag", "text", "value"),
    [
        ("--set-string", "a:x=1", "1"),
        ("--set-string", "a:x=true", "true"),
        ("--set-json", 'a:x=[1,{"b":null}]', [1, {"b": None}]),
        ("--set-json", 'a:x={"a":1,"c:d=e":2}', {"a": 1, "c:d=e": 2}),
        ("--set-json", "a:x=null", None),
        ("--set-json", 'a:x="5"', "5"),
    ],
)
def test_how_each_flag_reads_its_value(flag: str, text: str, value: Any) -> None:
    (setting,) = parse_all([text], flag)
    assert (setting.path, setting.value, str(setting)) == (("x",), value, f"{flag} {text}")


def test_a_file_is_text_whole_and_as_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "values,b:c=d.conf"
    path.write_bytes(b"1\r\n# a,b:c=d\n")
    (setting,) = parse_all([f"a:x={path}"], "--set-file")
    assert setting.value == "1\r\n# a,b:c=d\n"


@pytest.mark.parametrize(
    ("flag", "value", "data", "words"),
    [
        ("--set-json", "{1}", None, "--set-json a:x={1}:1:2: malformed JSON"),
        ("--set-json", "NaN", None, "--set-json a:x=NaN: malformed JSON"),
        ("--set-file", "there", None, "--set-file a:x=there: no such file: there"),
        ("--set-file", "here", b"\xff", "--set-file a:x=here: here is not UTF-8 text"),
        ("--set-file", "here", b" " * (jsonio.MAX_BYTES + 1), "here is larger than 10485760 bytes"),
    ],
)
def test_values_that_cannot_be_read(
    flag: str,
    value: str,
    data: bytes | None,
    words: str,
    *,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    if data is not None:
        Path(value).write_bytes(data)
    with pytest.raises(AicrError) as caught:
        parse_all([f"a:x={value}"], flag)
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


class TestValuesFiles:
    """`--values FILE`: Helm values by component, below every --set."""

    RECIPE = "kind: RecipeResult\ncomponentRefs: [{name: gpu-operator, overrides: {a: {x: 1}}}]\n"

    def bundle(self, tmp_path: Path, aicr: Aicr, values: str, *more: str) -> Ran:
        (tmp_path / "r.yaml").write_text(self.RECIPE)
        (tmp_path / "v.yaml").write_text(values)
        words = ["-r", str(tmp_path / "r.yaml"), "-o", str(tmp_path / "b")]
        return aicr("bundle", *words, "--values", str(tmp_path / "v.yaml"), *more)

    def values(self, tmp_path: Path) -> Any:
        return yamlio.parse((tmp_path / "b/gpu-operator/values.yaml").read_bytes(), "v").value

    def test_files_merge_over_the_recipe_and_below_flags(self, tmp_path: Path, aicr: Aicr) -> None:
        text = "gpu-operator:\n  a: {y: [1, 2], z: null, with.dot: 3}\n  b: file\n"
        assert self.bundle(tmp_path, aicr, text, "--set", "gpuoperator:b=flag").code == 0
        found = self.values(tmp_path)
        assert found["a"] == {"x": 1, "y": [1, 2], "z": None, "with.dot": 3}
        assert found["b"] == "flag"

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("nope: {a: 1}", "--values nope:a=1 has no effect: the recipe has no component 'nope'"),
            ("gpu-operator: {a: {x: {deep: 1}}}", "a.x of gpu-operator is no map"),
            (
                "gpu-operator: {a: 1}\ngpuoperator: {b: 1}",
                "the file names the component twice, by its name and by a short key",
            ),
            ("gpu-operator: 1", "gpu-operator must be a map of Helm values"),
            ("gpu-operator: {}", "and not empty"),
            ("[1]", "must be a map from component to Helm values"),
            ("", "the document is empty"),
            ("gpu-operator: {enabled: false}", "no enabled components after filtering"),
            ("gpu-operator: {enabled: maybe}", "is neither true nor false"),
        ],
    )
    def test_what_has_no_effect_is_an_error(
        self, tmp_path: Path, aicr: Aicr, text: str, words: str
    ) -> None:
        ran = self.bundle(tmp_path, aicr, text)
        assert (ran.code, words in ran.err) == (2, True), ran.err
        assert not (tmp_path / "b").exists()
