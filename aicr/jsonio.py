"""The only place that parses or prints JSON."""

from __future__ import annotations

import json
import re
from typing import Any

from aicr.diagnostics import ERROR, Diagnostic, InvalidDocument

MAX_BYTES = 10 * 1024 * 1024
MAX_DEPTH = 64
MAX_INT_DIGITS = 300

# What Go's encoder escapes inside strings, so that our bytes equal those of the real AICR.
_HTML = str.maketrans(
    {
        "<": "\\u003c",
        ">": "\\u003e",
        "&": "\\u0026",
        "\u2028": "\\u2028",
        "\u2029": "\\u2029",
    }
)


def pretty(value: Any, *, sort_keys: bool = False) -> str:
    """Two-space indented JSON with a final newline, escaped as AICR escapes it."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False, sort_keys=sort_keys)
    return text.translate(_HTML) + "\n"


def compact(value: Any) -> str:
    """One line without blanks, keys in the order given."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def line(value: Any) -> bytes:
    """One line of an answer over HTTP: compact, escaped as AICR escapes it, with a line end."""
    return (compact(value).translate(_HTML) + "\n").encode("utf-8", "backslashreplace")


def canonical(value: Any) -> bytes:
    """The one byte form that digests are taken of: sorted keys, no blanks, ASCII only."""
    return _CANONICAL(value).encode("ascii")


# json.dumps makes an encoder for every call, which costs as much as a small document.
_CANONICAL = json.JSONEncoder(
    sort_keys=True, ensure_ascii=True, allow_nan=False, separators=(",", ":")
).encode


def parse(data: bytes, name: str, most: int = MAX_BYTES) -> Any:
    """Strict JSON: no duplicate keys, NaN, lone surrogates, huge numbers or deep nesting, and not
    more than so many bytes.

    `name` is the file or source that error messages show.
    """
    if len(data) > most:
        raise _refuse(name, 0, 0, f"the document has {len(data)} bytes, more than {most}")
    text = decode(data, name)
    _check_depth(text, name)

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key, value in items:
            if key in result:
                raise ValueError(f"key {key!r} stands twice in one object")
            result[key] = value
        return result

    def constant(word: str) -> Any:
        raise ValueError(f"{word} is not JSON")

    def integer(digits: str) -> int:
        if len(digits) > MAX_INT_DIGITS:
            raise ValueError(f"a number of {len(digits)} digits is too large")
        return int(digits)

    try:
        value = json.loads(
            text, object_pairs_hook=pairs, parse_constant=constant, parse_int=integer
        )
    except json.JSONDecodeError as e:
        raise _refuse(name, e.lineno, e.colno, f"malformed JSON: {e.msg}") from None
    except ValueError as e:
        raise _refuse(name, 0, 0, f"malformed JSON: {e}") from None
    _check_text(value, name)
    return value


def decode(data: bytes, name: str) -> str:
    """UTF-8 text of a document; a byte order mark is dropped."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as e:
        line = data.count(b"\n", 0, e.start) + 1
        raise _refuse(name, line, 0, "not UTF-8 text", "save the file as UTF-8") from None


# A string, or a bracket outside of strings. The closing quote is optional, so that a string that
# never ends is read once, not again from every quote in it.
_STRING_OR_BRACKET = r'"(?:[^"\\]|\\.)*"?|[\[\]{}]'


def _check_depth(text: str, name: str) -> None:
    """Refuse deep nesting before the parser recurses into it."""
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return
    depth = 0
    for token in re.finditer(_STRING_OR_BRACKET, text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(token[0], 0)
        if depth > MAX_DEPTH:
            line = text.count("\n", 0, token.start()) + 1
            raise _refuse(name, line, 0, f"nested deeper than {MAX_DEPTH} levels")


def _check_text(value: Any, name: str) -> None:
    stack = [value]
    while stack:
        v = stack.pop()
        if isinstance(v, str):
            if not v.isascii() and any("\ud800" <= c <= "\udfff" for c in v):
                raise _refuse(name, 0, 0, "a string holds half of a surrogate pair")
        elif isinstance(v, dict):
            stack.extend(v)
            stack.extend(v.values())
        elif isinstance(v, list):
            stack.extend(v)
        elif isinstance(v, float) and v in (float("inf"), float("-inf")):
            raise _refuse(name, 0, 0, "a number is too large")


def _refuse(name: str, line: int, column: int, message: str, hint: str = "") -> InvalidDocument:
    return InvalidDocument([Diagnostic(name, line, column, ERROR, "json", message, hint)])
