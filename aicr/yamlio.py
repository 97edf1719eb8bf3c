"""The only place that parses or prints YAML.

Reading follows what Helm, kubectl and the real AICR agree on: YAML 1.2 core scalars (`yes` and `on`
are strings, `0777` and `0o777` are octal), string keys, one document, no duplicate keys. Parsing goes
over ruamel's events, so positions are kept and limits hold before anything is built.

Printing is for plain JSON values. Any string that a YAML 1.1 or a 1.2 reader could take for something
else is quoted. It does not use ruamel: that costs 25 ms of imports on a path that has 15.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from aicr.diagnostics import ERROR, Diagnostic, InvalidDocument

if TYPE_CHECKING:
    from ruamel.yaml.events import Event

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 64
MAX_NODES = 100_000

# Positions mirror the value: a scalar is its mark, a map [mark, {key: positions}], a list
# [mark, [positions]]; below a key, the mark of a map or list is that of the key. A mark is line and
# column (both from 1) in one number, so that positions are small plain JSON a catalog can store.
Positions = Any

_COLUMNS = 4096


def mark(line: int, column: int) -> int:
    return line * _COLUMNS + min(column, _COLUMNS - 1)


def unmark(position: int) -> tuple[int, int]:
    """Line and column of a mark."""
    return divmod(position, _COLUMNS)


class Document(NamedTuple):
    """A parsed document: its value (JSON types only) and the position of every node in it."""

    value: Any
    positions: Positions


def place_of(positions: Positions, path: Iterable[str | int]) -> tuple[int, int]:
    """Line and column of the node at `path`, or of its nearest ancestor that exists."""
    for step in path:
        children = positions[1] if isinstance(positions, list) else None
        if isinstance(children, dict) and step in children:
            positions = children[step]
        elif isinstance(children, list) and isinstance(step, int) and step < len(children):
            positions = children[step]
        else:
            break
    return unmark(positions[0] if isinstance(positions, list) else positions)


# --------------------------------------------------------------------------- reading


def parse(data: bytes, name: str) -> Document:
    """Parse one YAML document; `name` is the file that error messages show."""
    text = _decode(data, name)
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    events = YAML(typ="safe", pure=True).parse(text)
    try:
        return _Builder(name).document(events)
    except MarkedYAMLError as e:
        at = e.problem_mark or e.context_mark
        line, column = (at.line + 1, at.column + 1) if at else (0, 0)
        problem = " ".join(str(e.problem or e.context or "malformed").split())
        _refuse(name, line, column, "malformed YAML: " + problem)
    except YAMLError as e:
        _refuse(name, 0, 0, "malformed YAML: " + " ".join(str(e).split()))
    except (ValueError, RecursionError, IndexError, AttributeError) as e:
        # ruamel lets a few of its own slips through on broken input (a bad %YAML directive, say).
        _refuse(name, 0, 0, f"malformed YAML: {e or type(e).__name__}")


def _decode(data: bytes, name: str) -> str:
    if len(data) > MAX_BYTES:
        _refuse(name, 0, 0, f"the document has {len(data)} bytes, more than {MAX_BYTES}")
    if data.startswith((b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")) or b"\x00" in data[:4]:
        _refuse(name, 1, 1, "UTF-16 or UTF-32 text", "save the file as UTF-8")
    if data.startswith(b"\xef\xbb\xbf"):
        _refuse(name, 1, 1, "starts with a byte order mark", "save the file as UTF-8 without BOM")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as e:
        line = data.count(b"\n", 0, e.start) + 1
        _refuse(name, line, 0, "not UTF-8 text", "save the file as UTF-8")
    control = _CONTROL.search(text)
    if control:
        at = control.start()
        column = at - text.rfind("\n", 0, at)
        line = text.count("\n", 0, at) + 1
        _refuse(name, line, column, f"control character U+{ord(control[0]):04X}")
    return text


_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")


class _Builder:
    """Builds values and positions from parser events, within the limits."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.nodes = 0
        # anchor -> value, positions, number of nodes below (what an alias adds when expanded)
        self.anchors: dict[str, tuple[Any, Positions, int]] = {}

    def document(self, events: Iterator[Event]) -> Document:
        from ruamel.yaml import events as ev

        result: Document | None = None
        for event in events:
            if isinstance(event, (ev.StreamStartEvent, ev.StreamEndEvent, ev.DocumentEndEvent)):
                continue
            if isinstance(event, ev.DocumentStartEvent):
                if result is not None:
                    self.fail(event, "a second document in one file", "split the file at '---'")
                continue
            result = Document(*self.node(events, event, 0))
        if result is None:
            _refuse(self.name, 1, 1, "the document is empty")
        return result

    def node(self, events: Iterator[Event], event: Event, depth: int) -> tuple[Any, Positions]:
        from ruamel.yaml import events as ev

        if depth > MAX_DEPTH:
            self.fail(event, f"nested deeper than {MAX_DEPTH} levels")
        before = self.nodes
        self.count(1, event)
        value: Any
        positions: Positions
        if isinstance(event, ev.AliasEvent):
            if event.anchor not in self.anchors:
                self.fail(event, f"alias *{event.anchor} has no anchor before it")
            value, positions, size = self.anchors[event.anchor]
            self.count(size, event)
            return value, positions
        if isinstance(event, ev.ScalarEvent):
            value, positions = self.scalar(event), _mark_of(event)
        elif isinstance(event, ev.SequenceStartEvent):
            value, positions = self.sequence(events, event, depth)
        elif isinstance(event, ev.MappingStartEvent):
            value, positions = self.mapping(events, event, depth)
        else:
            self.fail(event, "malformed YAML")
        if event.anchor:
            if event.anchor in self.anchors:
                self.fail(event, f"anchor &{event.anchor} stands twice")
            self.anchors[event.anchor] = (value, positions, self.nodes - before)
        return value, positions

    def sequence(
        self, events: Iterator[Event], start: Event, depth: int
    ) -> tuple[list[Any], Positions]:
        from ruamel.yaml.events import SequenceEndEvent

        self.check_tag(start, "seq")
        values, positions = [], []
        while not isinstance(event := next(events), SequenceEndEvent):
            value, position = self.node(events, event, depth + 1)
            values.append(value)
            positions.append(position)
        return values, [_mark_of(start), positions]

    def mapping(
        self, events: Iterator[Event], start: Event, depth: int
    ) -> tuple[dict[str, Any], Positions]:
        from ruamel.yaml.events import MappingEndEvent

        self.check_tag(start, "map")
        values: dict[str, Any] = {}
        positions: dict[str, Positions] = {}
        merged: list[tuple[dict[str, Any], dict[str, Positions]]] = []
        while not isinstance(event := next(events), MappingEndEvent):
            key = self.key(event)
            if key in values:
                first, _ = place_of([0, positions], (key,))
                self.fail(event, f"key {key!r} stands twice", f"first on line {first}")
            value, position = self.node(events, next(events), depth + 1)
            if key == "<<" and not getattr(event, "style", None):
                merged += self.merge_sources(event, value, position)
                continue
            values[key] = value
            positions[key] = (
                [_mark_of(event), position[1]] if isinstance(position, list) else position
            )
        for source, places in merged:  # a map's own keys win over what it merges in, `<<` first wins
            for key in source:
                if key not in values:
                    values[key], positions[key] = source[key], places[key]
        return values, [_mark_of(start), positions]

    def merge_sources(
        self, event: Event, value: Any, position: Positions
    ) -> list[tuple[dict[str, Any], dict[str, Positions]]]:
        sources = [(value, position)]
        if isinstance(value, list):
            sources = list(zip(value, position[1], strict=True))
        for source, _ in sources:
            if not isinstance(source, dict):
                self.fail(event, "'<<' merges maps only")
        return [(source, place[1]) for source, place in sources]

    def key(self, event: Event) -> str:
        from ruamel.yaml.events import ScalarEvent

        if not isinstance(event, ScalarEvent):
            self.fail(event, "a map key must be a plain word or a quoted string")
        if event.anchor:
            self.fail(event, "anchors on keys are not supported")
        self.count(1, event)
        text: str = event.value
        return text

    def scalar(self, event: Event) -> Any:
        if event.tag:
            return self.tagged(event)
        if event.style or not event.implicit[0]:
            return event.value
        return self.plain(event)

    def plain(self, event: Event) -> Any:
        try:
            return scalar(event.value)
        except ValueError as e:
            self.fail(event, str(e))

    def tagged(self, event: Event) -> Any:
        tag = str(event.tag)
        short = tag.removeprefix("tag:yaml.org,2002:")
        if short == "str" or tag == "!":
            return event.value
        wanted = {"int": int, "float": float, "bool": bool, "null": type(None)}.get(short)
        if wanted is None or short == tag:
            self.fail(event, f"tag {tag} is not supported", "use plain YAML values")
        value = self.plain(event)
        if short == "float" and type(value) is int:
            return float(value)
        if type(value) is not wanted:
            self.fail(event, f"{event.value!r} is not a value of type {short}")
        return value

    def check_tag(self, event: Event, kind: str) -> None:
        if event.tag and event.tag not in ("!", f"tag:yaml.org,2002:{kind}"):
            self.fail(event, f"tag {event.tag} is not supported", "use plain YAML values")

    def count(self, nodes: int, event: Event) -> None:
        self.nodes += nodes
        if self.nodes > MAX_NODES:
            self.fail(event, f"more than {MAX_NODES} nodes once aliases are expanded")

    def fail(self, event: Event, message: str, hint: str = "") -> NoReturn:
        _refuse(self.name, *unmark(_mark_of(event)), message, hint)


