"""`aicr validate` as far as it goes without a cluster (contract section 12).

Readiness first: the recipe's constraints against a snapshot. Then the phases: constraints on
measurements are evaluated for real, those that the snapshot does not measure and the checks that
need a cluster are reported as skipped. The report is CTRF.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from aicr import constraints
from aicr.errors import CheckFailed
from aicr.snapshot import Readings, is_measurement

PHASES = ("deployment", "performance", "conformance")
PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"
_STATUSES = (PASSED, FAILED, SKIPPED, "pending", "other")
_NO_CLUSTER = "skipped - no-cluster mode"
_AFTER_FAILURE = "skipped due to previous phase failure"


class Check(NamedTuple):
    """One line of the report."""

    name: str
    phase: str
    status: str
    message: str

    def document(self) -> dict[str, Any]:
        body = {"name": self.name, "status": self.status, "duration": 0, "suite": [self.phase]}
        return {**body, "message": self.message} if self.message else body


def readiness(recipe: Mapping[str, Any], snapshot: Readings) -> list[str]:
    """Evaluate the recipe's own constraints and those of its readiness phase; what the snapshot
    does not measure is returned.

    Raises CheckFailed at the first one that does not hold, with its remediation.
    """
    unmeasured = []
    for constraint in (*(recipe.get("constraints") or []), *_stated(recipe, "readiness")):
        name, value = constraint["name"], constraint["value"]
        outcome = constraints.check(name, value, snapshot)
        if outcome.passed:
            continue
        if not outcome.measured:
            unmeasured.append(f"{name}: not measured in the snapshot, not checked")
            continue
        text = outcome.reason or f"expected {value}"
        raise CheckFailed(f"readiness check failed: {name} {text}{_remedy(constraint)}")
    return unmeasured


def phases_of(words: Iterable[str]) -> list[str]:
    """The phases in the order asked for, once each; `all` or none is every phase."""
    asked = list(dict.fromkeys(words))
    return list(PHASES) if not asked or "all" in asked else asked


def offline_checks(
    validators: Iterable[Mapping[str, Any]],
    recipe: Mapping[str, Any],
    snapshot: Readings,
    phases: Iterable[str],
) -> Iterator[Check]:
    """Every check of the phases; after a failed phase the rest is skipped."""
    validators = list(validators)
    broken = False
    for phase in phases:
        found = list(_measured(recipe, snapshot, phase))
        yield from (
            c._replace(status=SKIPPED, message=_AFTER_FAILURE) if broken else c for c in found
        )
        reason = _AFTER_FAILURE if broken else _NO_CLUSTER
        for validator in validators:
            if validator["phase"] == phase:
                yield Check(validator["name"], phase, SKIPPED, reason)
        broken = broken or any(check.status == FAILED for check in found)


def _measured(recipe: Mapping[str, Any], snapshot: Readings, phase: str) -> Iterator[Check]:
    for constraint in _stated(recipe, phase):
        name, value = constraint["name"], constraint["value"]
        if not is_measurement(name):
            continue  # of a check in the cluster, which reads it by itself
        outcome = constraints.check(name, value, snapshot)
        status = PASSED if outcome.passed else FAILED if outcome.measured else SKIPPED
        remedy = _remedy(constraint) if status == FAILED else ""
        yield Check(name, phase, status, outcome.reason + remedy)


def _stated(recipe: Mapping[str, Any], phase: str) -> list[Mapping[str, Any]]:
    """The constraints of a phase."""
    return ((recipe.get("validation") or {}).get(phase) or {}).get("constraints") or []


def _remedy(constraint: Mapping[str, Any]) -> str:
    remedy = constraint.get("remediation")
    return f" ({remedy})" if remedy else ""


def report(checks: Iterable[Check], version: str, now: str, milliseconds: int) -> dict[str, Any]:
    """The CTRF document. The times are the caller's: this is a function of its input."""
    tests = [check.document() for check in checks]
    counts = {s: sum(test["status"] == s for test in tests) for s in _STATUSES}
    summary = {"tests": len(tests), **counts, "start": milliseconds, "stop": milliseconds}
    return {
        "reportFormat": "CTRF",
        "specVersion": "0.0.1",
        "timestamp": now,
        "generatedBy": "aicr",
        "results": {
            "tool": {"name": "aicr", "version": version},
            "summary": summary,
            "tests": tests,
        },
    }
