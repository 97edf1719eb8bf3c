"""The order in which components are deployed (contract section 3.6)."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from typing import Any

from aicr.errors import InvalidRequest


def deployment_order(refs: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Names so that everything follows what it depends on, alphabetical among equals.

    Raises InvalidRequest naming an unknown dependency or the whole cycle.
    """
    needs = {ref["name"]: set(ref.get("dependencyRefs") or []) for ref in refs}
    for name, wanted in needs.items():
        for dependency in sorted(d for d in wanted if d not in needs):
            raise InvalidRequest(f'component "{name}" references unknown dependency "{dependency}"')
    users: dict[str, list[str]] = {name: [] for name in needs}
    for name, wanted in needs.items():
        for dependency in wanted:
            users[dependency].append(name)
    missing = {name: len(wanted) for name, wanted in needs.items()}
    ready = [name for name, count in missing.items() if count == 0]
    heapq.heapify(ready)
    order = []
    while ready:
        name = heapq.heappop(ready)
        order.append(name)
        for user in users[name]:
            missing[user] -= 1
            if missing[user] == 0:
                heapq.heappush(ready, user)
    if len(order) < len(needs):
        path = _cycle(refs)
        words = f"circular dependency detected: {' -> '.join(path)}"
        raise InvalidRequest(words, details={"cycle": path})
    return tuple(order)


def _cycle(refs: Sequence[Mapping[str, Any]]) -> list[str]:
    """The path of a cycle that is known to exist, first name repeated at the end."""
    from graphlib import CycleError, TopologicalSorter

    graph = {ref["name"]: ref.get("dependencyRefs") or [] for ref in refs}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as e:
        path: list[str] = e.args[1]
        return path[::-1]
    raise AssertionError("no cycle")
