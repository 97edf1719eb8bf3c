"""Durations as java.time reads and prints them."""

from __future__ import annotations

import pytest

from controlplane import durations


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("PT0S", "PT0S"),
        ("PT30S", "PT30S"),
        ("pt90s", "PT1M30S"),
        ("P1D", "PT24H"),
        ("P2DT3H4M5.5S", "PT51H4M5.5S"),
        ("PT-90S", "PT-1M-30S"),
        ("-PT1H", "PT-1H"),
        ("PT0.000000001S", "PT0.000000001S"),
        ("PT1,5S", "PT1.5S"),
    ],
)
def test_durations(text: str, printed: str) -> None:
    assert durations.text(durations.parse(text)) == printed


@pytest.mark.parametrize(
    "text",
    [
        "",
        "P",
        "PT",
        "P1DT",
        "10 seconds",
        "PT1.5M",
        "P1Y",
        "P1M",
        "PT1S ",
        "PT٣S",
        f"PT{'9' * 40}S",
    ],
)
def test_what_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"duration|long"):
        durations.parse(text)
