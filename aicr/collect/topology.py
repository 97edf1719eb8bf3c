"""NodeTopology: which nodes carry which taints and labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aicr.collect.facts import Data, Facts
from aicr.collect.kubernetes import Ask
from aicr.errors import AicrError

KIND = "NodeTopology"
SECONDS = 90
PAGE = "--chunk-size=500"  # nodes per answer of the server
# (key, what tells entries with that key apart) -> names of nodes.
_Carriers = dict[tuple[str, ...], list[str]]


def collect(ask: Ask, most: int = 0) -> Facts:
    """All nodes of the cluster; `most` names per entry at the most, 0 for every one."""
    try:
        answer = ask(["get", "nodes", PAGE])
    except AicrError as e:
        return Facts({}, (f"{KIND}: {e.message}",))
    return Facts(topology(answer.get("items") or [], most))


def topology(nodes: Iterable[Mapping[str, Any]], most: int = 0) -> dict[str, Data]:
    """Counts, taints and labels of Node objects.

    taint: key → `effect|value|nodes`; where a key has several effects, key.effect → `value|nodes`.
    label: key → `value|nodes`; where a key has several values, key.value → `value|nodes`.
    """
    nodes = sorted(nodes, key=lambda node: str(node["metadata"]["name"]))
    taints: _Carriers = {}
    labels: _Carriers = {}
    for node in nodes:
        name = node["metadata"]["name"]
        for taint in node["spec"].get("taints") or []:
            entry = (taint["key"], taint["effect"], taint.get("value") or "")
            taints.setdefault(entry, []).append(name)
        for key, value in (node["metadata"].get("labels") or {}).items():
            labels.setdefault((key, value), []).append(name)
    counts = {"node-count": len(nodes), "taint-count": len(taints), "label-count": len(labels)}
    return {
        "summary": {**counts},
        "taint": _taints(taints, most),
        "label": _labels(labels, most),
    }


def _taints(taints: _Carriers, most: int) -> Data:
    found: Data = {}
    for (key, effect, value), names in sorted(taints.items()):
        same_key = [entry for entry in taints if entry[0] == key]
        text = f"{value}|{_listed(names, most)}"
        if len(same_key) == 1:
            found[key] = f"{effect}|{text}"
        elif sum(entry[1] == effect for entry in same_key) == 1:
            found[f"{key}.{effect}"] = text
        else:
            found[f"{key}.{effect}.{value}"] = text
    return found


def _labels(labels: _Carriers, most: int) -> Data:
    values: dict[str, int] = {}
    for key, _ in labels:
        values[key] = values.get(key, 0) + 1
    return {
        key if values[key] == 1 else f"{key}.{value}": f"{value}|{_listed(names, most)}"
        for (key, value), names in sorted(labels.items())
    }


def _listed(names: Sequence[str], most: int) -> str:
    if not most or len(names) <= most:
        return ",".join(names)
    return f"{','.join(names[:most])} (+{len(names) - most} more)"
