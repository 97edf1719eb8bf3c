"""Constraint expressions over readings (contract section 11.2), as tables."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aicr import versions
from aicr.constraints import check, holds, parse

SNAPSHOT = {
    "K8s": {"server": {"version": "v1.33.1-eks-abc", "nodes": 3}},
    "GPU": {"smi": {"gpu-count": 8}},
    "OS": {
        "release": {"ID": "ubuntu"},
        "sysctl": {"/proc/sys/kernel/osrelease": "6.8.0-1028-aws"},
        "kmod": {"nvidia": True},
    },
}


@pytest.mark.parametrize(
    ("operator", "operand", "actual", "result"),
    [
        ("", "ubuntu", "ubuntu", True),
        ("", "Ubuntu", "ubuntu", False),
        ("", "8", "8", True),
        (">=", "1.32.4", "v1.33.0-gke.200", True),
        (">=", "1.32.4", "v1.31.2-eks-abc", False),
        (">=", "6.8", "6.8.0-1020-aws", True),
        (">", "1.33", "1.33.1", False),
        ("<=", "1.33", "1.33.1", True),
        ("<", "1.34", "1.33.1", True),
        ("<", "1.33", "1.33.1", False),
        (">=", "8", "8", True),
        ("==", "1.33.1", "v1.33.1", True),
        ("==", "1.33.0", "1.33", True),
        ("!=", "1.33.1", "v1.33.1", False),
        ("!=", "1.33.1", "1.34", True),
        ("==", "ubuntu", "ubuntu", True),
        ("!=", "ubuntu", "cos", True),
        ("==", "a.1", "a.1", True),
    ],
)
def test_operators(operator: str, operand: str, actual: str, result: bool) -> None:
    assert holds(operator, operand, actual) is result


@pytest.mark.parametrize(
    ("name", "value", "actual", "reason"),
    [
        ("K8s.server.version", ">= 1.30", "v1.33.1-eks-abc", ""),
        ("OS.sysctl./proc/sys/kernel/osrelease", ">= 6.8", "6.8.0-1028-aws", ""),
        ("GPU.smi.gpu-count", ">=8", "8", ""),
        ("OS.kmod.nvidia", "true", "true", ""),
        ("K8s.server.version", "> 1.33", "v1.33.1-eks-abc", "expected > 1.33, got v1.33.1-eks-abc"),
        (
            "foo",
            ">= 1",
            None,
            "[INVALID_REQUEST] invalid constraint path: [INVALID_REQUEST] invalid constraint path: "
            "expected format {Type}.{Subtype}.{Key}",
        ),
        (
            "Foo.a.b",
            ">= 1",
            None,
            "[INVALID_REQUEST] invalid constraint path: "
            "[INVALID_REQUEST] invalid measurement type in constraint path",
        ),
        (
            "K8s.zzz.a",
            "1",
            None,
            "[NOT_FOUND] value not found in snapshot: [NOT_FOUND] subtype not found in measurement",
        ),
        (
            "K8s.server.zzz",
            "1",
            None,
            "[NOT_FOUND] value not found in snapshot: [NOT_FOUND] key not found in subtype",
        ),
        (
            "K8s.server.version",
            ">=",
            "v1.33.1-eks-abc",
            "[INVALID_REQUEST] invalid constraint expression: "
            "[INVALID_REQUEST] constraint value cannot be empty after operator",
        ),
        (
            "OS.release.ID",
            ">= 1",
            "ubuntu",
            "[INTERNAL] evaluation failed: [INVALID_REQUEST] cannot parse actual version: "
            '[INVALID_REQUEST] non-numeric component: "ubuntu": version component is not numeric',
        ),
        (
            "K8s.server.version",
            ">= 1.2.3.4",
            "v1.33.1-eks-abc",
            "[INTERNAL] evaluation failed: [INVALID_REQUEST] cannot parse expected version: "
            "version has more than 3 components",
        ),
    ],
)
def test_outcomes(name: str, value: str, actual: str | None, reason: str) -> None:
    outcome = check(name, value, SNAPSHOT)
    assert outcome == (not reason, value, actual, reason, outcome.measured)
    assert outcome.measured is ("NOT_FOUND" not in reason)


def test_the_longest_operator_is_read() -> None:
    assert parse(">=1.2") == (">=", "1.2")
    assert parse("  ==  x ") == ("==", "x")
    assert parse("plain text") == ("", "plain text")


@pytest.mark.parametrize("text", ["", "v", "1..2", "1.x", "-1", "1.2.3.4", "١"])
def test_what_is_no_version(text: str) -> None:
    with pytest.raises(ValueError, match="version"):
        versions.parse(text)


@given(st.tuples(*[st.integers(0, 99)] * 3), st.tuples(*[st.integers(0, 99)] * 3))
def test_orderings_agree_with_each_other(a: tuple[int, int, int], b: tuple[int, int, int]) -> None:
    order = versions.ORDERINGS
    assert order[">="](a, b) is not order["<"](a, b)
    assert order["<="](a, b) is not order[">"](a, b)
    assert versions.equal(a, b) is (order[">="](a, b) and order["<="](a, b))