def _mark_of(event: Event) -> int:
    return mark(event.start_mark.line + 1, event.start_mark.column + 1)


_INT = re.compile(r"[-+]?(?:0x[0-9a-fA-F]+|0o[0-7]+|0b[01]+|[0-9]+)\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_WORDS: dict[str, Any] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
}
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)\Z|\.(?:nan|NaN|NAN)\Z")
_BASES = {"0x": 16, "0o": 8, "0b": 2}


def scalar(text: str) -> Any:
    """The value of a plain scalar: YAML 1.2 core, with the octals that Go's reader knows.

    Raises ValueError for infinities and NaN, which JSON and Helm cannot carry.
    """
    if text in _WORDS:
        return _WORDS[text]
    if _INT.match(text):
        return _integer(text)
    if _FLOAT.match(text):
        value = float(text)
        if value in (float("inf"), float("-inf")):
            raise ValueError(f"{text} is too large a number")
        return value
    if _NOT_FINITE.match(text):
        raise ValueError(f"{text} cannot be written as JSON; quote it if you mean the text")
    return text


def _integer(text: str) -> int | float:
    sign, digits = (-1, text[1:]) if text[0] == "-" else (1, text.lstrip("+"))
    if len(digits) > 300:
        raise ValueError("a number of more than 300 digits")
    base = _BASES.get(digits[:2], 10)
    if base == 10 and digits[0] == "0" and set(digits) <= set("01234567"):
        base = 8
    return sign * int(digits, base)


