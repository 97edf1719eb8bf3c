"""YAML in and out: every reader must get back what was written, and nothing hostile gets in."""

from __future__ import annotations

import io
import string
from typing import Any

import pytest
import yaml as pyyaml
from hypothesis import example, given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from aicr import yamlio
from aicr.diagnostics import InvalidDocument
from aicr.positions import place_of

NASTY = [
    "", " ", "~", "null", "Null", "NULL", "true", "True", "yes", "no", "Yes", "NO", "on", "off",
    "On", "y", "n", "Y", "N", "1:30", "1:30:45", "12e3", "1e3", "0x1F", "0o17", "017", "08",
    "1_000", "+1", "-1", ".5", "5.", ".inf", "-.INF", ".nan", "1.10", "24.04", "580.105.08",
    "2026-01-01", "2026-01-01T00:00:00Z", "=", "<<", "-", "--", "---", "...", "?", ":", "a:",
    ":a", "a: b", "a :b", "#", "a #b", "a# b", "- a", "* a", "*a", "&a", "!a", "!!str", "%a", "@a",
    "`a`", "'a'", '"a"', "[a", "]", "{a", "}", "a, b", ",", "|", ">", "> 1", ">= 1.2", "\\", "\\n",
    "\n", "a\n", "a\nb", "a\n\nb\n", " a\nb", "a \nb", "a\n b\n", "\ta", "a\t", "a\tb\nc", "\r",
    "a\r\nb", "\x00", "\x07", "\x1b", "\x7f", "\x85", "\xa0", "\u2028", "\u2029", "a\u2028b\nc",
    "\ufeff", "\ufeffa\nb", "é", "日本", "😀", "50Gi", "500m", "10m", "1Ki", "0", "-0", "/", "a/b",
    "key: {{ value }}", "${x}", "x" * 200, "word " * 40,
]  # fmt: skip

TEXT = st.text(max_size=40) | st.text(alphabet=string.printable, max_size=40)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda c: st.lists(c, max_size=4) | st.dictionaries(TEXT, c, max_size=4),
    max_leaves=20,
)  # fmt: skip


def ruamel(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(io.StringIO(text))


def yaml11(text: str) -> Any:
    return pyyaml.safe_load(text)


class TestPrinting:
    @pytest.mark.parametrize("text", NASTY)
    @pytest.mark.parametrize("reader", [ruamel, yaml11])
    def test_nasty_strings_come_back_as_themselves(self, reader: Any, text: str) -> None:
        document = {"k": text, text or "empty": ["x", text], "deep": {"l": [{"a": text}]}}
        assert reader(yamlio.dump(document)) == document
        assert reader(yamlio.dump(document, indent=4)) == document

    @given(TEXT)
    @example("a\x85b")
    def test_any_string_comes_back_from_both_readers(self, text: str) -> None:
        printed = yamlio.dump([text, {text: text}])
        assert ruamel(printed) == yaml11(printed) == [text, {text: text}]

    @given(JSON, st.sampled_from([2, 4]), st.booleans())
    def test_any_json_comes_back_from_our_own_reader(
        self, value: Any, indent: int, s: bool
    ) -> None:
        printed = yamlio.dump(value, indent=indent, sort_keys=s)
        again = yamlio.parse(printed.encode(), "printed").value if printed.strip() else None
        assert again == value
        assert repr(_sorted(again)) == repr(_sorted(value))  # 1 is not 1.0, True is not 1

    def test_it_reads_well(self) -> None:
        document = {
            "a": {"b": [{"name": "x", "args": ["-v", 1]}, []], "c": {}},
            "d": "two\nlines\n",
        }
        assert yamlio.dump(document) == (
            "a:\n  b:\n    - name: x\n      args:\n        - \"-v\"\n        - 1\n    - []\n"
            "  c: {}\nd: |\n  two\n  lines\n"
        )  # fmt: skip


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _sorted(value[k]) for k in sorted(value)}
    return [_sorted(v) for v in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"), ("on", "on"), ("True", True), ("~", None), ("", None), ("1_0", "1_0"),
        ("0777", 511), ("0o777", 511), ("0x1F", 31), ("0b11", 3), ("089", 89), ("+5", 5),
        ("-0x10", -16), ("1.5", 1.5), (".5", 0.5), ("1e3", 1000.0), ("1:30", "1:30"),
        ("2026-01-01", "2026-01-01"), ("v1.33.0-gke.200", "v1.33.0-gke.200"), ("=", "="),
    ],
)  # fmt: skip
def test_plain_scalars_mean_what_go_takes_them_for(text: str, value: Any) -> None:
    read = yamlio.parse(f"k: {text}\n".encode(), "f").value["k"]
    assert (read, type(read)) == (value, type(value))


def test_tags_anchors_and_merge_keys() -> None:
    text = "a: &x {b: !!str 1, c: !!float 2}\nd: *x\ne: {<<: *x, c: 3}\n"
    a = {"b": "1", "c": 2.0}
    assert yamlio.parse(text.encode(), "f").value == {"a": a, "d": a, "e": {"b": "1", "c": 3}}


def test_positions_are_those_of_values_and_of_keys_of_maps() -> None:
    _, positions = yamlio.parse(b"a:\n  b:\n    - c\n    - {d: e}\n", "f")
    assert place_of(positions, ("a",)) == (1, 1)
    assert place_of(positions, ("a", "b", 0)) == (3, 7)
    assert place_of(positions, ("a", "b", 1, "d")) == (4, 11)
    assert place_of(positions, ("a", "nothing", "below")) == (1, 1)


