"""Coin tosses: overlays of which only a name decides which one wins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

from aicr.criteria import ANY
from aicr.diagnostics import ERROR, Diagnostic
from aicr.lint.view import Linked
from aicr.merge import RECIPE, Policy, Rule, RuleBook
from aicr.resolve import merge_layers


def ambiguous(view: Linked) -> Iterator[Diagnostic]:
    """Two unrelated overlays of equal specificity that one request selects together and that set
    the same leaf differently: only their names decide which wins."""
    for a, b in combinations(view.records.values(), 2):
        if not _meet(a, b) or a["name"] in b["chain"] or b["name"] in a["chain"]:
            continue
        for path in _clashes(RECIPE, _apart(view, a, b), _apart(view, b, a)):
            doc = view.docs.overlays[b["name"]]
            text = (
                f"{a['name']} and {b['name']} answer the same requests, are equally specific, "
                f"and set {path[1:]} differently: {b['name']} wins only by its name"
            )
            hint = f"make one the base of the other, or narrow the criteria of {b['name']}"
            yield doc.diagnostic(("spec",), ERROR, "ambiguous", text, hint)


def _meet(a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    """Equally specific, and some request matches both."""
    left, right = _narrow(a["criteria"]), _narrow(b["criteria"])
    if left is None or right is None or len(left) != len(right):
        return False
    return all(right.get(k, v) == v for k, v in left.items())


def _narrow(rule: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if rule is None else {k: v for k, v in rule.items() if v not in (ANY, "", 0)}


def _apart(view: Linked, record: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """What an overlay brings that the other does not: its chain without what they share."""
    names = [name for name in record["chain"] if name not in other["chain"]]
    layers = [layer["spec"] for name in names for layer in view.records[name]["layers"]]
    return merge_layers(RuleBook(RECIPE), layers)


def _clashes(rule: Rule, a: Any, b: Any, path: str = "") -> Iterator[str]:
    """Paths at which one of the two would win over the other, by the merge rules."""
    if rule.policy in (Policy.APPEND, Policy.OR) or a in (None, "", []) or b in (None, "", []):
        return
    if rule.policy is Policy.BY_NAME:
        left, right = ({item["name"]: item for item in items} for items in (a, b))
        for name in sorted(set(left) & set(right)):
            yield from _clashes(rule.child("*"), left[name], right[name], f"{path}.{name}")
    elif rule.policy is Policy.MAP and isinstance(a, dict) and isinstance(b, dict):
        for key in sorted(set(a) & set(b)):
            yield from _clashes(rule.child(key), a[key], b[key], f"{path}.{key}")
    elif rule.policy is Policy.KEYS:
        yield from (f"{path}.{key}" for key in sorted(set(a) & set(b)) if a[key] != b[key])
    elif a != b:
        yield path
