"""Running the collectors: order, limits, failures."""

from __future__ import annotations

from threading import Event

import pytest

from aicr.collect.facts import Facts
from aicr.collect.measure import Collector, collectors, measure
from aicr.errors import Unavailable
from tests.conftest import Program


def failing(error: Exception) -> Facts:
    raise error


def test_types_in_the_order_of_snapshots_with_their_limits() -> None:
    found = [(c.kind, c.seconds) for c in collectors("n", None, 0)]
    assert found == [("NodeTopology", 90), ("K8s", 60), ("SystemD", 10), ("GPU", 10), ("OS", 10)]


def test_one_that_hangs_costs_itself_only() -> None:
    release = Event()
    try:
        slow = Collector("GPU", 0.05, lambda: Facts({"late": {}}) if release.wait() else Facts({}))
        quick = Collector("OS", 10, lambda: Facts({"a": {"b": 1}}))
        assert list(measure([slow, quick], margin=0)) == [
            ("GPU", Facts({}, ("GPU: not measured within 0.05 s",))),
            ("OS", Facts({"a": {"b": 1}})),
        ]
    finally:
        release.set()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (Unavailable("refused"), "K8s: refused"),
        (KeyError("spec"), "K8s: unexpected answer (KeyError: 'spec')"),
        (AttributeError("x"), "K8s: unexpected answer (AttributeError: x)"),
        (PermissionError(1, "no"), "K8s: unexpected answer (PermissionError: [Errno 1] no)"),
    ],
)
def test_a_failure_is_a_warning(error: Exception, words: str) -> None:
    ((_, facts),) = measure([Collector("K8s", 10, lambda: failing(error))])
    assert facts == Facts({}, (words,))


def test_what_was_read_before_kubectl_hung_is_kept(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(
        "kubectl",
        """case "$*" in
  *version*) echo '{"serverVersion": {"gitVersion": "v1.33.5"}}' ;;
  *) exec sleep 60 ;;
esac""",
    )
    monkeypatch.setattr("aicr.collect.kubernetes.SECONDS", 0.5)
    wanted = [c for c in collectors("n", None, 0) if c.kind == "K8s"]
    ((_, facts),) = measure(wanted, margin=30)
    assert facts.subtypes == {"server": {"version": "v1.33.5"}}
    assert [w.partition(" gave ")[0] for w in facts.warnings] == [
        "K8s.image: kubectl get",
        "K8s.policy: kubectl get not tried: the 0.5 s are used up",
        "K8s.node: kubectl get not tried: the 0.5 s are used up",
    ]
