"""Sizes: small ones for every run, those of the issue with AICR_ROBUSTNESS=full."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from typing import Any

import pytest

FULL = os.environ.get("AICR_ROBUSTNESS") == "full"
Say = Callable[[str], None]


def size(full: int, small: int) -> int:
    """How many: the number of the issue, or one that keeps the suite in seconds."""
    return full if FULL else small


@pytest.fixture
def say(record_property: Any, capsys: pytest.CaptureFixture[str]) -> Say:
    """Report what was counted: kept with the result, and printed in full runs."""

    def report(line: str) -> None:
        record_property("counted", line)
        if FULL:
            with capsys.disabled():
                print(f"\n{line}")  # noqa: T201

    return report


@pytest.fixture(scope="session")
def children() -> Any:
    """Makes processes that have everything imported already."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.robustness.child"])
    return context
