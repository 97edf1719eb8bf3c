"""NodeTopology: which nodes carry which taints and labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from aicr.collect import odd
from aicr.collect.facts import Data, Facts
from aicr.errors import AicrError
from aicr.kubectl import Ask

KIND = "NodeTopology"
SECONDS = 90
PAGE = "--chunk-size=500"  # nodes per answer of the server
# (key, what tells entries with that key apart) -> names of nodes.
_Carriers = Mapping[tuple[str, ...], Sequence[str]]


class _Node(NamedTuple):
    """A node's name, its taints (key, effect, value) and its labels (key, value)."""

    name: str
    taints: list[tuple[str, ...]]
    labels: list[tuple[str, ...]]


def collect(ask: Ask, most: int = 0) -> Facts:
    """All nodes of the cluster; `most` names per entry at the most, 0 for every one."""
    try:
        answer = ask(["get", "nodes", PAGE])
    except AicrError as e:
        return Facts({}, (f"{KIND}: {e.message}",))
    return topology(answer.get("items") or [], most)


def topology(nodes: Iterable[Mapping[str, Any]], most: int = 0) -> Facts:
    """Counts, taints and labels of Node objects.

    taint: key → `effect|value|nodes`; where a key has several effects, key.effect → `value|nodes`,
    and where an effect of a key has several values, key.effect.value.
    label: key → `value|nodes`; where a key has several values, key.value → `value|nodes`.
    Entries that would have the same name (label x.y, and x with a value y) have the one of kubectl:
    key=value:effect, key=value.
    """
    found, warnings = odd.each(_node, nodes)
    found.sort(key=lambda node: node.name)
    taints = _carriers((entry, node.name) for node in found for entry in node.taints)
    labels = _carriers((entry, node.name) for node in found for entry in node.labels)
    counts = {"node-count": len(found), "taint-count": len(taints), "label-count": len(labels)}
    subtypes: dict[str, Data] = {
        "summary": {**counts},
        "taint": _taints(taints, most),
        "label": _labels(labels, most),
    }
    return Facts(subtypes, tuple(f"{KIND}: {text}" for text in warnings))


def _node(node: Mapping[str, Any]) -> _Node:
    taints = node["spec"].get("taints") or []
    labels = node["metadata"].get("labels") or {}
    return _Node(
        str(node["metadata"]["name"]),
        [(str(t["key"]), str(t["effect"]), str(t.get("value") or "")) for t in taints],
        [(str(key), str(value)) for key, value in labels.items()],
    )


def _carriers(pairs: Iterable[tuple[tuple[str, ...], str]]) -> _Carriers:
    found: dict[tuple[str, ...], list[str]] = {}
    for entry, name in pairs:
        found.setdefault(entry, []).append(name)
    return found


def _taints(taints: _Carriers, most: int) -> Data:
    keys = Counter(key for key, _, _ in taints)
    effects = Counter((key, effect) for key, effect, _ in taints)
    found = []
    for (key, effect, value), names in sorted(taints.items()):
        name, text = f"{key}.{effect}.{value}", f"{value}|{_listed(names, most)}"
        if keys[key] == 1:
            name, text = key, f"{effect}|{text}"
        elif effects[key, effect] == 1:
            name = f"{key}.{effect}"
        found.append((name, f"{key}={value}:{effect}", text))
    return _named(found)


def _labels(labels: _Carriers, most: int) -> Data:
    keys = Counter(key for key, _ in labels)
    return _named(
        [
            (
                key if keys[key] == 1 else f"{key}.{value}",
                f"{key}={value}",
                f"{value}|{_listed(names, most)}",
            )
            for (key, value), names in sorted(labels.items())
        ]
    )


def _named(entries: Sequence[tuple[str, str, str]]) -> Data:
    """Texts by their short names, or by their full ones where a short one is not theirs alone.

    No short name is a full one: neither keys nor values nor effects hold a `=`.
    """
    claims = Counter(short for short, _, _ in entries)
    return {short if claims[short] == 1 else full: text for short, full, text in entries}


def _listed(names: Sequence[str], most: int) -> str:
    if not most or len(names) <= most:
        return ",".join(names)
    return f"{','.join(names[:most])} (+{len(names) - most} more)"
