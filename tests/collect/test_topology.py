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
    found = topology.topology(nodes).subtypes
    assert found["taint"] == expected
    assert found["summary"]["taint-count"] == len(expected)


def test_labels_and_counts() -> None:
    found = topology.topology(
        [node("b", arch="amd64", role=""), node("a", arch="arm64", role="")]
    ).subtypes
    assert found["label"] == {"arch.amd64": "amd64|b", "arch.arm64": "arm64|a", "role": "|a,b"}
    assert found["summary"] == {"node-count": 2, "taint-count": 0, "label-count": 3}


@pytest.mark.parametrize(
    ("most", "listed"), [(0, "a,b,c"), (3, "a,b,c"), (2, "a,b (+1 more)"), (1, "a (+2 more)")]
)
def test_at_most_so_many_names(most: int, listed: str) -> None:
    found = topology.topology([node(n, x="y") for n in "cab"], most).subtypes
    assert found["label"]["x"] == f"y|{listed}"


def labelled(name: str, **labels: str) -> dict[str, Any]:
    return node(name, **{key.replace("_", "."): value for key, value in labels.items()})


def test_labels_with_the_same_short_name_all_stay() -> None:
    nodes = [labelled("a", x="y", x_y="other"), labelled("b", x="z")]
    assert topology.topology(nodes).subtypes["label"] == {
        "x=y": "y|a",
        "x.y=other": "other|a",
        "x.z": "z|b",
    }


def test_taints_with_the_same_short_name_all_stay() -> None:
    nodes = [node("a", "d=x:NoSchedule", "d=x:NoExecute", "d.NoExecute=v:NoSchedule")]
    assert topology.topology(nodes).subtypes["taint"] == {
        "d=x:NoExecute": "x|a",
        "d.NoExecute=v:NoSchedule": "NoSchedule|v|a",
        "d.NoSchedule": "x|a",
    }


def test_an_odd_node_costs_itself_only() -> None:
    odd = {"metadata": {"name": "b"}, "spec": {"taints": [{"key": "gpu"}]}}
    facts = topology.topology([node("a", arch="arm64"), odd, {}])
    assert facts.subtypes["label"] == {"arch": "arm64|a"}
    assert facts.warnings == (
        "NodeTopology: b is left out: unexpected answer (KeyError: 'effect') (and 1 more)",
    )


class Counted(str):
    """Text that counts how often it is compared."""

    compared = 0
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        Counted.compared += 1
        return str.__eq__(self, other)


@pytest.mark.parametrize("count", [50, 500])
def test_the_work_grows_with_the_number_of_taints(count: int) -> None:
    Counted.compared = 0
    taints = {(Counted("key"), "NoSchedule", f"{i}"): ["a"] for i in range(count)}
    topology._taints(taints, 0)
    assert Counted.compared < 40 * count


def test_an_empty_cluster() -> None:
    facts = topology.collect(lambda _: {"items": []})
    assert facts.subtypes["summary"]["node-count"] == 0
    assert facts.subtypes["taint"] == facts.subtypes["label"] == {}


def test_an_unreachable_cluster() -> None:
    def refuse(_: Any) -> Any:
        raise Unavailable("refused")

    assert topology.collect(refuse) == Facts({}, ("NodeTopology: refused",))