def _refuse(name: str, line: int, column: int, message: str, hint: str = "") -> NoReturn:
    raise InvalidDocument([Diagnostic(name, line, column, ERROR, "yaml", message, hint)])


# --------------------------------------------------------------------------- printing


def dump(value: Any, *, indent: int = 2, sort_keys: bool = False) -> str:
    """Block-style YAML of a JSON value, with a final newline.

    `indent` is 2 for recipes and 4 for Helm values, as AICR prints them; lists are indented under
    their key either way.
    """
    if isinstance(value, (dict, list)) and value:
        lines: list[str] = []
        _block(value, "", indent, sort_keys, lines)
        return "\n".join(lines) + "\n"
    return _scalar(value) + "\n"


def _block(value: Any, pad: str, indent: int, sort_keys: bool, lines: list[str]) -> None:
    if isinstance(value, dict):
        for key in sorted(value) if sort_keys else value:
            _entry(f"{pad}{_key(key)}:", value[key], pad, indent, sort_keys, lines)
        return
    for item in value:
        if isinstance(item, (dict, list)) and item:
            first = len(lines)
            _block(item, pad + "  ", indent, sort_keys, lines)
            lines[first] = f"{pad}- {lines[first][len(pad) + 2 :]}"
        else:
            _entry(f"{pad}-", item, pad, indent, sort_keys, lines)


def _entry(
    head: str, value: Any, pad: str, indent: int, sort_keys: bool, lines: list[str]
) -> None:
    if isinstance(value, (dict, list)) and value:
        lines.append(head)
        _block(value, pad + " " * indent, indent, sort_keys, lines)
    elif isinstance(value, str) and _literal_fits(value):
        chomp = "" if value.endswith("\n") else "-"
        lines.append(f"{head} |{chomp}")
        inner = pad + " " * indent
        lines += [inner + line if line else "" for line in value.removesuffix("\n").split("\n")]
    else:
        lines.append(f"{head} {_scalar(value)}")


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
    return all(
        _LITERAL_LINE.match(line) and line == line.rstrip() for line in lines
    )


_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
_ESCAPE = re.compile(r'["\\\x00-\x1f\x7f-\xa0\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]')


def _quote(text: str) -> str:
    def escape(match: re.Match[str]) -> str:
        c = match[0]
        return _ESCAPES.get(c) or (f"\\x{ord(c):02x}" if ord(c) < 256 else f"\\u{ord(c):04x}")

    return '"' + _ESCAPE.sub(escape, text) + '"'
