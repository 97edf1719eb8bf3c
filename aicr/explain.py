"""`aicr explain`: the history of every leaf at a selector."""

from __future__ import annotations

from typing import Any, NamedTuple

from aicr.catalog import Catalog
from aicr.diagnostics import did_you_mean
from aicr.errors import NotFound
from aicr.query import steps_of
from aicr.resolve import Recipe
from aicr.trace import Leaf, leaves, traced, value_of

FORMAT_VERSION = "1.0"


class Explained(NamedTuple):
    """One leaf: its dotted path and its history, oldest first."""

    path: str
    leaf: Leaf

    def document(self) -> dict[str, Any]:
        history = [
            {
                "layer": e.origin.layer,
                "file": e.origin.file,
                "line": e.origin.line,
                "column": e.origin.column,
                "value": e.value,
            }
            for e in self.leaf.history
        ]
        return {"path": self.path, "value": self.leaf.value, "history": history}


def explain(catalog: Catalog, recipe: Recipe, version: str, selector: str) -> list[Explained]:
    """Every leaf at or below the selector. List items are selected by index or by their name.

    Raises NotFound naming the missing key and what there is instead.
    """
    node: Any = traced(catalog, recipe, version)
    path: list[str | int] = []
    steps = steps_of(selector)
    while steps:
        key, taken = _child(node, steps)
        if key is None:
            known = list(node) if isinstance(node, dict) else []
            near = did_you_mean(steps[0], known)
            there = f", available keys: {', '.join(sorted(known))}" if known else ""
            hint = f"; {near}" if near else ""
            raise NotFound(f'selector "{selector}": key "{steps[0]}" not found{there}{hint}')
        node = node[key]
        path.append(key)
        steps = steps[taken:]
    return [
        Explained(".".join(str(p) for p in (*path, *below)), leaf) for below, leaf in leaves(node)
    ]


def _child(node: Any, steps: list[str]) -> tuple[str | int | None, int]:
    """The key that the next steps name, and how many of them (names of list items hold dots)."""
    if isinstance(node, dict):
        return (steps[0] if steps[0] in node else None), 1
    if not isinstance(node, list):
        return None, 0
    for taken in range(len(steps), 0, -1):
        name = ".".join(steps[:taken])
        for i, item in enumerate(node):
            if isinstance(item, dict) and value_of(item.get("name")) == name:
                return i, taken
    index = int(steps[0]) if steps[0].isascii() and steps[0].isdecimal() else len(node)
    return (index if index < len(node) else None), 1
