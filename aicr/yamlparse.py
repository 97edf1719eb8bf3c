"""YAML text to JSON values with positions, over ruamel's parser events.

Events, not ruamel's loaders: positions are kept, limits hold before anything is built, and scalars
mean what Go's reader takes them for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NoReturn

from ruamel.yaml import YAML
from ruamel.yaml import events as ev
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import Event

from aicr.diagnostics import ERROR, Diagnostic, InvalidDocument
from aicr.positions import Positions, mark, place_of, unmark

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 64
MAX_NODES = 100_000


def parse(data: bytes, name: str) -> tuple[Any, Positions]:
    """Value and positions of the one document in the data."""
    text = _decode(data, name)
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
        _refuse(name, 0, 0, f"malformed YAML: {str(e) or type(e).__name__}")


def _decode(data: bytes, name: str) -> str:
    if len(data) > MAX_BYTES:
        text = f"the document has {len(data)} bytes, more than {MAX_BYTES} for YAML"
        _refuse(name, 0, 0, text, "large documents are read as JSON")
    if data.count(b"\n") + data.count(b", ") > MAX_NODES:  # a cheap look before a slow parse
        _refuse(name, 0, 0, f"more than {MAX_NODES} nodes by its lines and commas")
    if data.startswith((b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")) or b"\x00" in data[:4]:
        _refuse(name, 1, 1, "UTF-16 or UTF-32 text", "save the file as UTF-8")
    if data.startswith(b"\xef\xbb\xbf"):
        _refuse(name, 1, 1, "starts with a byte order mark", "save the file as UTF-8 without BOM")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as e:
        line = data.count(b"\n", 0, e.start) + 1
        _refuse(name, line, 0, "not UTF-8 text", "save the file as UTF-8")
    if control := _CONTROL.search(text):
        _refuse(name, *_at(text, control), f"control character U+{ord(control[0]):04X}")
    if openers := _OPENERS.search(text):
        _refuse(name, *_at(text, openers), f"nested deeper than {MAX_DEPTH} levels")
    return text


def _at(text: str, match: re.Match[str]) -> tuple[int, int]:
    """Line and column of a match."""
    start = match.start()
    return text.count("\n", 0, start) + 1, start - text.rfind("\n", 0, start)


# ruamel's scanner looks far ahead of the parser: what opens this often in a row is refused unread.
_OPENERS = re.compile(rf"(?:[\[{{]\s*){{{MAX_DEPTH + 1}}}")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")


class _Builder:
    """Builds values and positions from parser events, within the limits."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.nodes = 0
        # anchor -> value, positions, and what an alias adds when expanded: nodes and levels
        self.anchors: dict[str, tuple[Any, Positions, int, int]] = {}
        self.deepest = 0

    def document(self, events: Iterator[Event]) -> tuple[Any, Positions]:
        result: tuple[Any, Positions] | None = None
        for event in events:
            if isinstance(event, (ev.StreamStartEvent, ev.StreamEndEvent, ev.DocumentEndEvent)):
                continue
            if isinstance(event, ev.DocumentStartEvent):
                if result is not None:
                    self.fail(event, "a second document in one file", "split the file at '---'")
                continue
            result = self.node(events, event, 0)
        if result is None:
            _refuse(self.name, 1, 1, "the document is empty")
        return result

    def node(self, events: Iterator[Event], event: Event, depth: int) -> tuple[Any, Positions]:
        outer, self.deepest = self.deepest, 0
        self.reach(depth, event)
        before = self.nodes
        self.count(1, event)
        value: Any
        positions: Positions
        if isinstance(event, ev.AliasEvent):
            if event.anchor not in self.anchors:
                self.fail(event, f"alias *{event.anchor} has no anchor before it")
            value, positions, size, height = self.anchors[event.anchor]
            self.count(size, event)
            self.reach(depth + height, event)
            self.deepest = max(self.deepest, outer)
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
            height = self.deepest - depth
            self.anchors[event.anchor] = (value, positions, self.nodes - before, height)
        self.deepest = max(self.deepest, outer)
        return value, positions

    def sequence(
        self, events: Iterator[Event], start: ev.SequenceStartEvent, depth: int
    ) -> tuple[list[Any], Positions]:
        self.check_tag(start, "seq")
        values, positions = [], []
        while not isinstance(event := next(events), ev.SequenceEndEvent):
            value, position = self.node(events, event, depth + 1)
            values.append(value)
            positions.append(position)
        return values, [_mark_of(start), positions]

    def mapping(
        self, events: Iterator[Event], start: ev.MappingStartEvent, depth: int
    ) -> tuple[dict[str, Any], Positions]:
        self.check_tag(start, "map")
        values: dict[str, Any] = {}
        positions: dict[str, Positions] = {}
        merged: list[tuple[dict[str, Any], dict[str, Positions]]] = []
        while not isinstance(event := next(events), ev.MappingEndEvent):
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
        for (
            source,
            places,
        ) in merged:  # a map's own keys win over what it merges in, `<<` first wins
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
        if not isinstance(event, ev.ScalarEvent):
            self.fail(event, "a map key must be a plain word or a quoted string")
        if event.anchor:
            self.fail(event, "anchors on keys are not supported")
        self.count(1, event)
        text: str = event.value
        return text

    def scalar(self, event: ev.ScalarEvent) -> Any:
        if event.tag:
            return self.tagged(event)
        if event.style or not event.implicit[0]:
            return event.value
        return self.plain(event)

    def plain(self, event: ev.ScalarEvent) -> Any:
        try:
            return scalar(event.value)
        except ValueError as e:
            self.fail(event, str(e))

    def tagged(self, event: ev.ScalarEvent) -> Any:
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

    def check_tag(self, event: ev.SequenceStartEvent | ev.MappingStartEvent, kind: str) -> None:
        if event.tag and event.tag not in ("!", f"tag:yaml.org,2002:{kind}"):
            self.fail(event, f"tag {event.tag} is not supported", "use plain YAML values")

    def reach(self, depth: int, event: Event) -> None:
        self.deepest = max(self.deepest, depth)
        if depth > MAX_DEPTH:
            self.fail(event, f"nested deeper than {MAX_DEPTH} levels")

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
