"""The only place that parses or prints YAML (aicr.yamlparse does the parsing, loaded when needed).

Reading follows what Helm, kubectl and the real AICR agree on: YAML 1.2 core scalars (`yes` and `on`
are strings, `0777` and `0o777` are octal), string keys, one document, no duplicate keys.

Printing is for plain JSON values. Any string that a YAML 1.1 or a 1.2 reader could take for
something else is quoted. It does not use ruamel: 25 ms of imports on a path that has 15.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from aicr.positions import Positions


class Document(NamedTuple):
    """A parsed document: its value (JSON types only) and the position of every node in it."""

    value: Any
    positions: Positions


def parse(data: bytes, name: str) -> Document:
    """Parse one YAML document; `name` is the file that error messages show.

    Raises InvalidDocument with line and column, whatever is wrong with the bytes.
    """
    from aicr.yamlparse import parse as parse_events

    return Document(*parse_events(data, name))


# --------------------------------------------------------------------------- printing


def dump(value: Any, *, indent: int = 2, sort_keys: bool = False) -> str:
    """Block-style YAML of a JSON value, with a final newline.

    `indent` is 2 for recipes and 4 for Helm values, as AICR prints them; lists are indented under
    their key either way.
    """
    if isinstance(value, (dict, list)) and value:
        return "\n".join(_Printer(indent, sort_keys).block(value, "")) + "\n"
    return _scalar(value) + "\n"


class _Printer(NamedTuple):
    """Lines of block style: what stands below `pad` blanks."""

    indent: int
    sort_keys: bool

    def block(self, value: Any, pad: str) -> Iterator[str]:
        if isinstance(value, dict):
            for key in sorted(value) if self.sort_keys else value:
                yield from self.entry(f"{pad}{_key(key)}:", value[key], pad)
            return
        for item in value:
            if isinstance(item, (dict, list)) and item:
                lines = self.block(item, pad + "  ")
                yield f"{pad}- {next(lines)[len(pad) + 2 :]}"
                yield from lines
            else:
                yield from self.entry(f"{pad}-", item, pad)

    def entry(self, head: str, value: Any, pad: str) -> Iterator[str]:
        inner = pad + " " * self.indent
        if isinstance(value, (dict, list)) and value:
            yield head
            yield from self.block(value, inner)
        elif isinstance(value, str) and _literal_fits(value):
            yield f"{head} |{'' if value.endswith(chr(10)) else '-'}"
            for line in value.removesuffix("\n").split("\n"):
                yield inner + line if line else ""
        else:
            yield f"{head} {_scalar(value)}"


def _key(key: str) -> str:
    # An explicit key ("? ") is needed past 1024 characters; nobody has such keys, so be plain.
    return key if _plain_fits(key) else _quote(key)


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        return value if _plain_fits(value) else _quote(value)
    if value is None:
        return "null"
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, int):
        return str(value)
    return "{}" if isinstance(value, dict) else "[]"


def _float(value: float) -> str:
    """A float that a YAML 1.1 reader also takes for one: it wants a dot and a signed exponent."""
    text = repr(value)
    if "e" in text:
        mantissa, exponent = text.split("e")
        mantissa = mantissa if "." in mantissa else mantissa + ".0"
        return f"{mantissa}e{exponent if exponent[0] in '+-' else '+' + exponent}"
    return text


# Words that a YAML 1.1 reader (Go's yaml.v2, PyYAML, old kubectl) takes for booleans or null.
_YAML11 = {"y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"}
# Plain when it starts like a word or a path and holds nothing that means something to YAML.
_PLAIN = re.compile(r"[A-Za-z_/](?:[A-Za-z0-9_./@+()*,;|<>=!?%^~$-]|:(?=[^\s:])| (?=[^\s#:]))*\Z")
# Also what a number cannot be mistaken for: versions such as 25.10.1 and sizes such as 50Gi.
_VERSION = re.compile(r"[0-9]+(?:\.[0-9]+){2,}(?:[-+][A-Za-z0-9.+-]*)?\Z|[0-9]+(?:Ki|Mi|Gi|Ti|m)\Z")


def _plain_fits(text: str) -> bool:
    if text.lower() in _YAML11 or len(text) > 120:
        return False
    if _VERSION.match(text):
        return True
    return bool(_PLAIN.match(text)) and not text.endswith((" ", ":"))


_LITERAL_LINE = re.compile(
    "[\t\x20-\x7e\xa1-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]*\\Z"
)


def _literal_fits(text: str) -> bool:
    """Whether a literal block (`|`) says the text exactly and legibly."""
    if "\n" not in text or text.endswith("\n\n") or text.startswith((" ", "\n", "\t")):
        return False
    lines = text.removesuffix("\n").split("\n")
    return all(_LITERAL_LINE.match(line) and line == line.rstrip() for line in lines)


_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
_ESCAPE = re.compile(r'["\\\x00-\x1f\x7f-\xa0\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]')


def _quote(text: str) -> str:
    def escape(match: re.Match[str]) -> str:
        c = match[0]
        return _ESCAPES.get(c) or (f"\\x{ord(c):02x}" if ord(c) < 256 else f"\\u{ord(c):04x}")

    return '"' + _ESCAPE.sub(escape, text) + '"'
