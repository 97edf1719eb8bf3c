"""Stacks of clusters: what changes them, and what does not."""

from __future__ import annotations

import pytest

import aicr._version
from aicr.bundle import provenance, sbom
from aicr.catalog import Catalog
from aicr.errors import InvalidRequest
from controlplane.stacks import Stacks

CRITERIA = {"service": "eks", "accelerator": "h100", "intent": "training"}


def test_a_newer_program_that_answers_the_same_changes_nothing(
    builtin: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = Stacks(builtin).of(CRITERIA)
    for module in (aicr._version, provenance, sbom):
        monkeypatch.setattr(module, "__version__", "99.0.0", raising=False)
    assert Stacks(builtin).of(CRITERIA) == before


def test_other_criteria_are_another_stack(builtin: Catalog) -> None:
    one = Stacks(builtin).of(CRITERIA)
    other = Stacks(builtin).of({**CRITERIA, "accelerator": "l40"})
    assert one["recipe"] != other["recipe"]
    assert one["bundle"] != other["bundle"]


@pytest.mark.parametrize(
    ("criteria", "said"),
    [({}, "state at least one of"), ({"colour": "red"}, "colour: no such criterion")],
)
def test_criteria_that_are_none(builtin: Catalog, criteria: dict[str, str], said: str) -> None:
    with pytest.raises(InvalidRequest, match=said):
        Stacks(builtin).of(criteria)
