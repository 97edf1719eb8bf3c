"""An installation for every test that wants one."""

from __future__ import annotations

from tests.controlplane.installation import clock, keys, prepared, worker, workers

__all__ = ["clock", "keys", "prepared", "worker", "workers"]
