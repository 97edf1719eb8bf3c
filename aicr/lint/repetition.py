"""The same thing said in several files."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from aicr.diagnostics import WARNING, Diagnostic
from aicr.documents import Parsed
from aicr.lint.view import Linked

# A subtree of this many scalars that stands in two files should be a mixin or a values file.
REPEAT_LEAVES = 6


def repetition(view: Linked) -> Iterator[Diagnostic]:
    """The same subtree written out in several files: say it once, in a mixin or a values file."""
    places: dict[str, list[tuple[Parsed, tuple[str | int, ...]]]] = defaultdict(list)
    documents = [
        *(doc for doc, _ in view.bodies()),
        *view.docs.values.values(),
    ]
    for doc in documents:
        seen: set[str] = set()
        for path, text in _subtrees(doc.value, ()):
            if text not in seen:  # within one file an anchor would do; that is the file's business
                seen.add(text)
                places[text].append((doc, path))
    reported: set[tuple[str, tuple[str | int, ...]]] = set()
    for _, found in sorted(places.items(), key=lambda item: (-len(item[0]), item[0])):
        files = sorted({doc.file for doc, _ in found})
        if len(files) < 2:
            continue
        fresh = [(d, p) for d, p in found if not _inside(reported, d, p)]
        reported |= {(d.file, p) for d, p in found}
        if fresh:
            doc, path = fresh[-1]
            where = ".".join(str(step) for step in path)
            message = f"{where} stands in {len(files)} files: {', '.join(files)}"
            yield doc.diagnostic(path, WARNING, "repeated", message, "say it once, in a mixin")


def _inside(
    reported: set[tuple[str, tuple[str | int, ...]]], doc: Parsed, path: tuple[str | int, ...]
) -> bool:
    return any((doc.file, path[:n]) in reported for n in range(len(path)))


def _subtrees(
    value: Any, path: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Maps and lists with enough leaves to be worth naming, as canonical text."""
    if not isinstance(value, (dict, list)):
        return
    if path and _count(value) >= REPEAT_LEAVES:
        yield path, json.dumps(value, sort_keys=True)
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, below in items:
        yield from _subtrees(below, (*path, key))


def _count(value: Any) -> int:
    if isinstance(value, dict):
        return sum(_count(v) for v in value.values())
    return sum(_count(v) for v in value) if isinstance(value, list) else 1
