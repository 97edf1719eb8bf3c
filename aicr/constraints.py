"""Constraints: expressions over snapshot readings (contract section 11.2).

The reasons are worded as the real AICR words them; recipes carry them in `constraintWarnings`.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import NamedTuple

from aicr import versions
from aicr.snapshot import NoReading, Readings, reading

# Longest first, so that ">=" is not read as ">".
OPERATORS = (">=", "<=", "==", "!=", ">", "<")


class Outcome(NamedTuple):
    """What came of one constraint: `actual` is None when there was no reading."""

    passed: bool
    expected: str
    actual: str | None
    reason: str
    measured: bool = True

    @property
    def plain(self) -> str:
        """What came of it in words for people, to follow the constraint's name."""
        if not self.measured:
            return "is not measured in the snapshot"
        if self.actual is not None and self.reason.startswith("expected "):
            return f"must be {self.expected}, the snapshot has {self.actual}"
        return "cannot be checked: " + re.sub(r"\[[A-Z_]+\] ", "", self.reason)


def parse(expression: str) -> tuple[str, str]:
    """Operator (empty for plain equality) and operand. Raises ValueError on an empty operand."""
    text = expression.strip()
    for operator in OPERATORS:
        if text.startswith(operator):
            operand = text[len(operator) :].strip()
            if not operand:
                raise ValueError(
                    "[INVALID_REQUEST] constraint value cannot be empty after operator"
                )
            return operator, operand
    if not text:
        raise ValueError("[INVALID_REQUEST] constraint value cannot be empty")
    return "", text


def check(name: str, expression: str, snapshot: Readings) -> Outcome:
    """Evaluate one constraint; never raises, a failure to evaluate is a failed outcome."""
    try:
        actual = reading(snapshot, name)
    except NoReading as e:
        text = f"[NOT_FOUND] value not found in snapshot: {e}"
        return Outcome(False, expression, None, text, measured=False)
    except ValueError as e:
        return Outcome(False, expression, None, f"[INVALID_REQUEST] invalid constraint path: {e}")
    try:
        operator, operand = parse(expression)
    except ValueError as e:
        text = f"[INVALID_REQUEST] invalid constraint expression: {e}"
        return Outcome(False, expression, actual, text)
    try:
        passed = holds(operator, operand, actual)
    except ValueError as e:
        return Outcome(False, expression, actual, f"[INTERNAL] evaluation failed: {e}")
    reason = "" if passed else f"expected {expression}, got {actual}"
    return Outcome(passed, expression, actual, reason)


def holds(operator: str, operand: str, actual: str) -> bool:
    """Whether `actual operator operand`. Raises ValueError when an ordering has no versions."""
    if operator in versions.ORDERINGS:
        left, right = _version(actual, "actual"), _version(operand, "expected")
        return versions.ORDERINGS[operator](left, right)
    same = actual.strip() == operand
    if operator in ("==", "!=") and "." in operand and any(c.isdigit() for c in operand):
        with suppress(ValueError):  # not versions: compared as text
            same = versions.equal(versions.parse(actual), versions.parse(operand))
    return same != (operator == "!=")


def _version(text: str, side: str) -> versions.Version:
    try:
        return versions.parse(text)
    except ValueError as e:
        raise ValueError(f"[INVALID_REQUEST] cannot parse {side} version: {e}") from None
