"""A home after its first start, as AICR_HOME."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.controlplane.installation import prepared

__all__ = ["home", "prepared"]


@pytest.fixture
def home(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "home"
    shutil.copytree(prepared, path)
    monkeypatch.setenv("AICR_HOME", str(path))
    return path
