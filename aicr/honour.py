"""What a request said in vain, and what it left out: the warnings of a recipe.

A criterion that no applied overlay names changes nothing; a criterion that was left out may have
selected a more specific overlay. Neither is silent (upstream answers both with a generic recipe).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from aicr.catalog import Catalog
from aicr.criteria import ANY, Criteria

NODES = "nodes"


def warnings_of(
    catalog: Catalog, request: Criteria, applied: Iterable[str], excluded: Iterable[str] = ()
) -> tuple[str, ...]:
    """One sentence per criterion that has no effect or is missing; deterministic order.

    `excluded` overlays were ruled out by a snapshot: they explain themselves, and nothing that
    builds on them is worth proposing.
    """
    applied, out = set(applied), set(excluded)
    records = {n: r for n, r in catalog.overlays.items() if r["criteria"]}
    rules = [r["criteria"] for n, r in records.items() if n in applied | out]
    possible = {n: r["criteria"] for n, r in records.items() if not out & set(r["chain"])}
    others = {n: rule for n, rule in possible.items() if n not in applied}
    asked = {**request.values, NODES: request.nodes}
    return (
        *_unhonoured(possible.values(), asked, request.stated, rules),
        *_left_out(others, asked, request.stated),
    )


def _unhonoured(
    possible: Iterable[Mapping[str, Any]],
    asked: Mapping[str, Any],
    stated: frozenset[str],
    rules: list[Mapping[str, Any]],
) -> Iterable[str]:
    for field, value in asked.items():
        if value in (ANY, 0) or any(rule.get(field) == value for rule in rules):
            continue
        missing = _completions(possible, asked, stated, field, value)
        advice = f"; it would with {' or '.join(missing)}" if missing else ""
        yield f"{field}={value} has no effect: no overlay for it applies here{advice}"


def _completions(
    possible: Iterable[Mapping[str, Any]],
    asked: Mapping[str, Any],
    stated: frozenset[str],
    field: str,
    value: Any,
) -> list[str]:
    """What would have to be added for an overlay with field=value to match; shortest first."""
    found = set()
    for rule in possible:
        if rule.get(field) != value:
            continue
        gap = _gap(rule, asked)
        if gap and not set(gap) & stated:
            found.add(tuple(sorted(gap.items())))
    shortest = min((len(g) for g in found), default=0)
    gaps = sorted(g for g in found if len(g) == shortest)
    return [", ".join(f"{k}={v}" for k, v in gap) for gap in gaps[:4]]


def _gap(rule: Mapping[str, Any], asked: Mapping[str, Any]) -> dict[str, Any]:
    """The fields in which the request is not what the rule wants."""
    return {k: v for k, v in rule.items() if v not in (ANY, "", 0) and asked.get(k) != v}


def _left_out(
    others: Mapping[str, Mapping[str, Any]], asked: Mapping[str, Any], stated: frozenset[str]
) -> Iterable[str]:
    choices: dict[str, dict[Any, list[str]]] = {}
    for name, rule in others.items():
        gap = _gap(rule, asked)
        if len(gap) == 1 and not set(gap) & stated:
            ((field, value),) = gap.items()
            choices.setdefault(field, {}).setdefault(value, []).append(name)
    for field in asked:
        if field in choices:
            options = "; ".join(f"{v} adds {', '.join(ns)}" for v, ns in choices[field].items())
            yield f"{field} is not stated: {options} (state {field}={ANY} to leave it open)"
