"""Files generated from the server's code are current."""

from __future__ import annotations

import pytest

from controlplane.references import generated
from tests.conftest import ROOT

FILES = generated()


@pytest.mark.parametrize("path", FILES)
def test_the_generated_file_is_current(path: str) -> None:
    assert (ROOT / path).read_text(encoding="utf-8") == FILES[path], "run make generate"
