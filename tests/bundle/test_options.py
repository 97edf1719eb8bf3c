"""Scheduling options: selectors, tolerations, the gate (contract 9.1)."""

from __future__ import annotations

import pytest

from aicr.bundle.options import TOLERATE_ALL, selector, taint, tolerations
from aicr.errors import InvalidRequest


def test_selectors() -> None:
    assert selector(["a=b", "c=", "a=d"], "--x") == {"a": "d", "c": ""}
    with pytest.raises(
        InvalidRequest, match='invalid --x: invalid format "novalue", expected key=value'
    ):
        selector(["novalue"], "--x")


def test_tolerations() -> None:
    found = tolerations(
        ["k=v:NoSchedule", "k:NoExecute", "k=:PreferNoSchedule", ":NoSchedule"], "--x"
    )
    assert [dict(t) for t in found] == [
        {"key": "k", "operator": "Equal", "value": "v", "effect": "NoSchedule"},
        {"key": "k", "operator": "Exists", "effect": "NoExecute"},
        {"key": "k", "operator": "Exists", "effect": "PreferNoSchedule"},
        {"operator": "Exists", "effect": "NoSchedule"},
    ]
    assert tolerations([], "--x") == TOLERATE_ALL


@pytest.mark.parametrize(
    "text", ["x", "k=v", "k=v:Bad", "k=v:noschedule", "k=v:NoSchedule:x", "k=v:"]
)
def test_what_is_no_toleration(text: str) -> None:
    with pytest.raises(InvalidRequest, match="invalid --x: invalid"):
        tolerations([text], "--x")


def test_the_gate() -> None:
    assert taint("g=v:NoSchedule", "--x") == "g=v:NoSchedule"
    assert taint("g=:NoExecute", "--x") == "g:NoExecute"
    for text in ("=v:NoSchedule", ":NoSchedule", "x", "k=v:Nope"):
        with pytest.raises(InvalidRequest):
            taint(text, "--x")
