"""Instants on the wire."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.access.times import of_seconds, parse, stamp


@pytest.mark.parametrize(
    ("text", "again"),
    [
        ("2023-10-03T08:25:24Z", "2023-10-03T08:25:24Z"),
        ("2023-10-03T08:25:24.000Z", "2023-10-03T08:25:24Z"),
        ("2023-10-03T08:25:24.5Z", "2023-10-03T08:25:24.500Z"),
        ("2023-10-03T08:25:24.123456789Z", "2023-10-03T08:25:24.123Z"),
        ("2023-10-03T10:25:24+02:00", "2023-10-03T08:25:24Z"),
        ("2023-10-03T23:59:59-01:00", "2023-10-04T00:59:59Z"),
        ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"),
    ],
)
def test_one_spelling(text: str, again: str) -> None:
    assert stamp(parse(text)) == again


@pytest.mark.parametrize(
    "text",
    [
        "", "tomorrow", "2023-10-03", "2023-10-03T08:25:24", "2023-10-03 08:25:24Z",
        "2023-10-03T08:25Z", "2023-10-03t08:25:24z", "2023-13-03T08:25:24Z",
        "2023-02-29T08:25:24Z", "2023-10-03T24:00:00Z", "2023-10-03T08:25:60Z",
        "2023-10-03T08:25:24Z\n", "2023-10-03T08:25:24.Z", "2023-10-03T08:25:24+0200",
        "2023-10-03T08:25:24.1234567890Z", "٢٠٢٣-10-03T08:25:24Z", "1696321524",
        "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00", "2023-10-03T08:25:24+99:00",
    ],
)  # fmt: skip
def test_everything_else_is_none(text: str) -> None:
    with pytest.raises(
        ValueError, match=r"instant|month|day|hour|second|offset|timedelta|isoformat"
    ):
        parse(text)


MOMENTS = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))


@given(MOMENTS)
def test_a_stamp_is_the_instant_to_the_millisecond(moment: datetime) -> None:
    text = stamp(moment)
    assert timedelta(0) <= moment - parse(text) < timedelta(milliseconds=1)
    assert stamp(parse(text)) == text
    assert ("." in text) == (moment.microsecond >= 1000)


@given(st.integers(0, 4_000_000_000))
def test_unix_seconds(seconds: int) -> None:
    assert parse(stamp(of_seconds(seconds))).timestamp() == seconds
