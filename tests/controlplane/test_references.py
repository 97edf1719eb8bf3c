"""The OpenAPI document in docs/ is the one that the server answers."""

from __future__ import annotations

from controlplane.references import PATH, generated
from tests.conftest import ROOT


def test_the_generated_file_is_current() -> None:
    assert (ROOT / PATH).read_text() == generated(), "run make generate"
