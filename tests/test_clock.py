"""The time that documents carry."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from aicr import clock
from aicr.errors import InvalidRequest


def test_a_fixed_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1767225600")
    assert clock.stamp(clock.now()) == "2026-01-01T00:00:00Z"


@pytest.mark.parametrize("fixed", ["", None])
def test_the_time(monkeypatch: pytest.MonkeyPatch, fixed: str | None) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    if fixed is not None:
        monkeypatch.setenv("SOURCE_DATE_EPOCH", fixed)
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(minutes=1)


@pytest.mark.parametrize("fixed", ["yesterday", "1e99", "9" * 30])
def test_what_is_no_time(monkeypatch: pytest.MonkeyPatch, fixed: str) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", fixed)
    with pytest.raises(InvalidRequest, match="SOURCE_DATE_EPOCH must be a number of seconds"):
        clock.now()
