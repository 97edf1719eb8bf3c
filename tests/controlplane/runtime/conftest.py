"""A host of the test's own, on which nothing isolates."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.controlplane.hosts import Host, running


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only directory on the PATH."""
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setenv("PATH", str(directory))
    return directory


@pytest.fixture
def host(tmp_path: Path, path: Path) -> Iterator[Host]:
    with running(tmp_path / "home", period=0.02) as found:
        yield found