def laughs(levels: int) -> bytes:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    for i in range(1, levels):
        refs = ", ".join([f"*a{i - 1}"] * 9)
        lines.append(f"a{i}: &a{i} [{refs}]")
    return "\n".join(lines).encode()


# What is wrong with each, and the line that must be named (0: the file as a whole).
HOSTILE: dict[str, tuple[bytes, int, str]] = {
    "alias bomb": (laughs(9), 6, "aliases"),
    "alias bomb in maps": (laughs(7).replace(b"[", b"[{k: v}, "), 5, "aliases"),
    "self reference": (b"a: &a\n  b: *a\n", 2, "alias"),
    "deep by aliases": (
        "\n".join(
            ["a0: &a0 {x: 1}"]
            + [f"a{i}: &a{i} " + "{k: " * 50 + f"*a{i - 1}" + "}" * 50 for i in range(1, 40)]
        ).encode(),
        3,
        "nested",
    ),
    "unknown alias": (b"a: 1\nb: *nope\n", 2, "nope"),
    "anchor twice": (b"a: &x 1\nb: &x 2\n", 2, "twice"),
    "anchor on key": (b"&x a: 1\n", 1, "anchor"),
    "deep lists": (b"[" * 100_000, 1, "nested"),
    "deep lists closed": (b"[" * 500 + b"]" * 500, 1, "nested"),
    "deep maps": (b"".join(b" " * i + b"a:\n" for i in range(300)), 66, "nested"),
    "deep flow maps": (b"{a: " * 5000, 1, "nested"),
    "deep block lists": (b"- " * 5000 + b"x", 1, "nested"),
    "python tag": (b"a: !!python/object/apply:os.system [id]\n", 1, "tag"),
    "python name tag": (b"!!python/name:os.system x\n", 1, "tag"),
    "unknown local tag": (b"a: !Ref b\n", 1, "tag"),
    "binary tag": (b"a: !!binary aGk=\n", 1, "tag"),
    "set tag": (b"!!set {a, b}\n", 1, "tag"),
    "int tag on text": (b"a: !!int x\n", 1, "int"),
    "float tag on text": (b"a: !!float x\n", 1, "float"),
    "bool tag on number": (b"a: !!bool 3\n", 1, "bool"),
    "map tag on list": (b"a: !!map [1]\n", 1, "tag"),
    "byte order mark": (b"\xef\xbb\xbfa: 1\n", 1, "byte order mark"),
    "utf-16 little": ("a: 1\n".encode("utf-16"), 1, "UTF-16"),
    "utf-16 big": (b"\xfe\xff" + "a: 1\n".encode("utf-16-be"), 1, "UTF-16"),
    "utf-16 without mark": ("a: 1\n".encode("utf-16-le"), 1, "UTF-16"),
    "utf-32": ("a: 1\n".encode("utf-32"), 1, "UTF-16"),
    "latin-1": ("a: 1\nb: \xe9\n".encode("latin-1"), 2, "UTF-8"),
    "nul": (b"a: 1\nb: x\x00y\n", 2, "U+0000"),
    "bell": (b"a: \x07\n", 1, "U+0007"),
    "escape": (b"a: 1\nb: 2\nc: \x1b[31m\n", 3, "U+001B"),
    "duplicate key": (b"a: 1\nb: 2\na: 3\n", 3, "twice"),
    "duplicate key quoted": (b"a: 1\n\"a\": 3\n", 2, "twice"),
    "duplicate key in flow": (b"x: {a: 1, a: 2}\n", 1, "twice"),
    "second document": (b"a: 1\n---\nb: 2\n", 2, "second document"),
    "two ends": (b"a: 1\n...\n---\nb: 1\n", 3, "second document"),
    "tab indentation": (b"a:\n\tb: 1\n", 2, "malformed"),
    "open list": (b"spec: [eks\n", 2, "malformed"),
    "open quote": (b"a: 'x\n", 2, "malformed"),
    "bad directive": (b"%YAML 9.x\n---\na: 1\n", 1, "malformed"),
    "list as key": (b"? [a, b]\n: 1\n", 1, "key"),
    "map as key": (b"{{a: b}: c}\n", 1, "key"),
    "merge of a scalar": (b"a: {<<: 1}\n", 1, "merges"),
    "infinity": (b"a: 1\nb: .inf\n", 2, "JSON"),
    "not a number": (b"a: .nan\n", 1, "JSON"),
    "huge float": (b"a: 1e999\n", 1, "large"),
    "huge integer": (b"a: " + b"9" * 5000, 1, "digits"),
    "two megabytes": (b"a: " + b"x" * (2 << 20), 0, "bytes"),
    "many lines": (b"a:\n" + b"- 1\n" * 110_000, 0, "nodes"),
    "many items": (b"a: [" + b"1, " * 110_000 + b"1]", 0, "nodes"),
    "empty": (b"", 1, "empty"),
    "only comments": (b"# nothing\n", 1, "empty"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_documents_are_refused_with_their_place(name: str) -> None:
    data, line, word = HOSTILE[name]
    with pytest.raises(InvalidDocument) as caught:
        yamlio.parse(data, "evil.yaml")
    (found,) = caught.value.diagnostics
    assert (found.file, found.line) == ("evil.yaml", line)
    assert word in found.message
    assert str(caught.value).startswith("[INVALID_REQUEST] evil.yaml")
    assert "Traceback" not in str(caught.value)


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda t: t.encode("utf-8", "replace")))
def test_any_bytes_parse_or_are_refused(data: bytes) -> None:
    try:
        value = yamlio.parse(data, "f").value
    except InvalidDocument as e:
        assert e.diagnostics[0].file == "f"
    else:
        assert yamlio.parse(yamlio.dump(value).encode(), "again").value == value
