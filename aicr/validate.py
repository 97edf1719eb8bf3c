"""`aicr validate` as far as it goes without a cluster (contract section 12).

Readiness first: the recipe's constraints against a snapshot. Then the phases: constraints on
measurements are evaluated for real, those that the snapshot does not measure and the checks that
need a cluster are reported as skipped. The report is CTRF.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from aicr import constraints
from aicr.criteria import ANY
from aicr.errors import CheckFailed
from aicr.snapshot import Readings, is_measurement

PHASES = ("deployment", "performance", "conformance")
READINESS = "readiness"
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


def readiness(recipe: Mapping[str, Any], snapshot: Readings) -> list[Check]:
    """The recipe's own constraints and those of its readiness phase, evaluated; what the snapshot
    does not measure is skipped. Not part of the report: AICR's has none."""
    stated = (*(recipe.get("constraints") or []), *_stated(recipe, READINESS))
    return [_evaluated(constraint, snapshot, READINESS) for constraint in stated]


def require(ready: Iterable[Check]) -> None:
    """Raises CheckFailed for the first one that does not hold, with its remediation."""
    for check in ready:
        if check.status == FAILED:
            raise CheckFailed(f"readiness check failed: {check.name} {check.message}")


def contradictions(recipe: Mapping[str, Any], implied: Mapping[str, str]) -> list[str]:
    """What the recipe was made for and the snapshot's criteria say is not so."""
    criteria = recipe.get("criteria")
    asked = criteria if isinstance(criteria, dict) else {}
    return [
        f"the recipe is for {field}={asked[field]}, the snapshot is of {field}={value}"
        for field, value in implied.items()
        if asked.get(field) not in (None, "", ANY, value)
    ]


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
        if is_measurement(
            constraint["name"]
        ):  # others are of checks in the cluster, which read them
            yield _evaluated(constraint, snapshot, phase)


def _evaluated(constraint: Mapping[str, Any], snapshot: Readings, phase: str) -> Check:
    name, value = constraint["name"], constraint["value"]
    outcome = constraints.check(name, value, snapshot)
    status = PASSED if outcome.passed else FAILED if outcome.measured else SKIPPED
    remedy = constraint.get("remediation") if status == FAILED else ""
    return Check(name, phase, status, outcome.reason + (f" ({remedy})" if remedy else ""))


def _stated(recipe: Mapping[str, Any], phase: str) -> list[Mapping[str, Any]]:
    """The constraints of a phase."""
    return ((recipe.get("validation") or {}).get(phase) or {}).get("constraints") or []


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
