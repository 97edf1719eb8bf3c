"""`aicr explain`: the history of every leaf at a selector."""

from __future__ import annotations

from typing import Any, NamedTuple

from aicr.catalog import Catalog
from aicr.diagnostics import did_you_mean
from aicr.errors import NotFound
from aicr.query import steps_of
from aicr.resolve import Recipe
from aicr.trace import Leaf, leaves, traced

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
    for step in steps_of(selector):
        key = _child(node, step)
        if key is None:
            known = list(node) if isinstance(node, dict) else []
            near = did_you_mean(step, known)
            there = f", available keys: {', '.join(sorted(known))}" if known else ""
            raise NotFound(
                f'selector "{selector}": key "{step}" not found{there}{"; " + near if near else ""}'
            )
        node = node[key]
        path.append(key)
    return [
        Explained(".".join(str(p) for p in (*path, *below)), leaf) for below, leaf in leaves(node)
    ]


def _child(node: Any, step: str) -> str | int | None:
    if isinstance(node, dict):
        return step if step in node else None
    if not isinstance(node, list):
        return None
    if step.isdigit() and int(step) < len(node):
        return int(step)
    for i, item in enumerate(node):
        if (
            isinstance(item, dict)
            and isinstance(item.get("name"), Leaf)
            and item["name"].value == step
        ):
            return i
    return None
