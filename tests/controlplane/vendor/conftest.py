"""What is tested here is met through functions."""

from __future__ import annotations

from tests.controlplane.services.nvcf.conftest import nvcf

__all__ = ["nvcf"]
