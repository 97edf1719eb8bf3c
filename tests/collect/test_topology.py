"""Taints and labels by node."""

from __future__ import annotations

from typing import Any

import pytest

from aicr.collect import topology
from aicr.collect.facts import Facts
from aicr.errors import Unavailable


def node(name: str, *taints: str, **labels: str) -> dict[str, Any]:
    """Taints as key=value:Effect."""
    parsed = []
    for text in taints:
        rest, _, effect = text.partition(":")
        key, _, value = rest.partition("=")
        parsed.append({"key": key, "effect": effect, **({"value": value} if value else {})})
    return {"metadata": {"name": name, "labels": labels}, "spec": {"taints": parsed}}


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        ([node("a", "gpu:NoSchedule")], {"gpu": "NoSchedule||a"}),
        (
            [node("b", "gpu=h:NoSchedule"), node("a", "gpu=h:NoSchedule")],
            {"gpu": "NoSchedule|h|a,b"},
        ),
        (
            [node("a", "d=x:NoSchedule", "d=x:NoExecute")],
            {"d.NoExecute": "x|a", "d.NoSchedule": "x|a"},
        ),
        (
            [node("a", "d=x:NoSchedule", "d=z:NoExecute"), node("b", "d=y:NoSchedule")],
            {"d.NoExecute": "z|a", "d.NoSchedule.x": "x|a", "d.NoSchedule.y": "y|b"},
        ),
    ],
)
def test_taints(nodes: list[Any], expected: dict[str, str]) -> None:
    found = topology.topology(nodes)
    assert found["taint"] == expected
    assert found["summary"]["taint-count"] == len(expected)


def test_labels_and_counts() -> None:
    found = topology.topology([node("b", arch="amd64", role=""), node("a", arch="arm64", role="")])
    assert found["label"] == {"arch.amd64": "amd64|b", "arch.arm64": "arm64|a", "role": "|a,b"}
    assert found["summary"] == {"node-count": 2, "taint-count": 0, "label-count": 3}


@pytest.mark.parametrize(
    ("most", "listed"), [(0, "a,b,c"), (3, "a,b,c"), (2, "a,b (+1 more)"), (1, "a (+2 more)")]
)
def test_at_most_so_many_names(most: int, listed: str) -> None:
    found = topology.topology([node(n, x="y") for n in "cab"], most)
    assert found["label"]["x"] == f"y|{listed}"


def test_an_empty_cluster() -> None:
    facts = topology.collect(lambda _: {"items": []})
    assert facts.subtypes["summary"]["node-count"] == 0
    assert facts.subtypes["taint"] == facts.subtypes["label"] == {}


def test_an_unreachable_cluster() -> None:
    def refuse(_: Any) -> Any:
        raise Unavailable("refused")

    assert topology.collect(refuse) == Facts({}, ("NodeTopology: refused",))
