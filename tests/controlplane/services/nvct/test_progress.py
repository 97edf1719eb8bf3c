"""Progress files, from good ones to anything at all."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.services.nvct.progress import MAX_BYTES, parse

AT = "2026-01-01T00:00:00Z"
CHANGED = 1767225600.0


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ({"percentComplete": 1}, {"percentComplete": 1}),
        ({"percentComplete": 100}, {"percentComplete": 100}),
        ({"percentComplete": 12.9}, {"percentComplete": 12}),
        ({"percentComplete": 5, "name": "a", "metadata": {"x": [1]}}, {"percentComplete": 5, "name": "a", "metadata": {"x": [1]}}),
        ({"percentComplete": 5, "taskId": "t", "lastUpdatedAt": "2030-01-01T00:00:00Z"}, {"percentComplete": 5}),
        ({"percentComplete": 5, "name": 1, "metadata": "x"}, {"percentComplete": 5}),
        ({"percentComplete": 5, "name": ""}, {"percentComplete": 5}),
        ({"percentComplete": 0}, None),
        ({"percentComplete": 101}, None),
        ({"percentComplete": True}, None),
        ({"percentComplete": "50"}, None),
        ({}, None),
        ([], None),
        (None, None),
    ],
)  # fmt: skip
def test_what_files_say(said: Any, found: Any) -> None:
    expected = None if found is None else {**found, "at": AT}
    assert parse(json.dumps(said).encode(), CHANGED) == expected


@pytest.mark.parametrize(
    "data", [b"", b"{", b'{"percentComplete": 5', b"\xff", b"NaN", b" " * (MAX_BYTES + 1)]
)
def test_what_is_no_progress(data: bytes) -> None:
    assert parse(data, CHANGED) is None


@given(st.binary())
def test_nothing_breaks_it(data: bytes) -> None:
    parse(data, CHANGED)
